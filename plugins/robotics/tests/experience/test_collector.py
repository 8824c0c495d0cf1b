"""Acting, counting episodes, random actions and the generators."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from gymnasium import spaces

from labloom_robotics.experience.collector import Collector, random_actions
from labloom_robotics.experience.generators import FIRST_TRAINING_SEED, Generators, training_seeds


def test_episodes_are_counted_as_they_end(drift: Any) -> None:
    collector = Collector(drift(2))
    collector.begin([3, 4])
    rewards, costs, ended = np.zeros(2), np.zeros(2), []
    for _ in range(60):
        step = collector.step(np.array([1, 0]))
        rewards, costs = rewards + step.rewards, costs + step.costs[:, 0]
        for agent in np.flatnonzero(step.ended):
            ended.append((rewards[agent], costs[agent], bool(step.terminated[agent])))
            rewards[agent] = costs[agent] = 0

    episodes = collector.tally.take()

    assert episodes is not None
    assert len(ended) > 10
    assert np.allclose(episodes.returns, [returns for returns, _, _ in ended])
    assert episodes.costs["effort"].tolist() == [cost for _, cost, _ in ended]
    assert episodes.facts["collision"].tolist() == [crash for _, _, crash in ended]
    assert episodes.seeds.tolist() == [-1] * len(ended)
    assert collector.tally.take() is None


def test_agents_go_on_where_they_were_saved(drift: Any) -> None:
    collector, other = Collector(drift(3)), Collector(drift(3))
    collector.begin([1, 2, 3])
    other.begin([7, 8, 9])
    for _ in range(5):
        collector.step(np.zeros(3, dtype=np.int64))
    collector.tally.take()

    other.restore(collector.state())

    assert np.array_equal(collector.observations, other.observations)
    for _ in range(20):
        steps = [one.step(np.ones(3, dtype=np.int64)) for one in (collector, other)]
        assert np.array_equal(steps[0].observations, steps[1].observations)
    taken = [one.tally.take() for one in (collector, other)]
    assert np.array_equal(taken[0].returns, taken[1].returns)


def test_random_actions_fill_a_box_and_its_open_sides(drift: Any) -> None:
    space = spaces.Box(np.float32([-2, -np.inf]), np.float32([3, np.inf]))

    actions = random_actions(space, 4000, np.random.default_rng(0))

    assert actions.dtype == np.float32
    assert actions.shape == (4000, 2)
    assert actions[:, 0].min() >= -2
    assert actions[:, 0].max() <= 3
    assert actions[:, 0].mean() == pytest.approx(0.5, abs=0.1)
    assert actions[:, 1].std() == pytest.approx(1.0, abs=0.1)


def test_random_actions_are_every_choice() -> None:
    actions = random_actions(spaces.Discrete(5), 400, np.random.default_rng(0))

    assert actions.dtype == np.int64
    assert set(actions.tolist()) == {0, 1, 2, 3, 4}


def test_generators_draw_on_after_a_trip_through_a_file(tmp_path: Any) -> None:
    one, other = Generators(1, torch.device("cpu")), Generators(2, torch.device("cpu"))
    one.batches.integers(10, size=3)
    torch.rand(3, generator=one.exploration)
    torch.save(one.state(), tmp_path / "state.pt")

    other.restore(torch.load(tmp_path / "state.pt", weights_only=True))

    for which in ("exploration", "order"):
        draws = [torch.rand(4, generator=getattr(g, which)) for g in (one, other)]
        assert torch.equal(*draws)
    for which in ("warmup", "batches"):
        draws = [getattr(g, which).integers(2**40, size=4).tolist() for g in (one, other)]
        assert draws[0] == draws[1]


def test_the_exploration_of_another_device_begins_anew() -> None:
    one, other = Generators(1, torch.device("cpu")), Generators(1, torch.device("cpu"))
    torch.rand(3, generator=one.exploration)
    untouched = other.exploration.get_state()

    other.restore({**one.state(), "device": "cuda"})

    assert torch.equal(other.exploration.get_state(), untouched)


def test_training_seeds_are_apart_from_those_of_evaluation() -> None:
    seeds = training_seeds(0, 0, 1000)

    assert len(set(seeds)) > 990
    assert all(FIRST_TRAINING_SEED <= seed < 2**32 for seed in seeds)
    assert training_seeds(0, 1, 1000) != seeds != training_seeds(1, 0, 1000)
