"""The table that the arm works on, and how an episode on it begins.

Legend of shapes: ``n`` agents, ``j`` joints.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labloom_robotics.worlds.arm.contact import TOUCH
from labloom_robotics.worlds.arm.kinematics import joint_places
from labloom_robotics.worlds.drawn import State

SECTOR = 1.7  # rad, targets and discs lie between -SECTOR and SECTOR from x
REACH_FROM, REACH_TO = 0.3, 0.9  # m from the base, of targets to be reached
PUSH_FROM, PUSH_TO = 0.4, 0.75  # m from the base, of discs and their goals
NEAREST, FARTHEST = 0.12, 0.5  # m, from the disc to its goal
FREE = 0.1  # m, from the fingertip to what it has to come to
TRIES = 1000  # draws; on the average fewer than 5 are needed


@dataclass
class Table(State):
    """The arm, and what is on the table.

    Args:
        angles: of the joints, rad, [n, j].
        velocities: of the joints in the step before, rad/s, [n, j].
        tip: the fingertip, m, [n, 2].
        disc: middle of the disc, m, [n, 2]; when there is none, where the fingertip is.
        target: where fingertip or disc have to be, m, [n, 2].
        path_length: way of the fingertip (reach) or the disc (push), m, [n].
        shortest_path: the straight line when the episode began, m, [n].
    """

    angles: NDArray
    velocities: NDArray
    tip: NDArray
    disc: NDArray
    target: NDArray
    path_length: NDArray
    shortest_path: NDArray


def draw_tables(
    generators: Sequence[np.random.Generator],
    goal: str,
    lengths: NDArray,
    limits: NDArray,
    tolerance: float,
) -> Table:
    """Tables as episodes begin, one for each generator.

    Args:
        generators: one for each agent.
        goal: ``reach`` or ``push``.
        lengths: of the links, m, [j].
        limits: each joint turns from -limit to limit, rad, [j].
        tolerance: no episode begins with its end, m.
    """
    draw = _draw_reach if goal == "reach" else _draw_push
    drawn = [draw(generator, lengths, limits, tolerance) for generator in generators]
    angles, tip, disc, target = (np.array(column) for column in zip(*drawn, strict=True))
    way = target - (tip if goal == "reach" else disc)
    return Table(
        angles=angles,
        velocities=np.zeros_like(angles),
        tip=tip,
        disc=disc,
        target=target,
        path_length=np.zeros(len(generators)),
        shortest_path=np.hypot(way[:, 0], way[:, 1]),
    )


Drawn = tuple[NDArray, NDArray, NDArray, NDArray]  # angles [j]; tip, disc and target [2]


def _draw_reach(
    generator: np.random.Generator, lengths: NDArray, limits: NDArray, tolerance: float
) -> Drawn:
    angles, tip = _draw_arm(generator, lengths, limits)
    for _ in range(TRIES):
        target = _draw_place(generator, REACH_FROM, REACH_TO)
        if np.hypot(*(target - tip)) > tolerance + FREE:
            break
    return angles, tip, tip, target


def _draw_push(
    generator: np.random.Generator, lengths: NDArray, limits: NDArray, tolerance: float
) -> Drawn:
    for _ in range(TRIES):
        disc, target = (_draw_place(generator, PUSH_FROM, PUSH_TO) for _ in range(2))
        if tolerance + NEAREST < np.hypot(*(target - disc)) < FARTHEST:
            break
    for _ in range(TRIES):
        angles, tip = _draw_arm(generator, lengths, limits)
        if np.hypot(*(disc - tip)) > TOUCH + FREE:
            break
    return angles, tip, disc, target


def _draw_arm(
    generator: np.random.Generator, lengths: NDArray, limits: NDArray
) -> tuple[NDArray, NDArray]:
    """Angles of the joints [j], in the middle half of their range, and the fingertip [2]."""
    angles = generator.uniform(-limits / 2, limits / 2)
    return angles, joint_places(angles[None], lengths)[0, -1]


def _draw_place(generator: np.random.Generator, nearest: float, farthest: float) -> NDArray:
    """A place on the table, evenly over the area, [2]."""
    distance = np.sqrt(generator.uniform(nearest**2, farthest**2))
    angle = generator.uniform(-SECTOR, SECTOR)
    return distance * np.array([np.cos(angle), np.sin(angle)])
