"""How far it is to the goal around the obstacles: a map of distances for each episode.

Legend of shapes: ``e`` episodes, ``n`` agents, ``g`` cells along a side.

The map solves the eikonal equation ``|grad T| = slowness`` by the upwind scheme of Rouy and Tourin
(1992, SIAM J. Numer. Anal. 29(3), their eq. 3.1), repeated over all cells until nothing changes.
Unlike distances along a grid, these approach straight lines. Obstacles are slow, not infinite, so
that every cell has a value to interpolate with. The progress that is rewarded is measured on this
map, as in Habitat (Savva et al. 2019, arXiv:1904.01201): a straight distance would punish a detour.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from labloom_robotics.worlds.navigate.shapes import length

CELL = 0.5  # m, about
SLOW = 6.0  # a cell that is blocked counts so many times its width
EXACT = 1.0  # m around the goal, where the distance is the straight one
FAR = 1e6  # m, where nothing has arrived yet
CHECK = 8  # sweeps between two looks whether something changed


def cells(size: float) -> int:
    """Cells along a side of an arena of ``size`` m."""
    return round(size / CELL)


def route_maps(
    goal: NDArray, blocks: tuple[NDArray, ...], *, size: float, margin: float
) -> NDArray:
    """Distances from the cells' centres to the goal, float32 [e, g, g] in m; axes x and y.

    Args:
        goal: [e, 2] in m.
        blocks: pillars [e, c, 2], their radii [e, c], ends of the walls [e, s, 2] twice; in m.
        size: side of the arena, m.
        margin: room that the robot needs between its centre and an obstacle, m.
    """
    g = cells(size)
    width = size / g
    ticks = (np.arange(g) + 0.5) * width
    away_x, away_y = _both_ways(ticks, goal)
    straight = np.sqrt(away_x**2 + away_y**2)
    slowness = _slowness(ticks, blocks, max(margin, 0.51 * width))
    slowness *= np.float32(width)
    exact = straight < EXACT
    # A frame of far values saves asking for the edge at every step.
    padded = np.full((len(goal), g + 2, g + 2), FAR, dtype=np.float32)
    inner = padded[:, 1:-1, 1:-1]
    inner[exact] = straight[exact]
    squared = 2 * slowness * slowness
    work = np.empty((5, *slowness.shape), dtype=np.float32)
    for sweep in range(1, 8 * g):
        before = inner.copy() if sweep % CHECK == 0 else None
        _relax(padded, slowness, squared, work)
        if before is not None and np.array_equal(before, inner):
            break
    return inner.copy()


def _relax(padded: NDArray, slowness: NDArray, slowness_squared: NDArray, work: NDArray) -> None:
    """One sweep: solve for each cell from its nearest neighbours along x and along y.

    With ``a`` and ``b`` the arrivals there and ``s`` the slowness times the cell's width, the
    front passes the cell at ``(a + b + sqrt(2 s^2 - (a - b)^2)) / 2``, or straight from the nearer
    one, at ``min(a, b) + s``, where the other is later than that.
    """
    inner = padded[:, 1:-1, 1:-1]
    along_x, along_y, nearer, apart, root = work
    np.minimum(padded[:, :-2, 1:-1], padded[:, 2:, 1:-1], out=along_x)
    np.minimum(padded[:, 1:-1, :-2], padded[:, 1:-1, 2:], out=along_y)
    np.minimum(along_x, along_y, out=nearer)
    np.subtract(np.maximum(along_x, along_y, out=apart), nearer, out=apart)
    np.minimum(apart, slowness, out=apart)  # then the root is s, and the sum min(a, b) + s
    np.multiply(apart, apart, out=root)
    np.subtract(slowness_squared, root, out=root)
    np.sqrt(root, out=root)
    root += apart
    root *= 0.5
    root += nearer
    np.minimum(inner, root, out=inner)


def _slowness(ticks: NDArray, blocks: tuple[NDArray, ...], margin: float) -> NDArray:
    """1 in free cells and SLOW in blocked ones, [e, g, g].

    Around walls the rectangle is blocked that has the margin on all sides. All is computed from
    parts that depend on x or on y only, [e, g, 1] and [e, 1, g].
    """
    pillars, radii, wall_starts, wall_ends = (block.astype(np.float32) for block in blocks)
    ticks = ticks.astype(np.float32)
    blocked = np.zeros((len(pillars), len(ticks), len(ticks)), dtype=bool)
    for i in range(radii.shape[1]):
        away_x, away_y = _both_ways(ticks, pillars[:, i])
        blocked |= away_x**2 + away_y**2 < ((radii[:, i] + margin) ** 2)[:, None, None]
    for i in range(wall_starts.shape[1]):
        span = wall_ends[:, i] - wall_starts[:, i]
        half = np.maximum(0.5 * length(span), 1e-6)[:, None, None]
        x, y = (0.5 * span[:, axis, None, None] / half for axis in (0, 1))  # its direction
        away_x, away_y = _both_ways(ticks, wall_starts[:, i] + 0.5 * span)
        along, across = away_x * x + away_y * y, away_x * y - away_y * x
        blocked |= (np.abs(across) < margin) & (np.abs(along) < half + margin)
    return np.where(blocked, np.float32(SLOW), np.float32(1))


def _both_ways(ticks: NDArray, places: NDArray) -> tuple[NDArray, NDArray]:
    """From places [e, 2] to the cells' centres, along x [e, g, 1] and along y [e, 1, g]; m."""
    return ticks[:, None] - places[:, 0, None, None], ticks - places[:, 1, None, None]


def look_up(routes: NDArray, places: NDArray, size: float) -> NDArray:
    """The distances at ``places``, between the cells' centres bilinearly, in m.

    Args:
        routes: maps of all agents, [n, g, g] in m.
        places: [n, 2] or [n, k, 2] in m.
        size: side of the arena, m.
    """
    g = routes.shape[-1]
    scaled = np.clip(places * (g / size) - 0.5, 0, g - 1.000001)
    corner = scaled.astype(np.int64)
    x, y = np.moveaxis(scaled - corner, -1, 0)
    agents = np.arange(len(routes)).reshape(-1, *[1] * (places.ndim - 2))
    index = (agents * g + corner[..., 0]) * g + corner[..., 1]
    flat = routes.reshape(-1)
    low = flat[index] * (1 - y) + flat[index + 1] * y
    high = flat[index + g] * (1 - y) + flat[index + g + 1] * y
    return low * (1 - x) + high * x
