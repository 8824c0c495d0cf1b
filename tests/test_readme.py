"""What the README shows is true: its commands compose, its error is the error, its plugin loads."""

import re
import shlex

import pytest

from labloom.cli.app import VERBS
from labloom.compose.arguments import parse
from labloom.compose.composing import hydra_ready
from labloom.compose.plan import check_plan
from labloom.plugins import discover

# What stands for the reader's own things, and what needs heavy imports or a finished run.
OWN = ("my_code", "mine", "resume=", "optimizer.lrr", "speech_")


@pytest.fixture(scope="module")
def readme(checkout):
    return (checkout / "README.md").read_text(encoding="utf-8")


def commands(readme):
    """Every command behind a prompt, its continued lines joined, its comment taken off."""
    text = readme.replace("\\\n", " ")
    found = re.findall(r"^\s*\$ (labloom [^\n]+)$", text, re.MULTILINE)
    return [shlex.split(line, comments=True)[1:] for line in found]


def test_every_verb_of_the_readme_exists(readme):
    assert {words[0] for words in commands(readme)} <= set(VERBS)


def test_every_training_of_the_readme_composes(readme, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    trainings = [words[1:] for words in commands(readme) if words[0] == "run"]
    ours = [words for words in trainings if not any(own in " ".join(words) for own in OWN)]
    assert len(ours) >= 5
    for words in ours:
        with hydra_ready():
            check_plan(parse(words))


def test_the_error_of_the_readme_is_what_is_printed(readme, light_labloom):
    shown = re.search(r"\$ labloom (run [^\n]*lrr[^\n]*)\n(.*?)```", readme, re.DOTALL)
    done = light_labloom(*shown[1].split())
    assert [line.strip() for line in done.stderr.splitlines()] == [
        line.strip() for line in shown[2].strip().splitlines()
    ]


def test_the_plugin_of_the_readme_is_found_and_its_task_composes(readme, plugin_folder, tmp_path):
    blocks = re.findall(r"```(?:python|yaml)\n(.*?)```", readme, re.DOTALL)
    source = next(block for block in blocks if "register_tasks" in block)
    task = next(block for block in blocks if "conf/task/speech_digits.yaml" in block)
    model = next(block for block in blocks if "conf/model/speech_cnn.yaml" in block)
    plugin_folder(
        "speech",
        source,
        files={
            "conf/task/speech_digits.yaml": task,
            "conf/model/speech_cnn.yaml": model,
            "conf/data/speech_digits.yaml": "_target_: labloom_speech.digits.Data",
        },
    )
    assert discover().find_task("speech_digits")[0].summary == "Spoken digits"
    with hydra_ready():
        plan = check_plan(parse(["task=speech_digits", "model.width=64"]))
    assert plan.first.config.module._target_ == "labloom_speech.digits.Classifier"


def test_what_comes_before_the_science_has_as_many_lines_as_the_readme_says(readme):
    project = re.search(r"```toml\n(# pyproject.toml.*?)```", readme, re.DOTALL)[1]
    hooks = re.search(r"```python\n(# src/labloom_speech/plugin.py.*?)```", readme, re.DOTALL)[1]
    lines = [line for line in (project + hooks).splitlines() if line and not line.startswith("#")]
    promised = int(re.search(r"^## A plugin in (\d+) lines$", readme, re.MULTILINE)[1])
    assert len(lines) == promised <= 20


def test_the_experiment_of_the_readme_composes(readme, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```yaml\n(.*?)```", readme, re.DOTALL)
    (tmp_path / "experiments").mkdir()
    (tmp_path / "experiments" / "mine.yaml").write_text(
        next(block for block in blocks if "override /task" in block)
    )
    with hydra_ready():
        assert check_plan(parse(["experiment=mine"])).first.config.model.width == 48
