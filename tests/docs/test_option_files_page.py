"""docs/option_files.md: its files compose, and the JSON schema accepts them and refuses others."""

import pytest
from jsonschema import Draft7Validator
from omegaconf import OmegaConf

from labloom.compose.arguments import parse
from labloom.compose.composing import hydra_ready
from labloom.compose.json_schema import schema_groups, schema_of_group
from labloom.compose.plan import check_plan

DIGITS = """
class CNN:
    def __init__(self, width: int, dropout: float): ...
class Clips:
    def __init__(self, batch_size: int): ...
class Classifier:
    def __init__(self, model, label_smoothing: float): ...
"""
PLUGIN = """
from labloom import Task, hookimpl

@hookimpl
def register_tasks():
    return [Task(name="speech_digits", summary="Spoken digits", monitor="val/acc", mode="max")]
"""


@pytest.fixture
def files(pages):
    return pages["option_files"].files()


@pytest.fixture
def speech(files, plugin_folder, tmp_path, monkeypatch):
    """The page's plugin, and its experiment in the working directory."""
    options = {path: text for path, text in files.items() if path.startswith("conf/")}
    plugin_folder("speech", PLUGIN, files={"digits.py": DIGITS, **options})
    (tmp_path / "experiments").mkdir()
    (tmp_path / "experiments" / "wide.yaml").write_text(files["experiments/wide.yaml"])
    monkeypatch.chdir(tmp_path)


def config_of(*overrides):
    with hydra_ready():
        return check_plan(parse(overrides)).first.config


def test_every_block_is_a_file(pages, files):
    assert len(files) == len(pages["option_files"].blocks("yaml")) == 5


def test_the_task_brings_its_model_and_data(speech):
    config = config_of("task=speech_digits")
    assert (config.model.width, config.data.batch_size) == (32, 32)


def test_the_experiment_overrides_what_the_task_chose(speech):
    config = config_of("experiment=wide")
    assert (config.model.width, config.scheduler.name) == (64, "cosine")


def test_an_option_stands_on_another_of_its_group(speech):
    config = config_of("task=speech_digits", "model=speech_large")
    assert (config.model.width, config.model.dropout) == (128, 0.1)


def test_the_schema_accepts_every_file_of_the_page(speech, files):
    for path, text in files.items():
        group = path.split("/")[-2].removesuffix("s")
        validator = Draft7Validator(schema_of_group(group))
        content = OmegaConf.to_container(OmegaConf.create(text))
        assert [error.message for error in validator.iter_errors(content)] == [], path
        assert not validator.is_valid({**content, "modle": {"width": 3}}), path


def test_the_files_that_the_page_calls_global_are_global(files):
    for path, text in files.items():
        is_global = path.split("/")[-2] in ("task", "experiments")
        assert text.startswith("# @package _global_") is is_global


def test_the_page_names_every_group_but_debug(pages):
    rows = pages["option_files"].text.partition("| group |")[2].partition("\n\n")[0]
    assert [g for g in schema_groups() if f"`{g}`" not in rows] == ["debug"]
