"""Option files of perception: they say what the code says, and every option has its comment."""

from __future__ import annotations

import inspect
from importlib.resources import files
from pathlib import Path

import pytest
from hydra.utils import get_class
from omegaconf import OmegaConf

CONF = Path(str(files("labloom_robotics.conf")))
MODELS = [CONF / "model" / f"robotics_{name}.yaml" for name in ("scan", "readings")]
DATA = [CONF / "data" / f"robotics_{name}.yaml" for name in ("scans", "readings")]
TASK = CONF / "task" / "robotics_perceive.yaml"
FROM_DATA = {"shape", "target_shape", "num_classes", "grid", "cell_size", "max_range"}
USERS = {"path", "root"}  # without a default, or taken from the group paths


def loaded(file: Path) -> dict:
    return OmegaConf.to_container(OmegaConf.load(file))


@pytest.mark.parametrize("file", MODELS + DATA, ids=lambda file: file.stem)
def test_a_file_shows_every_argument_with_its_default(file):
    config = loaded(file)
    parameters = inspect.signature(get_class(config.pop("_target_"))).parameters
    from_data = FROM_DATA & set(parameters) if file in MODELS else set()
    assert set(config) == set(parameters) - from_data
    for key in set(config) - USERS:
        default = parameters[key].default
        assert config[key] == (list(default) if isinstance(default, tuple) else default), key


def test_the_task_file_sets_neither_model_nor_data():
    config = loaded(TASK)
    assert set(config) == {"defaults", "task", "module"}
    module = config["module"]
    parameters = inspect.signature(get_class(module.pop("_target_"))).parameters
    assert module == {name: parameters[name].default for name in module}


@pytest.mark.parametrize("file", [*MODELS, *DATA, TASK], ids=lambda file: file.stem)
def test_a_file_starts_with_its_command_and_explains_every_option(file):
    text = file.read_text()
    assert "labloom run task=robotics_perceive" in text.split("_target_")[0]
    plain = ("#", "defaults:", "module:", "task:")
    for line in text.splitlines():
        option = line.strip() and not line.startswith(plain) and "_target_" not in line
        if option and not line.lstrip().startswith(("-", "name: robotics")):
            assert "  # " in line, line
