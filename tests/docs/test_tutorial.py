"""docs/tutorial.md is followed in a fresh folder, block by block, in a real shell."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

LIMIT = 600  # seconds for the whole page
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^\$ (.+(?:(?<=\\)\n.+)*)\n((?:(?!\$ ).*\n)*)", re.MULTILINE)
# An installation loads gigabytes; that of the checkout is what runs this test.
NOT_EXECUTED = ["python -m venv .venv && source .venv/bin/activate", "pip install labloom pytest"]
# The only command that has to fail: the page has made a mistake on purpose.
FAILS = "python -m pytest -q -k gradients"
# Answered by Ctrl-C once it says that it waits for it. `set -m`: else bash shields it from Ctrl-C.
SERVE = """set -m
log=$(mktemp)
labloom ui >"$log" 2>&1 &
while kill -0 %1 2>/dev/null && ! grep -q 'Ctrl-C ends it' "$log"; do sleep 0.1; done
kill -INT %1
wait %1
status=$?
cat "$log"
rm "$log"
(exit $status)"""
# What differs from machine to machine and from run to run, in the order of replacing.
VARIABLE = (
    (r"\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d(-\d+)?", "TIME"),
    (r"(loss|acc) +[\d.e-]+", r"\1 NUMBER"),
    (r"(run|show) +[0-9a-f]{8}\b", r"\1 ID"),
    (r"127\.0\.0\.1:\d+", "ADDRESS"),
    (r"FINISHED +[\d.]+", "FINISHED SECONDS"),
    (r"Barolo +[\d.]+", "Barolo PROBABILITY"),
    (r"\b\d+(\.\d+)? s\b", "SECONDS"),
    (r"\d+\.\d+(e-\d+)?", "NUMBER"),
    (r" +", " "),
)


@dataclass(frozen=True)
class Command:
    """A command of the page, what the page shows of its output, and what it printed."""

    text: str
    shown: str
    printed: str
    status: int


class Shell:
    """A bash that keeps its folder and variables from one command to the next."""

    END = "end-of-command"

    def __init__(self, folder):
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("LABLOOM_", "MLFLOW_"))}
        path = f"{Path(sys.executable).parent}{os.pathsep}{kept['PATH']}"
        # The browser that `labloom ui` opens is a command that does nothing.
        quick = {"OMP_NUM_THREADS": "1", "COLUMNS": "80", "BROWSER": "true"}
        self.process = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            cwd=folder,
            env={**kept, "PATH": path, **quick},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.timer = threading.Timer(LIMIT, self._kill)

    def __enter__(self):
        self.timer.start()
        return self

    def __exit__(self, *_):
        self.timer.cancel()
        self._kill()
        self.process.communicate()

    def run(self, text):
        """Output of a command, standard error in it, and its status."""
        self.process.stdin.write(f"{{\n{text}\n}} </dev/null\necho {self.END} $?\n")
        self.process.stdin.flush()
        lines = []
        for line in self.process.stdout:
            before, end, status = line.rpartition(self.END)
            if end:
                return "".join([*lines, before]), int(status)
            lines.append(line)
        raise AssertionError(f"the shell ended in: {text}\n{''.join(lines)}")

    def folder(self):
        """Where the shell stands."""
        return Path(self.run("pwd")[0].strip())

    def _kill(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)


def edit(folder, place, code):
    """Do with ``code`` what the first line of its block says."""
    found = re.fullmatch(r"# (\S+\.\w+), (.+)", place)
    assert found, f"neither file nor place in: {place}"
    file, where = folder / found[1], found[2]
    assert file.exists() is (where != "a new file"), place
    if where == "a new file":
        file.write_text(code)
    elif where == "at the end":
        file.write_text(f"{file.read_text()}\n\n{code}")
    elif where == "in place of everything above the class":
        _, start, rest = file.read_text().partition("\n\n\nclass ")
        assert start, place
        file.write_text(f"{code.rstrip()}{start}{rest}")
    else:
        raise AssertionError(f"unknown place: {place}")


def change(folder, place, diff):
    """Replace the lines with ``-`` by those with ``+``; they stand in the file exactly once."""
    file = folder / place.removeprefix("# ")
    lines = diff.splitlines(keepends=True)
    assert {line[0] for line in lines} <= {" ", "-", "+"}
    old = "".join(line[1:] for line in lines if line[0] != "+")
    new = "".join(line[1:] for line in lines if line[0] != "-")
    text = file.read_text()
    assert text.count(old) == 1, f"{text.count(old)} times in {file}:\n{old}"
    file.write_text(text.replace(old, new))


def expected(shown):
    """A regular expression for what the page shows; ``...`` stands for anything."""

    def of_line(line):
        if line == "...":
            return r"(?:.*\n)*?"
        start, cut, _ = line.partition(" ...") if line.endswith(" ...") else (line, "", "")
        return re.escape(stable(start)) + (r".*\n" if cut else r"\n")

    return "".join(of_line(line) for line in shown.rstrip("\n").split("\n"))


def stable(text):
    """``text`` without what differs from machine to machine."""
    for pattern, replacement in VARIABLE:
        text = re.sub(pattern, replacement, text)
    return "\n".join(line.rstrip() for line in text.split("\n"))


@pytest.fixture(scope="module")
def blocks(pages):
    """Language and text of every block, in the order of the page."""
    return BLOCK.findall(pages["tutorial"].text)


@pytest.fixture(scope="module")
def followed(blocks, tmp_path_factory):
    """The folder of a reader who did everything that the page says, and every command."""
    folder = tmp_path_factory.mktemp("reader")
    commands = []
    with Shell(folder) as shell:
        for language, text in blocks:
            first, _, rest = text.partition("\n")
            if language in ("python", "yaml"):
                edit(shell.folder(), first, rest)
            elif language == "diff":
                change(shell.folder(), first, rest)
            elif language == "console":
                for command, shown in COMMAND.findall(text):
                    if command not in NOT_EXECUTED:
                        real = SERVE if command == "labloom ui" else command
                        commands.append(Command(command, shown, *shell.run(real)))
            else:
                raise AssertionError(f"a block of an unknown kind: {language}\n{text}")
    return folder, commands


@pytest.fixture(scope="module")
def printed(followed):
    """What the first command printed that begins with some words."""

    def of(words):
        return next(c.printed for c in followed[1] if c.text.startswith(words))

    return of


def test_nothing_of_the_page_is_skipped(pages, blocks):
    assert pages["tutorial"].text.count("```") == 2 * len(blocks)
    assert {language for language, _ in blocks} == {"console", "python", "yaml", "diff"}
    consoles = [text for language, text in blocks if language == "console"]
    found = ["".join(f"$ {c}\n{shown}" for c, shown in COMMAND.findall(t)) for t in consoles]
    assert found == consoles
    assert [command for command, _ in COMMAND.findall(consoles[0])] == NOT_EXECUTED


def test_every_command_ends_as_the_page_says(followed):
    wrong = [c for c in followed[1] if c.status != (1 if c.text == FAILS else 0)]
    assert wrong == [], "\n".join(f"$ {c.text}\n{c.printed}" for c in wrong)
    assert FAILS in [command.text for command in followed[1]]


def test_what_is_shown_is_what_is_printed(followed):
    shown = [command for command in followed[1] if command.shown.strip()]
    assert len(shown) >= 8
    for command in shown:
        assert re.fullmatch(expected(command.shown), stable(command.printed)), command.printed


def test_the_new_plugin_tells_tumours_apart(printed):
    run = printed("labloom run task=wine_cultivar")
    accuracy = float(re.search(r"^test .*acc (\S+) ", run, re.M)[1])
    assert accuracy > 0.93  # always saying "benign" gives 0.63


def test_the_chosen_network_tells_wines_apart(printed):
    accuracy = float(re.search(r"^test .*acc (\S+) ", printed("labloom run -m"), re.M)[1])
    assert accuracy > 0.9  # always saying "Grignolino" gives 0.4


def test_the_mistake_does_not_show_in_the_accuracy(printed):
    run = printed("labloom run task=wine_cultivar model=wine_residual")
    assert float(re.search(r"^test .*acc (\S+) ", run, re.M)[1]) > 0.9


def test_the_table_of_the_sweep_is_in_the_order_of_the_page(printed):
    rows = re.findall(r"^ +(\d) +wine_\w+ +\S+ +(\S+) +FINISHED", printed("labloom run -m"), re.M)
    assert [trial for trial, _ in rows] == ["3", "1", "2", "0"]
    losses = [float(loss) for _, loss in rows]
    assert losses == sorted(losses)


def test_the_resumed_run_goes_on_to_the_epoch_that_was_asked_for(printed):
    epochs = re.findall(r"^epoch (\d+)/20 ", printed("labloom run resume"), re.M)
    assert list(map(int, epochs)) == list(range(11, 21))


def test_the_figure_is_drawn_for_the_tested_trial_alone(followed):
    figures = list((followed[0] / "outputs/sweeps").rglob("figures/test/confusions.png"))
    assert [figure.parents[2].name for figure in figures] == ["3"]
    assert figures[0].stat().st_size > 5000


def test_the_check_finds_no_fault(printed):
    assert "FAILED" not in printed("labloom check wine")
    assert "breaks" not in printed("labloom check wine")


def test_nothing_of_the_tumours_is_left_in_the_package(followed):
    package = followed[0] / "labloom-wine/src/labloom_wine"
    files = [file for file in package.rglob("*") if file.suffix in (".py", ".yaml")]
    assert len(files) >= 9
    for file in files:
        assert not re.search("tumour|malignant|cancer", file.read_text(), re.I), file


def test_the_readers_code_passes_the_plugins_own_ruff_settings(followed):
    for words in (["check"], ["format", "--check"]):
        ruff = [sys.executable, "-m", "ruff", *words, "--no-cache", "."]
        folder = followed[0] / "labloom-wine"
        done = subprocess.run(ruff, cwd=folder, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_wheel_takes_the_csv_file_along(followed, tmp_path):
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path)]
    subprocess.run(build, cwd=followed[0] / "labloom-wine", check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    assert "labloom_wine/wines.csv" in zipfile.ZipFile(wheel).namelist()


def test_a_difference_from_what_is_shown_is_noticed():
    shown = "a\n...\ntest    loss 0.1  acc 1\nend, ...\n"
    assert re.fullmatch(expected(shown), stable("a\nb\n\ntest  loss 0.25  acc 0.9\nend, of it\n"))
    assert not re.fullmatch(expected(shown), stable("a\ntest  loss 0.25  acd 0.9\nend, of it\n"))
    assert not re.fullmatch(expected(shown), stable("a\ntest  loss 0.25  acc 0.9\nend\n"))
