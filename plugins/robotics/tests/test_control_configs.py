"""Option files: they say what the code says."""

from __future__ import annotations

import importlib
import inspect
from importlib.resources import files
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from labloom.errors import ConfigError
from labloom_robotics import plugin
from labloom_robotics.control import ControlAgent
from labloom_robotics.nets.ppo import PPO

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


@pytest.mark.parametrize("task", [plugin.CONTROL, plugin.SAFE, plugin.IMITATE], ids=str)
def test_the_module_says_how_many_episodes_are_filmed(task):
    config = OmegaConf.load(CONF / "task" / f"{task.name}.yaml")
    config.task.update({"monitor": task.monitor, "mode": task.mode})
    module, _, cls = config.module._target_.rpartition(".")
    parameters = inspect.signature(getattr(importlib.import_module(module), cls)).parameters
    assert config.module.video_episodes == parameters["video_episodes"].default
    for number in (3, 0):
        config.module.video_episodes = number
        [report] = plugin.extra_callbacks(config, task)
        assert report.filmed == number


def test_a_film_of_fewer_than_no_episodes_is_refused():
    space = {"kind": "discrete", "n": 2}
    with pytest.raises(ConfigError, match=r"module\.video_episodes cannot be used") as caught:
        ControlAgent(PPO(space, space), space, space, video_episodes=-1)
    assert caught.value.fix == "0: no film is recorded"
