"""What can be told from a scan without learning: the baseline of perception.

Legend of shapes: ``n`` scans, ``r`` rays of a turn, ``g`` cells along a side of the grid.

Returns of neighbouring rays belong to one thing unless the distance jumps; how wide the thing is
says what it is. A cell is occupied where a return falls into it. Jump-distance segments with rules
on their width are the usual first step of leg detectors (Arras et al. 2007, "Using boosted features
for the detection of people in 2D range data"). The bounds below were chosen on training scenes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from labloom_robotics.data.lidar import ray_directions
from labloom_robotics.data.scenes import BOX, FREE, PERSON, POLE, WALL

JUMP, JUMP_SLOPE = 0.1, 0.15
"""m, and m for each m of distance: neighbours whose distances differ by more are two things."""

NARROW = 0.35
"""m; what is narrower is a leg or a pole."""

WIDE = 1.3
"""m; what is wider is a wall."""

STRIDE = 0.5
"""m; a narrow thing with another one so close is a leg."""


def nearest_return_classes(scans: NDArray[np.float32], max_range: float) -> NDArray[np.int64]:
    """Class of each ray, [n, r], by the width of the segment it belongs to.

    Args:
        scans: distances as a share of the range, [n, r]; 1 where nothing came back.
        max_range: m.
    """
    distances = _filled(scans) * max_range
    points = ray_directions(scans.shape[1]) * distances[..., None]  # [n, r, 2]
    scenes = zip(distances, points, strict=True)
    return np.stack([_classes_of_scan(away, there, max_range) for away, there in scenes])


def nearest_return_grid(
    scans: NDArray[np.float32], max_range: float, *, grid: int, cell: float, depth: float = 0.0
) -> NDArray[np.int8]:
    """Occupied cells, [n, g, g]: those that a return falls into.

    Args:
        scans: distances as a share of the range, [n, r].
        max_range: m.
        grid: cells along a side.
        cell: side of a cell, m.
        depth: m; cells so far behind a return are occupied too.
    """
    occupied = np.zeros((len(scans), grid, grid), dtype=np.int8)
    distances = scans * max_range
    for extra in np.arange(0.0, depth + 1e-6, cell / 2):
        points = ray_directions(scans.shape[1]) * (distances + extra)[..., None]
        places = np.floor(points / cell + grid / 2).astype(np.int64)  # [n, r, 2]
        inside = ((places >= 0) & (places < grid)).all(axis=-1) & (scans < 1)
        scene, ray = np.nonzero(inside)
        occupied[scene, places[scene, ray, 0], places[scene, ray, 1]] = 1
    return occupied


def _filled(scans: NDArray) -> NDArray:
    """Scans in which a single lost return between two others has the smaller of their distances."""
    before, after = np.roll(scans, 1, axis=1), np.roll(scans, -1, axis=1)
    single = (scans >= 1) & (before < 1) & (after < 1)
    return np.where(single, np.minimum(before, after), scans)


def _classes_of_scan(distances: NDArray, points: NDArray, max_range: float) -> NDArray[np.int64]:
    """Classes [r] of one scan, distances [r] and points [r, 2] in m."""
    classes = np.full(len(distances), FREE)
    segments = _segments(distances, max_range)
    widths = [_width(points[rays]) for rays in segments]
    middles = [points[rays].mean(axis=0) for rays in segments]
    narrow = [i for i, width in enumerate(widths) if width < NARROW]
    for i, rays in enumerate(segments):
        if widths[i] >= WIDE:
            classes[rays] = WALL
        elif widths[i] >= NARROW:
            classes[rays] = BOX
        else:
            paired = any(np.linalg.norm(middles[i] - middles[j]) < STRIDE for j in narrow if j != i)
            classes[rays] = PERSON if paired else POLE
    return classes


def _width(points: NDArray) -> float:
    """The farthest that a point is from the first one, m; a wall all around is wide, too."""
    return float(np.linalg.norm(points - points[0], axis=1).max())


def _segments(distances: NDArray, max_range: float) -> list[NDArray]:
    """Rays of each thing, in order around the ring."""
    rays = len(distances)
    before = np.roll(distances, 1)
    bound = JUMP + JUMP_SLOPE * np.minimum(distances, before)
    met = distances < max_range
    starts = (np.abs(distances - before) > bound) | (met != np.roll(met, 1))
    first = int(starts.argmax())  # begin at a border, so that no segment is cut at ray 0
    order = (np.arange(rays) + first) % rays
    parts = np.split(order, np.flatnonzero(starts[order])[1:])
    return [part for part in parts if met[part[0]]]
