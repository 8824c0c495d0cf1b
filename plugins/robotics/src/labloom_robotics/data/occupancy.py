"""Which cells around the robot are taken by a body, whether the scanner sees that part or not.

Legend of shapes: ``n`` scenes, ``g`` cells along a side of the grid.

The grid is centred on the robot. Cell ``[i, j]`` has its centre at ``x = (i - (g - 1) / 2) * cell``
ahead and ``y = (j - (g - 1) / 2) * cell`` to the left.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from labloom_robotics.data.scenes import CIRCLE_CLASSES, RECTANGLE_CLASSES, Scenes, rotate

UNASKED = -1
WALL_THICKNESS = 0.25
"""m; how deep the walls of the room reach outwards."""


def cell_centres(grid: int, cell: float) -> NDArray[np.float32]:
    """Centres of all cells, [g, g, 2] in m."""
    along = (np.arange(grid) - (grid - 1) / 2) * cell
    return np.stack(np.meshgrid(along, along, indexing="ij"), axis=-1).astype(np.float32)


def occupancy(scenes: Scenes, seen: NDArray[np.bool_], grid: int, cell: float) -> NDArray[np.int8]:
    """Truth of each cell, [n, g, g]: 1 occupied, 0 free, -1 not asked.

    A cell is occupied when a body comes within half a cell of its centre. All of a body counts,
    its far side too. Two things cannot be known and are not asked: what lies behind the walls of
    the room, and bodies of which not one ray meets any part.

    Args:
        scenes: what is there.
        seen: which objects a ray meets, [n, o] in the order of ``lidar.OBJECT_CLASSES``.
        grid: cells along a side.
        cell: side of a cell, m.
    """
    centres = cell_centres(grid, cell)
    outside = _beyond_room(scenes, centres)  # m
    truth = (outside > -cell / 2).astype(np.int8)
    for k in range(len(RECTANGLE_CLASSES)):
        _mark(truth, _near_rectangle(scenes, k, centres, cell / 2), seen[:, 1 + k])
    first = 1 + len(RECTANGLE_CLASSES)
    for c in range(len(CIRCLE_CLASSES)):
        _mark(truth, _near_circle(scenes, c, centres, cell / 2), seen[:, first + c])
    truth[outside > WALL_THICKNESS] = UNASKED
    return truth


def _mark(truth: NDArray[np.int8], body: tuple[NDArray, NDArray], seen: NDArray[np.bool_]) -> None:
    """Write one object into the scenes where it is near; a seen one wins over an unseen one."""
    rows, cells = body
    here = truth[rows]
    known = cells & seen[rows, None, None]
    here[cells & ~known & (here == 0)] = UNASKED
    here[known] = 1
    truth[rows] = here


def _beyond_room(scenes: Scenes, centres: NDArray) -> NDArray[np.float32]:
    """How far each cell is outside the walls' surface, m [n, g, g]; negative inside."""
    inside = _turned_back(centres, scenes.room_centre, scenes.heading)
    return (np.abs(inside) - scenes.room_half[:, None, None]).max(axis=-1)


def _near_rectangle(
    scenes: Scenes, k: int, centres: NDArray, reach: float
) -> tuple[NDArray, NDArray]:
    """Scenes [m] whose rectangle ``k`` may be in the grid, and its cells in them [m, g, g]."""
    half = scenes.halves[:, k]
    rows = _in_grid(scenes.rectangles[:, k], np.linalg.norm(half, axis=1) + reach, centres)
    there = _turned_back(centres, scenes.rectangles[rows, k], scenes.turns[rows, k])
    beyond = np.maximum(np.abs(there) - half[rows, None, None].astype(np.float32), 0)
    return rows, (beyond**2).sum(axis=-1) <= reach**2


def _near_circle(scenes: Scenes, c: int, centres: NDArray, reach: float) -> tuple[NDArray, NDArray]:
    radius = scenes.radii[:, c] + reach
    rows = _in_grid(scenes.circles[:, c], radius, centres)
    middle = scenes.circles[rows, None, None, c].astype(np.float32)
    far = ((centres - middle) ** 2).sum(axis=-1)
    return rows, far <= radius[rows, None, None] ** 2


def _in_grid(places: NDArray, radius: NDArray, centres: NDArray) -> NDArray:
    edge = np.abs(centres).max()
    return np.flatnonzero((np.abs(places) - radius[:, None] <= edge).all(axis=1))


def _turned_back(centres: NDArray, origin: NDArray, turn: NDArray) -> NDArray[np.float32]:
    """Cells [m, g, g, 2] as seen by what stands at ``origin`` [m, 2] and is turned by ``turn``."""
    moved = centres - origin[:, None, None].astype(np.float32)
    return rotate(moved, -turn[:, None, None].astype(np.float32))
