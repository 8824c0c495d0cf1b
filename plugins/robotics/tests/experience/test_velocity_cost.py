"""The cost for going too fast."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest

from labloom.errors import ConfigError
from labloom_robotics.worlds.make import make_world
from labloom_robotics.worlds.velocity_cost import VelocityCost


def test_steps_faster_than_the_limit_cost_one_forward_and_backward() -> None:
    pytest.importorskip("mujoco")
    env = VelocityCost(gymnasium.make("HalfCheetah-v5"), limit=0.3)
    env.reset(seed=0)
    env.action_space.seed(0)
    speeds, costs = [], []
    for _ in range(100):
        *_, info = env.step(env.action_space.sample())
        speeds.append(info["x_velocity"])
        costs.append(info["velocity"])

    assert costs == [float(abs(speed) > 0.3) for speed in speeds]
    assert min(speeds) < -0.3
    assert max(speeds) > 0.3
    assert 0 < sum(costs) < 100


def test_a_world_counts_it_when_it_is_among_the_costs() -> None:
    pytest.importorskip("mujoco")
    world = make_world("Hopper-v5", 2, {"costs": ["velocity"]})
    world.reset([0, 1])

    costs = [world.step(np.ones((2, 3), dtype=np.float32)).costs for _ in range(30)]

    assert world.cost_names == ("velocity",)
    assert world.observation_space.dtype == np.float32
    assert set(np.unique(costs)) == {0.0, 1.0}


def test_a_robot_without_a_known_limit_is_refused() -> None:
    with pytest.raises(ConfigError, match="no velocity limit is known for CartPole") as caught:
        make_world("CartPole-v1", 1, {"costs": ["velocity"]})

    assert "HalfCheetah" in str(caught.value)
