"""Options of worlds that make no sense are refused, and the message names their key."""

import inspect
from importlib.resources import files

import pytest
import yaml

from labloom.errors import ConfigError
from labloom_robotics.worlds.arm import Arm
from labloom_robotics.worlds.drive import Drive


@pytest.mark.parametrize(
    ("world", "options", "expected"),
    [
        (Drive, {"observation": "lida"}, "one of cars, lidar"),
        (Drive, {"lanes": 0}, "a whole number, 1 to 7"),
        (Drive, {"lanes": 2.0}, "a whole number, 1 to 7"),
        (Drive, {"cars": True}, "a whole number, 0 or more"),
        (Drive, {"lane_changes": "false"}, "true or false"),
        (Drive, {"desired_speed": 0}, "a number above 0 and at most 35"),
        (Drive, {"road_length": float("nan")}, "a number above 0 and at most 10000"),
        (Drive, {"rays": 3}, "a whole number, 4 or more"),
        (Drive, {"max_episode_steps": 0}, "a whole number, 1 or more"),
        (Arm, {"goal": "grasp"}, "one of push, reach"),
        (Arm, {"links": 4}, "a whole number, 2 to 3"),
        (Arm, {"camera": 1}, "true or false"),
        (Arm, {"tolerance": 0.0}, "a number above 0 and at most 0.2"),
        (Arm, {"speed_limit": -1}, "a number above 0 and at most 10"),
        (Arm, {"max_episode_steps": "5"}, "a whole number, 1 or more"),
    ],
)
def test_an_option_out_of_range_is_refused_by_its_key(world, options, expected):
    (name,) = options
    with pytest.raises(ConfigError, match=rf"data\.options\.{name} cannot be used") as error:
        world(1, **options)
    assert error.value.expected == expected
    assert f"data.options.{name}=" in error.value.fix


def test_a_mistyped_choice_is_answered_with_the_nearest():
    with pytest.raises(ConfigError, match=r"data\.options\.observation=lidar"):
        Drive(1, observation="lida")


@pytest.mark.parametrize(("name", "world"), [("drive", Drive), ("arm", Arm)])
def test_the_config_lists_every_option_with_its_default(name, world):
    text = files("labloom_robotics.conf").joinpath("data", f"robotics_{name}.yaml").read_text()
    parameters = inspect.signature(world).parameters.values()
    defaults = {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}
    config = yaml.safe_load(text)
    assert config["world"] == name
    assert config["options"] == defaults
