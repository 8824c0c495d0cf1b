"""Worlds by name, and what is said about names and options that are wrong."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from labloom.errors import ConfigError
from labloom_robotics.worlds.gym import GymWorld
from labloom_robotics.worlds.make import make_world


def test_a_built_in_world_gets_its_options(drift: Any) -> None:
    world = make_world("drift", 3, {"max_episode_steps": 4})

    assert isinstance(world, drift)
    assert (world.num_agents, world.max_episode_steps) == (3, 4)


def test_an_id_of_gymnasium_is_a_world() -> None:
    world = make_world("CartPole-v1", 2)

    assert isinstance(world, GymWorld)
    assert world.num_agents == 2


def test_a_package_before_the_id_is_imported(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "brought_poles.py").write_text(
        "import gymnasium\n"
        "gymnasium.register('Brought-v0', 'gymnasium.envs.classic_control:CartPoleEnv')\n"
    )
    monkeypatch.syspath_prepend(tmp_path)

    assert make_world("brought_poles:Brought-v0", 1).num_agents == 1
    assert "brought_poles" in sys.modules


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("CartPole-v9", ("there is no environment 'CartPole-v9'", "data.env=CartPole-v1")),
        ("Cartpol-v1", ("there is no environment 'Cartpol-v1'", "data.env=CartPole-v1")),
        ("navigat", ("there is no world 'navigat'", "data=robotics_navigate")),
        ("qqqqqqqq", ("there is no world 'qqqqqqqq'", "arm, drive, navigate", "pprint_registry")),
        ("no_such_package:Env-v0", ("there is no environment", "no_such_package")),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest_one(name: str, words: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError) as caught:
        make_world(name, 1)

    assert all(word in str(caught.value) for word in words)


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        (
            "drift",
            {"max_episode_step": 3},
            ("data.options.max_episode_step is not known", "max_episode_steps"),
        ),
        ("drift", {"qqqqqqqq": 3}, ("data.options.qqqqqqqq is not known", "leave it out")),
        ("CartPole-v1", {"cost": []}, ("data.options.cost is not known", "costs")),
        ("CartPole-v1", {"vectorization": "both"}, ("the way 'both'", "data.vectorization=sync")),
        ("CartPole-v1", {"env_options": {"g": 9}}, ("cannot be made with these options", "'g'")),
    ],
)
def test_an_unknown_option_is_refused(
    drift: Any, name: str, options: dict[str, Any], words: tuple[str, ...]
) -> None:
    with pytest.raises(ConfigError) as caught:
        make_world(name, 1, options)

    assert all(word in str(caught.value) for word in words)


@pytest.mark.parametrize("count", [0, -1, 2.0, True])
def test_a_world_has_at_least_one_agent(count: Any) -> None:
    with pytest.raises(ConfigError, match=r"data\.num_agents cannot be used"):
        make_world("CartPole-v1", count)


def test_a_package_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in [name for name in sys.modules if name.startswith("gymnasium.envs.mujoco")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "mujoco", None)

    with pytest.raises(ConfigError, match="Hopper-v5 needs a package") as caught:
        make_world("Hopper-v5", 1)

    assert "labloom-robotics[classic,mujoco]" in str(caught.value)
