"""A round of collecting: what is bootstrapped, and dict observations."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from gymnasium import spaces

from labloom_robotics.experience.actor import Decision
from labloom_robotics.experience.collector import Collector
from labloom_robotics.experience.plan import Rollouts
from labloom_robotics.experience.rollout import Rollout, collect
from labloom_robotics.worlds import Transition, World

PLAN = Rollouts(steps=5, passes=1, batch_size=100, gamma=0.5, gae_lambda=0.0)


class Clock(World):
    """Sees how late it is. Agent 0 is truncated at 2, agent 1 terminated at 3, and starts at 10."""

    def __init__(self) -> None:
        self.num_agents = 2
        number = spaces.Box(-np.inf, np.inf, (1,), np.float32)
        image = spaces.Box(0, 255, (2, 2), np.uint8)
        self.observation_space = spaces.Dict({"time": number, "image": image})
        self.action_space = spaces.Discrete(2)

    def reset(self, seeds: Any) -> Any:
        self.time = np.zeros(2, dtype=np.float32)
        return self.observe()

    def step(self, actions: Any) -> Transition:
        self.time = self.time + 1
        final = self.observe()
        truncated = np.array([self.time[0] == 2, False])
        terminated = np.array([False, self.time[1] == 3])
        self.time = np.where(truncated | terminated, 10, self.time).astype(np.float32)
        return Transition(
            observations=self.observe(),
            final_observations=final,
            rewards=np.ones(2, dtype=np.float32),
            costs=np.zeros((2, 0), dtype=np.float32),
            terminated=terminated,
            truncated=truncated,
        )

    def observe(self) -> Any:
        return {
            "time": self.time[:, None].copy(),
            "image": np.full((2, 2, 2), self.time[:, None, None], dtype=np.uint8),
        }


class Watcher:
    """Values each observation by how late it is."""

    device = torch.device("cpu")
    plan = PLAN

    def act(self, observations: Any, generator: torch.Generator) -> Decision:
        assert observations["image"].dtype == torch.uint8
        actions = torch.zeros(2, dtype=torch.int64)
        log_prob = torch.zeros(2)
        return Decision(
            actions=actions, extras={"log_prob": log_prob, "values": self.values(observations)}
        )

    def values(self, observations: Any) -> torch.Tensor:
        return observations["time"] * 1.0


def test_a_truncated_episode_is_worth_what_its_final_observation_is_worth() -> None:
    collector = Collector(Clock())
    collector.begin([0, 0])

    batch = collect(Rollout(collector.world, 5), collector, Watcher(), PLAN, torch.Generator())

    times = batch["observations"]["time"].view(5, 2)
    assert times.tolist() == [[0, 0], [1, 1], [10, 2], [11, 10], [12, 11]]
    # with lambda 0 a return is 1 + gamma * V(what the step led to)
    assert batch["returns"].view(5, 2)[:, 0].tolist() == [1.5, 2.0, 6.5, 7.0, 7.5]
    assert batch["returns"].view(5, 2)[:, 1].tolist() == [1.5, 2.0, 1.0, 6.5, 7.0]
    assert batch["observations"]["image"].dtype == torch.uint8
    assert batch["observations"]["image"].shape == (10, 2, 2)


def test_a_rollout_that_is_used_again_forgets_the_last_round() -> None:
    collector = Collector(Clock())
    collector.begin([0, 0])
    rollout = Rollout(collector.world, 5)
    collect(rollout, collector, Watcher(), PLAN, torch.Generator())

    batch = collect(rollout, collector, Watcher(), PLAN, torch.Generator())

    assert batch["observations"]["time"].view(5, 2)[:, 0].tolist() == [13, 14, 15, 16, 17]
    assert batch["returns"].view(5, 2)[:, 0].tolist() == [8, 8.5, 9, 9.5, 10]
