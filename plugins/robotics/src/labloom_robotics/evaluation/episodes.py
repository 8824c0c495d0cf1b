"""Play seeded episodes to their ends, many at a time.

Legend of shapes: ``n`` agents, ``e`` episodes, one for each agent, ``k`` costs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from labloom.errors import DataError
from labloom_robotics.evaluation.controller import Controller
from labloom_robotics.worlds import Transition, World

LONGEST_EPISODE = 100_000  # steps


@dataclass(frozen=True, slots=True, kw_only=True)
class Episodes:
    """What happened in ``e`` whole episodes; arrays [e] in the order of ``seeds``.

    Args:
        seeds: int64, the seed of each.
        returns: sum of rewards, float64.
        lengths: steps, int64.
        costs: sum of each cost by name, float64.
        facts: what the world said at the end: ``success``, ``collision`` (bool), ``path_length``,
            ``shortest_path`` (m); only what the world knows.
        counts: what the controller counted, e.g. ``interventions``.
    """

    seeds: NDArray
    returns: NDArray
    lengths: NDArray
    costs: dict[str, NDArray] = field(default_factory=dict)
    facts: dict[str, NDArray] = field(default_factory=dict)
    counts: dict[str, NDArray] = field(default_factory=dict)


class EpisodeBatch:
    """An item of a validation or test loader: a world with as many agents as there are seeds.

    No dataclass: Lightning looks for tensors in the fields of those, and refuses frozen ones.

    Args:
        world: to play in; the loader hands it out again in the next batch.
        seeds: one for each agent.
    """

    __slots__ = ("seeds", "world")

    def __init__(self, world: World, seeds: Sequence[int]) -> None:
        self.world = world
        self.seeds = seeds


def play(batch: EpisodeBatch, controller: Controller) -> Episodes:
    """Play one episode for each seed; an agent stops counting at its first end.

    Raises:
        DataError: an episode does not end.
    """
    world = batch.world
    tally = _Tally(world, batch.seeds)
    observations = world.reset(batch.seeds)
    for _ in range(LONGEST_EPISODE):
        step = world.step(controller(observations, world))
        tally.add(step, controller)
        if not tally.playing.any():
            return tally.episodes()
        observations = step.observations
    raise DataError(
        f"an episode of {type(world).__name__} does not end",
        expected=f"at most {LONGEST_EPISODE} steps",
        fix="give it a limit, e.g. +data.env_options.max_episode_steps=1000",
    )


class _Tally:
    """Sums of the episodes that are being played."""

    def __init__(self, world: World, seeds: Sequence[int]) -> None:
        n = len(seeds)
        self.playing = np.ones(n, dtype=np.bool_)
        self._seeds = np.array(seeds, dtype=np.int64)
        self._returns = np.zeros(n)
        self._lengths = np.zeros(n, dtype=np.int64)
        self._names = world.cost_names
        self._costs = np.zeros((n, len(world.cost_names)))
        self._facts: dict[str, NDArray] = {}
        self._counts: dict[str, NDArray] = {}

    def add(self, step: Transition, controller: Controller) -> None:
        """Count a step of those who play, and what is told of those who end with it."""
        self._returns[self.playing] += step.rewards[self.playing]
        self._lengths[self.playing] += 1
        if self._names:
            self._costs[self.playing] += step.costs[self.playing]
        over = self.playing & step.ended
        if over.any():
            _note(self._facts, step.info, over)
            _note(self._counts, controller.counts(), over)
            self.playing = self.playing & ~over

    def episodes(self) -> Episodes:
        """All of them, at the end."""
        return Episodes(
            seeds=self._seeds,
            returns=self._returns,
            lengths=self._lengths,
            costs={name: self._costs[:, i] for i, name in enumerate(self._names)},
            facts=self._facts,
            counts=self._counts,
        )


def _note(kept: dict[str, NDArray], told: dict[str, NDArray], where: NDArray) -> None:
    for name, values in told.items():
        kept.setdefault(name, np.zeros(len(where), dtype=values.dtype))[where] = values[where]
