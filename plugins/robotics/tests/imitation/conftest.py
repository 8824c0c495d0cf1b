"""A small world, and demonstrations from its expert."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from gymnasium import spaces
from numpy.typing import NDArray

from labloom_robotics.demos.experts import roll_out
from labloom_robotics.worlds import Observations, Transition, World


class Reach(World):
    """A point on a square goes to a goal: place, goal (m) -> velocity (share of 0.2 m a step).

    Args:
        num_agents: n.
        keyed: observations as a Dict of ``state`` and ``camera``, a picture of 32 x 32 pixels.
        choices: four directions in place of velocities.
    """

    cost_names = ("effort",)
    max_episode_steps = 40
    frames_per_second = 10.0

    def __init__(self, num_agents: int, *, keyed: bool = False, choices: bool = False) -> None:
        self.num_agents, self.keyed, self.choices = num_agents, keyed, choices
        box = spaces.Box(-1.0, 1.0, (4,), np.float32)
        camera = spaces.Box(0, 255, (32, 32, 3), np.uint8)
        self.observation_space = spaces.Dict({"state": box, "camera": camera}) if keyed else box
        self.action_space = (
            spaces.Discrete(4) if choices else spaces.Box(-2.0, 2.0, (2,), np.float32)
        )

    def reset(self, seeds):
        self.generators = [np.random.default_rng(seed) for seed in seeds]
        self.state = np.stack([g.uniform(-1, 1, 4) for g in self.generators])
        self.time = np.zeros(self.num_agents, dtype=np.int64)
        return self.observe()

    def step(self, actions: NDArray) -> Transition:
        moves = self.moves(actions)
        self.state[:, :2] = np.clip(self.state[:, :2] + moves, -1, 1)
        self.time += 1
        distance = np.linalg.norm(self.state[:, 2:] - self.state[:, :2], axis=1)
        terminated = distance < 0.1
        truncated = ~terminated & (self.time >= self.max_episode_steps)
        final = self.observe()
        for i in np.flatnonzero(terminated | truncated):
            self.state[i] = self.generators[i].uniform(-1, 1, 4)
            self.time[i] = 0
        return Transition(
            observations=self.observe(),
            final_observations=final,
            rewards=(terminated - 0.1 * distance).astype(np.float32),
            costs=np.linalg.norm(moves, axis=1, keepdims=True).astype(np.float32),
            terminated=terminated,
            truncated=truncated,
            info={"success": terminated},
        )

    def moves(self, actions: NDArray) -> NDArray:
        if self.choices:
            return 0.1 * np.array([[1, 0], [-1, 0], [0, 1], [0, -1]])[actions]
        return 0.1 * np.clip(actions, -2, 2)

    def expert(self) -> NDArray:
        way = self.state[:, 2:] - self.state[:, :2]
        if self.choices:
            along = np.abs(way).argmax(axis=1)
            return 2 * along + (way[np.arange(len(way)), along] < 0)
        return np.clip(way / 0.1, -1.5, 1.5).astype(np.float32)

    def observe(self) -> Observations:
        state = self.state.astype(np.float32)
        if not self.keyed:
            return state
        camera = np.zeros((self.num_agents, 32, 32, 3), np.uint8)
        for i, (x, y, gx, gy) in enumerate(((state + 1) * 15.5).astype(int)):
            camera[i, y, x, 0] = camera[i, gy, gx, 1] = 255
        return {"state": state, "camera": camera}


@pytest.fixture(autouse=True)
def one_thread_and_a_seed() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)


@pytest.fixture
def reach():
    return Reach


@pytest.fixture
def demonstrations():
    """Twelve episodes of the expert, [t + 1] observations each."""
    return roll_out(Reach(5), 12, first_seed=3)


@pytest.fixture
def keyed_demonstrations():
    """Four episodes with a state and a picture."""
    return roll_out(Reach(4, keyed=True), 4, first_seed=3)


@pytest.fixture
def reach_by_name(monkeypatch):
    """The world under the name ``reach``, where data modules look for worlds."""
    from labloom_robotics.worlds import make

    monkeypatch.setitem(make.BUILT_IN, "reach", f"{Reach.__module__}:Reach")
    return "reach"
