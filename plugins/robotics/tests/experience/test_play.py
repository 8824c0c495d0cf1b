"""Playing seeded episodes to their ends."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pytorch_lightning.utilities import move_data_to_device

from labloom.errors import DataError
from labloom_robotics.evaluation import episodes as module
from labloom_robotics.evaluation.episodes import EpisodeBatch, play
from labloom_robotics.worlds.make import make_world


class Right:
    """Always pushes right, and counts its pushes."""

    def __init__(self, num_agents: int) -> None:
        self.pushes = np.zeros(num_agents)

    def __call__(self, observations: Any, world: Any) -> Any:
        self.pushes += 1
        return np.ones(world.num_agents, dtype=np.int64)

    def counts(self) -> dict[str, Any]:
        return {"pushes": self.pushes}


def test_each_seed_is_one_episode_up_to_its_first_end(drift: Any) -> None:
    seeds = [5, 6, 7, 8, 9, 10]
    played = play(EpisodeBatch(drift(6), seeds), Right(6))

    for place, seed in enumerate(seeds):
        world, returns, length = drift(1), 0.0, 0
        world.reset([seed])
        while True:
            step = world.step(np.ones(1, dtype=np.int64))
            returns, length = returns + float(step.rewards[0]), length + 1
            if step.ended[0]:
                break
        assert played.seeds[place] == seed
        assert played.returns[place] == pytest.approx(returns)
        assert played.lengths[place] == length
        assert played.costs["effort"][place] == length
        assert played.facts["collision"][place] == step.terminated[0]
        assert played.counts["pushes"][place] == length
    assert len(set(played.lengths.tolist())) > 1


def test_playing_twice_is_the_same(drift: Any) -> None:
    batch = EpisodeBatch(drift(4), range(4))

    one, other = play(batch, Right(4)), play(batch, Right(4))

    assert np.array_equal(one.returns, other.returns)


def test_facts_that_are_told_at_ends_only_are_kept() -> None:
    world = make_world("CartPole-v1", 3)

    played = play(EpisodeBatch(world, [1, 2, 3]), Right(3))

    assert played.facts == {}
    assert np.array_equal(played.returns, played.lengths)


def test_an_episode_without_an_end_is_refused(drift: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LONGEST_EPISODE", 50)
    world = drift(1, max_episode_steps=1000, spread=0.0)

    class Still(Right):
        """Pushes to and fro."""

        def __call__(self, observations: Any, world: Any) -> Any:
            return np.array([int(observations[0, 0] < 0)])

    with pytest.raises(DataError, match="an episode of Drift does not end"):
        play(EpisodeBatch(world, [0]), Still(1))


def test_lightning_hands_a_batch_on_as_it_is(drift: Any) -> None:
    batch = EpisodeBatch(drift(1), [0])

    assert move_data_to_device(batch, "cpu") is batch
