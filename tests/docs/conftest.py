"""Pages of ``docs/``: their blocks of code, and the files that these stand for."""

from __future__ import annotations

import contextlib
import re
import shlex
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import pytest

# "# src/labloom_iris/plugin.py": the first such line of a block names its file.
FILE = re.compile(r"^# (?P<path>[\w./-]+\.(?:py|yaml|toml))$", re.MULTILINE)


@dataclass(frozen=True)
class Page:
    """One page of the documentation."""

    text: str

    def blocks(self, language: str) -> list[str]:
        """The blocks of code in a language."""
        return re.findall(rf"^```{language}\n(.*?)^```", self.text, re.MULTILINE | re.DOTALL)

    def commands(self) -> list[list[str]]:
        """The words of every command behind a prompt, continued lines joined."""
        consoles = "".join(self.blocks("console")).replace("\\\n", " ")
        lines = re.findall(r"^\$ (.+)$", consoles, re.MULTILINE)
        return [shlex.split(line, comments=True) for line in lines]

    def labloom_commands(self) -> list[list[str]]:
        """What stands behind ``labloom`` in the commands that call it."""
        found = []
        for words in self.commands():
            at = next((i for i, word in enumerate(words) if Path(word).name == "labloom"), None)
            found += [words[at + 1 :]] if at is not None else []
        return found

    def files(self) -> dict[str, str]:
        """Path and text of every file whose blocks name it; several blocks make one file."""
        found: dict[str, list[str]] = defaultdict(list)
        for language in ("python", "yaml", "toml"):
            for block in self.blocks(language):
                named = FILE.search(block)
                if named is not None:
                    found[named["path"]].append(block)
        return {path: "\n\n".join(blocks) for path, blocks in found.items()}


@pytest.fixture(scope="session")
def pages(checkout):
    """Every page by name."""
    files = (checkout / "docs").glob("*.md")
    return {file.stem: Page(file.read_text(encoding="utf-8")) for file in files}


@pytest.fixture(scope="session")
def write_files():
    """Write files by their paths below a folder; returns the folder."""

    def write(folder, files):
        for path, text in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text, encoding="utf-8")
        return folder

    return write


@pytest.fixture
def in_folder(tmp_path, typed, found_by_discovery):
    """Run labloom commands that have to end well, in this process; returns what they print.

    ``cwd`` is the test's folder unless it is given. What is imported from there is forgotten.
    """

    def run(*words, plugins=(), cwd=tmp_path):
        with found_by_discovery(*plugins, code=[tmp_path]), contextlib.chdir(cwd):
            status, out, err = typed(*words)
        assert status == 0, f"{out}\n{err}"
        return out

    return run
