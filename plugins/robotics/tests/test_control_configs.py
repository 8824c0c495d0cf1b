"""Option files of control: they say what the code says."""

from __future__ import annotations

import importlib
import inspect
from importlib.resources import files
from pathlib import Path

import pytest
from omegaconf import OmegaConf

CONF = Path(str(files("labloom_robotics.conf")))
MODELS = ("robotics_ppo", "robotics_ppo_lagrange", "robotics_dqn", "robotics_sac")
FROM_DATA = {"observation_space", "action_space", "cost_names"}


@pytest.mark.parametrize("name", MODELS)
def test_a_model_file_shows_every_argument_with_its_default(name):
    config = OmegaConf.to_container(OmegaConf.load(CONF / "model" / f"{name}.yaml"))
    module, _, cls = config.pop("_target_").rpartition(".")
    parameters = inspect.signature(getattr(importlib.import_module(module), cls)).parameters
    assert set(parameters) - FROM_DATA == set(config)
    for key, value in config.items():
        if key != "limits":  # which costs there are, only the data know
            default = parameters[key].default
            assert value == (list(default) if isinstance(default, tuple) else default), key


@pytest.mark.parametrize("name", MODELS)
def test_a_model_file_explains_every_option(name):
    text = (CONF / "model" / f"{name}.yaml").read_text()
    assert "labloom run task=robotics_" in text.split("_target_")[0]
    for line in text.splitlines():
        if line.strip() and not line.startswith(("#", "_target_")):
            assert " # " in line, line
