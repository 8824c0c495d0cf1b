"""Play episodes once more, on a world of their own, and keep what pictures need of them.

Legend of shapes: ``n`` episodes, one for each agent of the world, ``t`` steps of an episode.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from labloom_robotics.evaluation.controller import Controller
from labloom_robotics.worlds import Transition, World

LONGEST = 10_000  # steps that are watched in a world that sets no limit
SMOOTH = 15.0  # pictures a second, at most
MOST_PICTURES = 240  # of an episode
SUCCESS, COLLISION, TIME_OVER = "success", "collision", "time over"
ENDED, GOES_ON = "ended", "goes on"
OUTCOME_COLOURS = {
    SUCCESS: "#2a8f57",
    COLLISION: "#c8394b",
    TIME_OVER: "#b97a12",
    ENDED: "#53697d",
    GOES_ON: "#53697d",
}


@dataclass(slots=True, kw_only=True)
class Recording:
    """One episode as it can be shown.

    Args:
        seed: of the episode.
        returns: sum of rewards after each step, [t]; the last is the episode's return.
        outcome: how it ended: success, collision, time over, ended, or goes on.
        path: where the agent was before each step, [t, 2] in m; None in a world without places.
        scene: the world at the start, RGB [h, w, 3]; None if it was not asked for, or if the world
            does not say where the edges of its pictures are.
        extent: of ``scene``, as ``World.extent`` says.
        pictures: the world before a step, by number of the step; empty if it was not filmed.
    """

    seed: int
    returns: list[float] = field(default_factory=list)
    outcome: str = GOES_ON
    path: NDArray | None = None
    scene: NDArray[np.uint8] | None = None
    extent: tuple[float, float, float, float] | None = None
    pictures: dict[int, NDArray[np.uint8]] = field(default_factory=dict)

    @property
    def length(self) -> int:
        """Steps of the episode."""
        return len(self.returns)


def record(
    world: World,
    seeds: Sequence[int],
    controller: Controller,
    *,
    filmed: Sequence[int] = (),
    scenes: Sequence[int] = (),
) -> list[Recording]:
    """Play one episode for each seed, like ``play`` does, and watch.

    A world draws an episode no more once it has ended, for by then the next one has begun: what was
    reached by the last step is not seen.

    Args:
        world: with as many agents as there are seeds; nobody else uses it meanwhile.
        seeds: of the episodes.
        controller: who acts.
        filmed: places in ``seeds`` of which pictures are kept, at most 15 for a second of the
            world and at most 240 of an episode.
        scenes: places in ``seeds`` of which one picture is kept, of the start.

    Raises:
        NotImplementedError: a picture is asked for and the world cannot be drawn.
    """
    observations = world.reset(seeds)
    recordings = [Recording(seed=int(seed)) for seed in seeds]
    for agent in scenes:
        recordings[agent].extent = world.extent(agent)
        if recordings[agent].extent is not None:
            recordings[agent].scene = world.picture(agent)
    film = _Film(world, filmed)
    paths: list[NDArray] = []
    running = np.ones(len(recordings), dtype=bool)
    for step in itertools.islice(itertools.count(), world.max_episode_steps or LONGEST):
        film.shoot(step, recordings, running)
        positions = world.positions()
        if positions is not None:
            paths.append(positions.copy())
        transition = world.step(controller(observations, world))
        observations = transition.observations
        for agent in np.flatnonzero(running):
            _count(recordings[agent], transition, int(agent))
        running &= ~transition.ended
        if not running.any():
            break
    if paths:
        walked = np.stack(paths, axis=1)  # [n, t, 2]
        for recording, path in zip(recordings, walked, strict=True):
            recording.path = path[: recording.length]
    return recordings


class _Film:
    """Takes pictures at steps that are evenly apart, so far apart that they do not become many."""

    def __init__(self, world: World, agents: Sequence[int]) -> None:
        self.world = world
        self.agents = agents
        self.stride = max(1, math.ceil(world.frames_per_second / SMOOTH))  # steps

    def shoot(self, step: int, recordings: list[Recording], running: NDArray) -> None:
        """Take the pictures that are due before ``step``."""
        if step >= self.stride * MOST_PICTURES:
            self.stride *= 2
            for agent in self.agents:
                kept = recordings[agent].pictures
                recordings[agent].pictures = {s: kept[s] for s in kept if s % self.stride == 0}
        if step % self.stride == 0:
            for agent in self.agents:
                if running[agent]:
                    recordings[agent].pictures[step] = self.world.picture(agent)


def _count(recording: Recording, transition: Transition, agent: int) -> None:
    before = recording.returns[-1] if recording.returns else 0.0
    recording.returns.append(before + float(transition.rewards[agent]))
    if transition.ended[agent]:
        recording.outcome = _outcome(transition, agent)


def _outcome(transition: Transition, agent: int) -> str:
    for fact, outcome in (("collision", COLLISION), ("success", SUCCESS)):
        if fact in transition.info and transition.info[fact][agent]:
            return outcome
    return TIME_OVER if transition.truncated[agent] else ENDED
