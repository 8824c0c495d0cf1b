"""What ``labloom new`` writes is clean code under every name, and works as its output says."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

LONGEST = "abcdefghijklmnopqrstuvwx"
# The template's own words among them: names are replaced in one pass.
NAMES = [
    ("a1", "b"),
    ("speech", "detect"),
    ("speech_to_text", "classify"),
    (LONGEST, LONGEST),
    ("classify", "starter"),
    ("starter", "classify"),
]


def ruff(*words, cwd):
    """What ruff has to say against a folder: nothing, if all is well."""
    done = subprocess.run(
        [sys.executable, "-m", "ruff", *map(str, words), "--no-cache"],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return "" if done.returncode == 0 else done.stdout + done.stderr


def texts(folder):
    """Path and text of every file."""
    return {
        str(file.relative_to(folder)): file.read_text(encoding="utf-8")
        for file in folder.rglob("*")
        if file.is_file()
    }


@pytest.mark.parametrize(("plugin", "task"), NAMES)
def test_the_code_passes_its_own_ruff_settings(written, plugin, task):
    folder = written(plugin, task)
    assert ruff("check", ".", cwd=folder) == ""
    assert ruff("format", "--check", ".", cwd=folder) == ""


@pytest.mark.parametrize(("plugin", "task"), NAMES)
def test_the_code_passes_the_settings_of_the_core(written, checkout, tmp_path, plugin, task):
    folder = written(plugin, task)
    # As if it stood in plugins/ of the checkout: which files must be light goes by their place.
    settings = ("--config", checkout / "pyproject.toml", "--config", "src = ['plugins/*/src']")
    assert ruff("check", folder, *settings, cwd=tmp_path) == ""
    assert ruff("format", "--check", folder, *settings, cwd=tmp_path) == ""


def test_a_fault_in_the_code_would_be_found(written, checkout, tmp_path):
    folder = written()
    with (folder / "src" / "labloom_speech" / "plugin.py").open("a") as file:
        file.write("\n\nimport torch\n")
    settings = ("--config", checkout / "pyproject.toml", "--config", "src = ['plugins/*/src']")
    assert "TID253" in ruff("check", folder, *settings, cwd=tmp_path)
    assert "F401" in ruff("check", ".", cwd=folder)


@pytest.mark.parametrize(("plugin", "task"), [("speech", "detect"), ("speech_to_text", "align")])
def test_no_line_of_any_file_is_longer_than_a_hundred_characters(written, plugin, task):
    lines = [line for text in texts(written(plugin, task)).values() for line in text.splitlines()]
    assert max(map(len, lines)) <= 100


def test_nothing_is_left_of_the_templates_names(written):
    for path, text in texts(written("speech", "detect")).items():
        assert not re.search("starter|classify", f"{path}\n{text}", re.IGNORECASE), path


def test_names_that_are_words_of_the_template_are_not_replaced_twice(written):
    folder = written("classify", "starter")
    assert (folder / "src" / "labloom_classify" / "starter.py").exists()
    assert "class TestClassify(" in (folder / "tests" / "test_contract.py").read_text()


def test_the_tests_of_the_networks_pass_from_the_plugins_folder(written, shell):
    printed = shell(["python -m pytest -q -p no:cacheprovider tests/test_nets.py"], written())
    assert "5 passed" in printed


def test_the_suite_finds_the_plugin_before_it_is_installed(written, shell):
    # One quick check; `labloom check` makes all of them, on the plugin as it was written.
    loads = "python -m pytest -q -p no:cacheprovider tests/test_contract.py -k the_plugin_loads"
    assert "1 passed" in shell([loads], written())


def test_the_next_commands_are_the_ones_that_follow(shell, tmp_path):
    said = shell(["labloom new speech --task detect"], tmp_path)
    lines = [line.strip() for line in said.partition("next\n")[2].splitlines()]
    assert lines[0].startswith(f"export LABLOOM_PLUGINS={tmp_path}/labloom-speech")
    assert [line.split()[:3] for line in lines[1:]] == [
        ["labloom", "run", "task=speech_detect"],
        ["labloom", "run", "-m"],
        ["labloom", "check", "speech"],
    ]
    # Tests of the wheels and of the tutorial carry them out.
    shown = [f"{lines[1]} --cfg job"]
    assert "name: speech_detect" in shell([lines[0], *shown], tmp_path)


def test_what_training_leaves_is_ignored_by_git(shell, tmp_path):
    folder = tmp_path
    shell(["labloom new speech"], folder)
    kept = ["cd labloom-speech", "git init -q", "mkdir outputs", "touch outputs/a mlflow.db b"]
    assert "outputs" not in shell([*kept, "git status --short -uall"], folder)
