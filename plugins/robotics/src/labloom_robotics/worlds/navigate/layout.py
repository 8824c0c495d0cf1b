"""Drawing episodes: where robot, goal, obstacles and people of an episode are.

Legend of shapes: ``e`` episodes, ``m`` candidates for a place, ``c`` pillars and posts, ``s``
walls, ``p`` people, ``g`` cells along a side of the map of routes.

An episode is drawn from a fixed number of uniform numbers, so that many episodes are laid out in
one go, and each is the same whatever the others are. A place is the first of its ``m`` candidates
that is clear enough of what is there already; what finds none lies ``OUTSIDE`` the arena, so that
every goal can be reached.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labloom_robotics.worlds.navigate.options import NavigateOptions
from labloom_robotics.worlds.navigate.routes import route_maps
from labloom_robotics.worlds.navigate.shapes import between_segments, length, to_segment

CANDIDATES = 16
OUTSIDE = -100.0  # m, both coordinates of what found no place
PERSON_RADIUS = 0.25  # m
PILLAR_RADII = (0.3, 0.6)  # m
WALL_LENGTHS = (1.0, 2.5)  # m
POST_RADIUS = 0.15  # m, of the posts at the ends of walls; a thin wall seen end on has no width
WALKS = (2.0, 5.0)  # m, from one end of a person's way to the other
GAP = 0.9  # m, between obstacles, so that the robot fits through everywhere
START_GAP = 0.7  # m, from the robot's start or the goal to an obstacle
WAIT_GAP = 2.0  # m, from the robot's start to a person at that time


@dataclass(slots=True, kw_only=True)
class Layout:
    """Episodes as they begin, one in each row of every array; float64.

    Args:
        start: x, y (m) and heading (rad) of the robot, [e, 3].
        goal: [e, 2] in m.
        pillars: centres, first of the pillars, then of the posts, [e, c, 2] in m.
        radii: of the pillars, [e, c] in m.
        wall_starts: [e, s, 2] in m.
        wall_ends: [e, s, 2] in m.
        walk_starts: one end of each person's way, [e, p, 2] in m.
        walk_ends: the other end, [e, p, 2] in m.
        walk_speeds: [e, p] in m/s.
        walked: how far each person has come on the way there and back, [e, p] in m.
        routes: length of the way to the goal around the obstacles, by cell, [e, g, g] in m.
    """

    start: NDArray
    goal: NDArray
    pillars: NDArray
    radii: NDArray
    wall_starts: NDArray
    wall_ends: NDArray
    walk_starts: NDArray
    walk_ends: NDArray
    walk_speeds: NDArray
    walked: NDArray
    routes: NDArray


def draw_layout(generators: Sequence[np.random.Generator], options: NavigateOptions) -> Layout:
    """The next episode of each generator."""
    counts = _numbers(options)
    drawn = np.stack([generator.random(sum(counts)) for generator in generators])
    ends, pillars, walls, walks, heading = np.split(drawn, np.cumsum(counts)[:-1], axis=1)
    size = options.size
    start, goal = _draw_ends(ends, size)
    wall_starts, wall_ends = _draw_walls(walls, start, goal, options)
    centres, radii = _draw_pillars(pillars, start, goal, wall_starts, wall_ends, options)
    posts = np.full((len(drawn), 2 * options.walls), POST_RADIUS)
    centres = np.concatenate([centres, wall_starts, wall_ends], axis=1)
    radii = np.concatenate([radii, posts], axis=1)
    blocks = (centres, radii, wall_starts, wall_ends)
    walk_starts, walk_ends, speeds, walked = _draw_walks(walks, start, blocks, options)
    angle = (heading * 2 - 1) * np.pi
    return Layout(
        start=np.concatenate([start, angle], axis=1),
        goal=goal,
        pillars=centres,
        radii=radii,
        wall_starts=wall_starts,
        wall_ends=wall_ends,
        walk_starts=walk_starts,
        walk_ends=walk_ends,
        walk_speeds=speeds,
        walked=walked,
        routes=route_maps(goal, blocks, size=size, margin=options.robot_radius),
    )


def _numbers(options: NavigateOptions) -> list[int]:
    """Uniform numbers for start and goal, pillars, walls, people, heading."""
    m = CANDIDATES
    return [
        4 * m,
        options.pillars * (1 + 2 * m),
        options.walls * (2 + 2 * m),
        options.people * (2 + 4 * m),
        1,
    ]


def _draw_ends(drawn: NDArray, size: float) -> tuple[NDArray, NDArray]:
    """Start and goal, [e, 2] each, at least half the arena's side apart."""
    places = 0.8 + drawn.reshape(len(drawn), CANDIDATES, 2, 2) * (size - 1.6)
    apart = length(places[:, :, 0] - places[:, :, 1])  # [e, m]
    ends = places[np.arange(len(drawn)), _choose(apart - 0.5 * size)[0]]
    return ends[:, 0], ends[:, 1]


def _draw_walls(
    drawn: NDArray, start: NDArray, goal: NDArray, options: NavigateOptions
) -> tuple[NDArray, NDArray]:
    """Ends of the walls, [e, s, 2] each."""
    episodes, count = len(drawn), options.walls
    drawn = drawn.reshape(episodes, count, 2 + 2 * CANDIDATES)
    starts, ends = (np.zeros((episodes, count, 2)) for _ in range(2))
    rows = np.arange(episodes)
    for i in range(count):
        angle = drawn[:, i, 0] * np.pi
        half = 0.5 * _between(drawn[:, i, 1], WALL_LENGTHS)
        arm = (half * np.stack([np.cos(angle), np.sin(angle)])).T[:, None]  # [e, 1, 2]
        lowest = GAP + POST_RADIUS + np.abs(arm)
        places = lowest + drawn[:, i, 2:].reshape(episodes, -1, 2) * (options.size - 2 * lowest)
        low, high = places - arm, places + arm  # [e, m, 2]
        slack = np.minimum(
            to_segment(start[:, None], low, high), to_segment(goal[:, None], low, high)
        )
        slack -= START_GAP + POST_RADIUS
        for j in range(i):
            apart = between_segments(low, high, starts[:, None, j], ends[:, None, j])
            slack = np.minimum(slack, apart - GAP - 2 * POST_RADIUS)
        chosen, fits = _choose(slack)
        starts[:, i] = np.where(fits[:, None], low[rows, chosen], OUTSIDE)
        ends[:, i] = np.where(fits[:, None], high[rows, chosen], OUTSIDE)
    return starts, ends


def _draw_pillars(
    drawn: NDArray,
    start: NDArray,
    goal: NDArray,
    wall_starts: NDArray,
    wall_ends: NDArray,
    options: NavigateOptions,
) -> tuple[NDArray, NDArray]:
    """Centres [e, c, 2] and radii [e, c] of the pillars."""
    episodes, count = len(drawn), options.pillars
    drawn = drawn.reshape(episodes, count, 1 + 2 * CANDIDATES)
    centres, radii = np.zeros((episodes, count, 2)), _between(drawn[:, :, 0], PILLAR_RADII)
    rows = np.arange(episodes)
    for i in range(count):
        lowest = GAP + radii[:, i, None, None]
        places = lowest + drawn[:, i, 1:].reshape(episodes, -1, 2) * (options.size - 2 * lowest)
        slack = np.minimum(length(places - start[:, None]), length(places - goal[:, None]))
        slack -= START_GAP
        if options.walls:
            apart = to_segment(places[:, :, None], wall_starts[:, None], wall_ends[:, None])
            slack = np.minimum(slack, apart.min(axis=2) - GAP - POST_RADIUS)
        if i:
            apart = length(places[:, :, None] - centres[:, None, :i]) - radii[:, None, :i]
            slack = np.minimum(slack, apart.min(axis=2) - GAP)
        chosen, fits = _choose(slack - radii[:, i, None])
        centres[:, i] = np.where(fits[:, None], places[rows, chosen], OUTSIDE)
    return centres, radii


def _draw_walks(
    drawn: NDArray, start: NDArray, blocks: tuple[NDArray, ...], options: NavigateOptions
) -> tuple[NDArray, NDArray, NDArray, NDArray]:
    """Ends [e, p, 2] of the people's ways, their speeds and how far they have come, [e, p]."""
    episodes, count, size = len(drawn), options.people, options.size
    drawn = drawn.reshape(episodes, count, 2 + 4 * CANDIDATES)
    speeds = _between(drawn[:, :, 0], (0.5, 1.0)) * options.people_speed
    edge = 2 * PERSON_RADIUS
    numbers = drawn[:, :, 2:].reshape(episodes, count, CANDIDATES, 4)
    low = edge + numbers[..., :2] * (size - 2 * edge)  # [e, p, m, 2]
    angle = numbers[..., 2] * (2 * np.pi)
    reach = _between(numbers[..., 3], WALKS)
    high = low + reach[..., None] * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    high = np.clip(high, edge, size - edge)
    walked = drawn[:, :, 1, None] * 2 * length(high - low)  # [e, p, m]
    here = walking(low, high, walked)[0]
    slack = _way_slack(low, high, blocks)
    away = length(here - start[:, None, None]) - WAIT_GAP
    chosen, fits = _choose(np.minimum(slack, away))
    low, high = (np.where(fits[..., None], _pick(ends, chosen), OUTSIDE) for ends in (low, high))
    return low, high, speeds, np.where(fits, _pick(walked, chosen), 0.0)


def _way_slack(low: NDArray, high: NDArray, blocks: tuple[NDArray, ...]) -> NDArray:
    """Room between people and obstacles along ways [e, p, m], in m."""
    centres, radii, wall_starts, wall_ends = blocks
    slack = np.full(low.shape[:3], np.inf)
    for i in range(radii.shape[1]):
        apart = to_segment(centres[:, None, None, i], low, high) - radii[:, None, None, i]
        slack = np.minimum(slack, apart)
    for i in range(wall_starts.shape[1]):
        apart = between_segments(
            low, high, wall_starts[:, None, None, i], wall_ends[:, None, None, i]
        )
        slack = np.minimum(slack, apart)
    return slack - PERSON_RADIUS


def walking(starts: NDArray, ends: NDArray, walked: NDArray) -> tuple[NDArray, NDArray]:
    """Where people are who walk to and fro, [..., 2] in m, and the unit vectors of their ways.

    Args:
        starts: one end of the way, [..., 2] in m.
        ends: the other, [..., 2] in m.
        walked: how far they came since they were at ``starts``, less than twice the way, m.
    """
    span = ends - starts
    way = np.maximum(length(span), 1e-9)
    back = walked > way
    along = np.where(back, 2 * way - walked, walked)
    heading = span / way[..., None]
    places = starts + along[..., None] * heading
    return places, np.where(back[..., None], -heading, heading)


def _choose(slack: NDArray) -> tuple[NDArray, NDArray[np.bool_]]:
    """Number of the first candidate with slack >= 0, or the most, and whether it fits: [..., m]."""
    fits = slack >= 0
    any_fits = fits.any(axis=-1)
    return np.where(any_fits, fits.argmax(axis=-1), slack.argmax(axis=-1)), any_fits


def _pick(values: NDArray, chosen: NDArray) -> NDArray:
    """The chosen candidate of [e, p, m, ...]: [e, p, ...]."""
    e, p = chosen.shape
    return values[np.arange(e)[:, None], np.arange(p), chosen]


def _between(drawn: NDArray, bounds: tuple[float, float]) -> NDArray:
    return bounds[0] + drawn * (bounds[1] - bounds[0])
