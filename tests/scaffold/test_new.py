"""``labloom new`` on the command line: what it prints, what it refuses, and what it then leaves."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tomllib

import pytest

from labloom.scaffold.writing import template_files


def refusal(done):
    """The lines of an error of the command line, which has to end with status 2."""
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stdout == ""
    return [line.strip() for line in done.stderr.splitlines()]


def test_everything_is_written_and_said(light_labloom, tmp_path):
    done = light_labloom("new", "speech", "--task", "detect")
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "labloom-speech"
    assert done.stdout.splitlines() == [
        "wrote labloom-speech",
        "  pyproject.toml  the distribution, its version and what it needs",
        "  src/labloom_speech/",
        "    plugin.py     the task's name and metric",
        "    detect.py     the loss and the metrics",
        "    data.py       what a batch is",
        "    nets.py       the networks",
        "    conf/         option files for task=, model=, data=, experiment=",
        "  tests/          what labloom asks of every plugin, and your own",
        "",
        "next",
        f"  export LABLOOM_PLUGINS={folder}      # or: pip install -e labloom-speech",
        "  labloom run task=speech_detect",
        "  labloom run -m task=speech_detect model.width=16,64 optimizer.lr=1e-3,1e-2",
        "  labloom check speech",
    ]
    assert [entry.name for entry in tmp_path.iterdir()] == ["labloom-speech"]
    files = [file for file in folder.rglob("*") if file.is_file()]
    assert {str(file.relative_to(folder)) for file in files} == {
        ".gitignore",
        "README.md",
        "pyproject.toml",
        "src/labloom_speech/__init__.py",
        "src/labloom_speech/conf/__init__.py",
        "src/labloom_speech/conf/data/speech_tumours.yaml",
        "src/labloom_speech/conf/experiment/speech_first.yaml",
        "src/labloom_speech/conf/model/speech_mlp.yaml",
        "src/labloom_speech/conf/task/speech_detect.yaml",
        "src/labloom_speech/data.py",
        "src/labloom_speech/detect.py",
        "src/labloom_speech/nets.py",
        "src/labloom_speech/plugin.py",
        "tests/conftest.py",
        "tests/test_contract.py",
        "tests/test_nets.py",
    }
    assert len(files) == len(template_files())


def test_the_id_names_distribution_package_and_entry_point(light_labloom, tmp_path):
    assert light_labloom("new", "speech_to_text").returncode == 0
    folder = tmp_path / "labloom-speech-to-text"
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    assert project["name"] == "labloom-speech-to-text"
    assert project["entry-points"]["labloom.plugins"] == {
        "speech_to_text": "labloom_speech_to_text.plugin"
    }
    assert "class TestSpeechToText(" in (folder / "tests" / "test_contract.py").read_text()


def test_a_folder_of_plugins_that_is_looked_at_anyway_needs_no_export(light_labloom, tmp_path):
    plugins = tmp_path / "plugins"
    plugins.mkdir()
    done = light_labloom("new", "speech", "--dir", plugins, LABLOOM_PLUGINS=str(plugins))
    assert done.returncode == 0, done.stderr
    assert "export" not in done.stdout
    assert "labloom run task=speech_classify" in done.stdout


def test_plugins_that_are_named_already_stay_named(light_labloom, plugin_folder, good_plugin):
    other = plugin_folder("other", good_plugin.format(id="other"))
    done = light_labloom("new", "speech", LABLOOM_PLUGINS=str(other))
    assert "  export LABLOOM_PLUGINS=$LABLOOM_PLUGINS:/" in done.stdout


def test_a_folder_with_a_blank_is_quoted(light_labloom, tmp_path):
    (tmp_path / "my lab").mkdir()
    done = light_labloom("new", "speech", "--dir", "my lab")
    folder = tmp_path / "my lab" / "labloom-speech"
    assert f"export LABLOOM_PLUGINS='{folder}'      # or: pip install -e 'my lab/" in done.stdout


@pytest.mark.parametrize(
    ("plugin", "fix"),
    [
        ("Speech-2", "for instance 'speech_2'"),
        ("2speech", "for instance 'speech'"),
        ("speech_", "for instance 'speech'"),
        ("speech__text", "for instance 'speech_text'"),
        ("sprache\n", "for instance 'sprache'"),
        ("labloom-speech", "for instance 'speech'"),
        ("42", "choose another name"),
        ("", "choose another name"),
    ],
)
def test_a_misspelt_id_is_refused_with_a_mended_one(light_labloom, tmp_path, plugin, fix):
    assert refusal(light_labloom("new", plugin))[-3:] == [
        "expected: words of a-z and 0-9 joined by single underscores, a letter first",
        f"got:      {plugin!r}",
        f"fix:      {fix}",
    ]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["class"], "'class' cannot be used as a plugin id: it is a word of Python's own"),
        (["speech", "--task", "Run!"], "'Run!' cannot be used as a task"),
        (["speech", "--task", "with"], "'with' cannot be used as a task: it is a word of Python's"),
        (["a" * 25], f"the plugin id '{'a' * 25}' is too long"),
        (["speech", "--task", "b" * 25], f"the task '{'b' * 25}' is too long"),
        (["custom"], "the plugin id 'custom' is labloom's own"),
        (["labloom"], "the plugin id 'labloom' is labloom's own"),
        (["speech", "--task", "nets"], "the task cannot be called 'nets'"),
        (["speech", "--task", "conf"], "the task cannot be called 'conf'"),
        (["speech", "--task", "speech_detect"], "the task would be called 'speech_speech_detect'"),
        (["labloom_foo"], "the plugin id 'labloom_foo' begins with labloom's own name"),
        (["vision"], "there is a plugin 'vision' already"),
        (["vision_two"], "the ids 'vision_two' and 'vision' cannot be told apart in the names of"),
        (["speech", "--dir", "nowhere"], "there is no folder nowhere"),
        (["speech", "--dir", "/proc"], "/proc/labloom-speech cannot be written"),
    ],
)
def test_a_refusal_says_why_and_leaves_nothing(light_labloom, tmp_path, words, told):
    lines = refusal(light_labloom("new", *words))
    assert lines[0].startswith(f"error: {told}")
    assert lines[-1].startswith("fix:")
    assert list(tmp_path.iterdir()) == []


def test_an_id_with_the_prefix_of_the_distribution_is_told_without_it(light_labloom):
    lines = refusal(light_labloom("new", "labloom_foo"))
    assert lines[-1] == "fix:      labloom new foo"


def test_a_task_that_repeats_the_id_is_told_without_it(light_labloom):
    lines = refusal(light_labloom("new", "speech", "--task", "speech_detect"))
    assert lines[-1] == "fix:      --task detect   (gives task=speech_detect)"


def test_the_id_of_a_broken_plugin_is_taken(light_labloom, plugin_folder):
    broken = plugin_folder("speech", "import nothing_of_this_name")
    lines = refusal(light_labloom("new", "speech", LABLOOM_PLUGINS=str(broken)))
    assert lines[0] == "error: there is a plugin 'speech' already"
    assert lines[1] == f"got:      labloom-speech 1.2 in {broken}"


def test_the_id_of_a_plugin_that_is_switched_off_is_taken(light_labloom):
    lines = refusal(light_labloom("new", "speech", LABLOOM_DISABLE="speech"))
    assert lines[1] == "got:      switched off by LABLOOM_DISABLE"


def test_an_id_that_begins_another_plugins_id_is_refused(light_labloom, plugin_folder, good_plugin):
    other = plugin_folder("speech_text", good_plugin.format(id="speech_text"))
    lines = refusal(light_labloom("new", "speech", LABLOOM_PLUGINS=str(other)))
    assert lines == [
        "error: the ids 'speech' and 'speech_text' cannot be told apart in the names of tasks",
        "expected: an id that does not begin with another plugin's id, nor begin one",
        f"got:      'speech_text' is labloom-speech-text 1.2 in {other}",
        "fix:      choose another id",
    ]


def test_a_package_that_is_importable_already_is_not_shadowed(light_labloom, tmp_path):
    package = tmp_path / "elsewhere" / "labloom_speech"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    lines = refusal(light_labloom("new", "speech", PYTHONPATH=str(package.parent)))
    assert lines == [
        "error: there is a Python package 'labloom_speech' already",
        f"got:      {package / '__init__.py'}",
        "fix:      choose another id, or take the package away",
    ]
    assert [entry.name for entry in tmp_path.iterdir()] == ["elsewhere"]


@pytest.mark.parametrize("kind", ["folder", "file", "link to nowhere"])
def test_what_is_there_is_never_overwritten(light_labloom, tmp_path, kind):
    target = tmp_path / "labloom-speech"
    if kind == "folder":
        target.mkdir()
    elif kind == "file":
        target.write_text("mine")
    else:
        target.symlink_to("nowhere")
    lines = refusal(light_labloom("new", "speech"))
    assert lines[0] == "error: labloom-speech is there already"
    assert [entry.name for entry in tmp_path.iterdir()] == ["labloom-speech"]
    assert kind != "file" or target.read_text() == "mine"


def test_a_disk_that_is_full_halfway_leaves_nothing(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "labloom", "new", "speech"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000)),
        capture_output=True,
        text=True,
        timeout=60,
    )
    lines = refusal(done)
    assert lines[:2] == ["error: labloom-speech cannot be written", "got:      File too large"]
    assert list(tmp_path.iterdir()) == []
