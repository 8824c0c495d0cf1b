"""Option files: they say what the code says, and every option has its comment."""

from __future__ import annotations

import importlib
import inspect
from importlib.resources import files
from pathlib import Path

import pytest
from omegaconf import OmegaConf

CONF = Path(str(files("labloom_vision.conf")))
MODELS = sorted((CONF / "model").glob("*.yaml"), key=lambda file: file.name)
FROM_DATA = {"num_classes", "channels", "image_size"}


def target(path: str) -> type:
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(module), name)


@pytest.mark.parametrize("file", MODELS, ids=lambda file: file.stem)
def test_a_model_file_shows_every_argument_with_its_default(file):
    config = OmegaConf.to_container(OmegaConf.load(file))
    parameters = inspect.signature(target(config.pop("_target_"))).parameters
    assert set(parameters) == FROM_DATA | set(config)
    assert config == {name: parameters[name].default for name in config}


@pytest.mark.parametrize("file", MODELS, ids=lambda file: file.stem)
def test_a_model_is_built_from_its_file_and_the_sizes_of_the_data(file):
    config = OmegaConf.to_container(OmegaConf.load(file))
    assert target(config.pop("_target_"))(num_classes=10, channels=1, image_size=8, **config)


def test_the_task_file_sets_neither_model_nor_data():
    config = OmegaConf.load(CONF / "task" / "vision_classify.yaml")
    assert set(config) == {"defaults", "task", "module"}
    assert OmegaConf.to_container(config.task) == {"name": "vision_classify"}


@pytest.mark.parametrize(
    "file", MODELS + sorted((CONF / "task").glob("*.yaml")), ids=lambda f: f.stem
)
def test_a_file_starts_with_its_command_and_explains_every_option(file):
    text = file.read_text()
    assert "labloom run task=vision_classify" in text.split("_target_")[0]
    for line in text.splitlines():
        option = line.strip() and not line.startswith(("#", "defaults:", "module:", "task:"))
        if (
            option
            and "_target_" not in line
            and not line.lstrip().startswith(("-", "name: vision"))
        ):
            assert "  # " in line, line
