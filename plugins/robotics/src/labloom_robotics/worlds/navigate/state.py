"""What a navigation world is at one moment, and how an episode begins.

Legend of shapes: ``n`` agents, ``p`` people, ``c`` pillars and posts, ``s`` walls, ``g`` cells
along a side of the map of routes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labloom_robotics.worlds.drawn import State
from labloom_robotics.worlds.navigate.layout import (
    PERSON_RADIUS,
    Layout,
    draw_layout,
    walking,
)
from labloom_robotics.worlds.navigate.options import NavigateOptions
from labloom_robotics.worlds.navigate.routes import look_up
from labloom_robotics.worlds.navigate.shapes import (
    between_segments,
    length,
    to_segment,
)

Blocks = tuple[NDArray, NDArray, NDArray, NDArray]


@dataclass(slots=True, kw_only=True)
class NavigateState(State):
    """Robots, people and obstacles of ``n`` agents.

    Args:
        poses: of the robots: x, y (m) and heading (rad), [n, 3].
        speeds: forward (m/s) and turning (rad/s), [n, 2].
        driven: length of the way so far, [n] in m.
        ahead: length of the shortest way from here to the goal, [n] in m.
        shortest: the same from where the episode began to where the goal counts, [n] in m.
        goals: [n, 2] in m.
        pillars: centres, [n, c, 2] in m.
        radii: of the pillars, [n, c] in m.
        wall_starts: [n, s, 2] in m.
        wall_ends: [n, s, 2] in m.
        walk_starts: one end of each person's way, [n, p, 2] in m.
        walk_ends: the other end, [n, p, 2] in m.
        walk_speeds: [n, p] in m/s.
        walked: how far each person has come on the way there and back, [n, p] in m.
        routes: lengths of the ways to the goal, by cell, float32 [n, g, g] in m.
    """

    poses: NDArray
    speeds: NDArray
    driven: NDArray
    ahead: NDArray
    shortest: NDArray
    goals: NDArray
    pillars: NDArray
    radii: NDArray
    wall_starts: NDArray
    wall_ends: NDArray
    walk_starts: NDArray
    walk_ends: NDArray
    walk_speeds: NDArray
    walked: NDArray
    routes: NDArray

    @property
    def blocks(self) -> Blocks:
        """Pillars [n, c, 2], their radii [n, c], ends of the walls [n, s, 2] twice; in m."""
        return self.pillars, self.radii, self.wall_starts, self.wall_ends

    def people(self) -> tuple[NDArray, NDArray]:
        """Where the people are, [n, p, 2] in m, and their velocities, [n, p, 2] in m/s."""
        places, headings = walking(self.walk_starts, self.walk_ends, self.walked)
        return places, headings * self.walk_speeds[..., None]

    def walk(self, seconds: float) -> None:
        """Let the people walk on for so many s; at the end of a way they turn back at once."""
        way = np.maximum(length(self.walk_ends - self.walk_starts), 1e-9)
        self.walked = (self.walked + self.walk_speeds * seconds) % (2 * way)

    def goal_distances(self) -> NDArray:
        """Straight from the robots' centres to their goals, [n] in m."""
        return length(self.goals - self.poses[:, :2])

    def clearances(self, options: NavigateOptions) -> NDArray:
        """Room between the robots' hulls and whatever is nearest, [n] in m; below 0: a crash."""
        return space_around(self.poses[:, :2], self.blocks, self.people()[0], options)


def space_around(
    places: NDArray, blocks: Blocks, people: NDArray, options: NavigateOptions
) -> NDArray:
    """Room around robots that would stand at ``places``, [n, ...] in m.

    Args:
        places: [n, ..., 2] in m.
        blocks: see ``NavigateState.blocks``.
        people: places of the people, [n, p, 2] or [n, ..., p, 2] in m.
        options: of the world.
    """
    pillars, radii, wall_starts, wall_ends = (_beside(block, places) for block in blocks)
    people = people if people.ndim == places.ndim + 1 else _beside(people, places)
    x, y = places[..., 0], places[..., 1]
    room = np.minimum(np.minimum(x, options.size - x), np.minimum(y, options.size - y))
    apart = length(pillars - places[..., None, :]) - radii[..., 0]
    room = np.minimum(room, apart.min(axis=-1, initial=np.inf))
    apart = to_segment(places[..., None, :], wall_starts, wall_ends)
    room = np.minimum(room, apart.min(axis=-1, initial=np.inf))
    apart = length(people - places[..., None, :]) - PERSON_RADIUS
    return np.minimum(room, apart.min(axis=-1, initial=np.inf)) - options.robot_radius


def begin(generators: Sequence[np.random.Generator], options: NavigateOptions) -> NavigateState:
    """The beginnings of episodes, one for each generator."""
    layout = draw_layout(generators, options)
    routes = layout.routes.astype(np.float32)
    ahead = look_up(routes, layout.start[:, :2], options.size)
    straight = length(layout.goal - layout.start[:, :2])
    free = _sees_goal(layout, options.robot_radius)
    return NavigateState(
        poses=layout.start,
        speeds=np.zeros((len(generators), 2)),
        driven=np.zeros(len(generators)),
        ahead=ahead,
        shortest=np.where(free, straight, np.maximum(straight, ahead)) - options.goal_radius,
        goals=layout.goal,
        pillars=layout.pillars,
        radii=layout.radii,
        wall_starts=layout.wall_starts,
        wall_ends=layout.wall_ends,
        walk_starts=layout.walk_starts,
        walk_ends=layout.walk_ends,
        walk_speeds=layout.walk_speeds,
        walked=layout.walked,
        routes=routes,
    )


def _sees_goal(layout: Layout, radius: float) -> NDArray[np.bool_]:
    """Whether the robot could drive straight from start to goal if nobody walked there, [e]."""
    start, goal = layout.start[:, None, :2], layout.goal[:, None]
    free = to_segment(layout.pillars, start, goal) >= layout.radii + radius
    apart = between_segments(start, goal, layout.wall_starts, layout.wall_ends)
    return free.all(axis=1) & (apart >= radius).all(axis=1)


def _beside(values: NDArray, places: NDArray) -> NDArray:
    """[n, c, ...] with axes between n and c for those that ``places`` has there.

    Radii [n, c] become [n, ..., c, 1], so that all shapes are treated alike.
    """
    values = values[..., None] if values.ndim == 2 else values
    n, *rest = values.shape
    return values.reshape(n, *[1] * (places.ndim - 2), *rest)
