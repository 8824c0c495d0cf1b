"""Rooms with furniture and people around a robot, drawn from a seed.

Legend of shapes: ``n`` scenes, ``c`` circles, ``k`` rectangles. Everything is seen from the robot:
it stands in the origin and looks along x, y is to its left; lengths in m, angles in rad.

Every scene has the same slots, so that all are handled by one array operation; a slot that is empty
lies ``NOWHERE``. What is drawn: a rectangular room, partitions along its walls' directions, boxes,
people as two columns for legs, and poles. A pole may be as thin as a leg and a partition as short
as a box is long, so that width alone does not tell them apart.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

CLASSES = ("free", "wall", "box", "person", "pole")
FREE, WALL, BOX, PERSON, POLE = range(5)

PARTITIONS, BOXES, PEOPLE, POLES = 2, 5, 4, 3
"""Slots of each kind in a scene."""

PRESENCE = 0.65
"""Chance that a slot is used, if a place is found."""

NOWHERE = 1e4
"""m; where empty slots lie, far out of any range."""

RECTANGLE_CLASSES = (WALL,) * PARTITIONS + (BOX,) * BOXES
CIRCLE_CLASSES = (PERSON,) * (2 * PEOPLE) + (POLE,) * POLES
CIRCLE_OWNERS = (*(i for i in range(PEOPLE) for _ in "ab"), *range(PEOPLE, PEOPLE + POLES))
"""Which person or pole a circle belongs to."""

ROOM_SIDE = (4.0, 13.0)
CLEARANCE = 0.45
"""m; between the robot and anything else at least."""

GAP = 0.1
"""m; between two things at least."""

TRIES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenes:
    """What surrounds the robot in ``n`` scenes.

    Args:
        room_centre: [n, 2] in m.
        room_half: half the sides of the room between its walls, [n, 2] in m.
        heading: direction of the room's first side, [n] in rad.
        rectangles: centres, [n, k, 2] in m; their classes are ``RECTANGLE_CLASSES``.
        halves: half the sides of each rectangle, [n, k, 2] in m.
        turns: direction of each rectangle's first side, [n, k] in rad.
        circles: centres, [n, c, 2] in m; their classes are ``CIRCLE_CLASSES``.
        radii: [n, c] in m.
    """

    room_centre: NDArray
    room_half: NDArray
    heading: NDArray
    rectangles: NDArray
    halves: NDArray
    turns: NDArray
    circles: NDArray
    radii: NDArray


def draw_scenes(random: np.random.Generator, count: int) -> Scenes:
    """Draw ``count`` scenes; the same state of ``random`` gives the same scenes."""
    room_half = random.uniform(*ROOM_SIDE, (count, 2)) / 2
    robot = random.uniform(-1, 1, (count, 2)) * (room_half - CLEARANCE - 0.2)
    taken = [(robot, np.full(count, CLEARANCE))]

    rectangles, halves, turns = [], [], []
    for slot in range(PARTITIONS + BOXES):
        half, turn = _rectangle(random, count, partition=slot < PARTITIONS)
        radius = np.linalg.norm(half, axis=1)
        rectangles.append(_place(random, room_half, radius, taken))
        halves.append(half)
        turns.append(turn)

    circles, radii = [], []
    for slot in range(PEOPLE + POLES):
        if slot < PEOPLE:
            leg, step = random.uniform(0.05, 0.09, count), random.uniform(0.1, 0.22, count)
            middle = _place(random, room_half, leg + step, taken)
            aside = step[:, None] * _unit(random.uniform(0, 2 * np.pi, count))
            circles += [middle - aside, middle + aside]
            radii += [leg, leg]
        else:
            radius = random.uniform(0.05, 0.2, count)
            circles.append(_place(random, room_half, radius, taken))
            radii.append(radius)

    heading = random.uniform(-np.pi, np.pi, count)  # of the room, as the robot sees it
    return Scenes(
        room_centre=_seen(np.zeros((count, 1, 2)), robot, heading)[:, 0],
        room_half=room_half,
        heading=heading,
        rectangles=_seen(np.stack(rectangles, 1), robot, heading),
        halves=np.stack(halves, 1),
        turns=np.stack(turns, 1) + heading[:, None],
        circles=_seen(np.stack(circles, 1), robot, heading),
        radii=np.stack(radii, 1),
    )


def rotate(points: NDArray, angle: NDArray) -> NDArray:
    """Points [..., 2] turned counter-clockwise by angles [...] in rad."""
    cosine, sine = np.cos(angle), np.sin(angle)
    x, y = points[..., 0], points[..., 1]
    return np.stack([cosine * x - sine * y, sine * x + cosine * y], axis=-1)


def sides(centres: NDArray, halves: NDArray, turns: NDArray) -> tuple[NDArray, NDArray]:
    """Both ends [n, 4 k, 2] of the four sides of rectangles, as ``Scenes`` has them."""
    signs = np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]])  # corners, counter-clockwise
    corners = centres[:, :, None] + rotate(halves[:, :, None] * signs, turns[:, :, None])
    count, rectangles = turns.shape
    starts = corners.reshape(count, 4 * rectangles, 2)
    ends = np.roll(corners, -1, axis=2).reshape(count, 4 * rectangles, 2)
    return starts, ends


def _rectangle(
    random: np.random.Generator, count: int, *, partition: bool
) -> tuple[NDArray, NDArray]:
    """Half sides [n, 2] and turns [n] of one slot."""
    if partition:
        half = np.stack([random.uniform(0.5, 1.8, count), random.uniform(0.05, 0.1, count)], 1)
        return half, random.integers(0, 2, count) * (np.pi / 2)
    return random.uniform(0.12, 0.6, (count, 2)), random.uniform(0, np.pi, count)


def _place(
    random: np.random.Generator,
    room_half: NDArray,
    radius: NDArray,
    taken: list[tuple[NDArray, NDArray]],
) -> NDArray:
    """A free place [n, 2] in each room for a circle, kept in ``taken``; some are ``NOWHERE``."""
    count = len(radius)
    place = np.full((count, 2), NOWHERE)
    open_ = random.random(count) < PRESENCE
    for _ in range(TRIES):
        room = np.maximum(room_half - radius[:, None], 0)
        tried = random.uniform(-1, 1, (count, 2)) * room
        free = open_ & (room > 0).all(axis=1)
        for centre, reach in taken:
            free &= np.linalg.norm(tried - centre, axis=1) > radius + reach + GAP
        place[free] = tried[free]
        open_ = open_ & ~free
    taken.append((place, radius))
    return place


def _seen(points: NDArray, robot: NDArray, heading: NDArray) -> NDArray:
    """Points [n, m, 2] of the room as a robot at ``robot`` sees them; empty slots stay away."""
    return rotate(points - robot[:, None], np.broadcast_to(heading[:, None], points.shape[:2]))


def _unit(angle: NDArray) -> NDArray:
    return np.stack([np.cos(angle), np.sin(angle)], axis=-1)
