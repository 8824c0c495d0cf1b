"""What a LiDAR on the robot measures of drawn scenes, and what each of its rays points at.

Legend of shapes: ``n`` scenes, ``r`` rays of a turn, ``l`` layers, ``o`` objects of a scene.

Ray ``i`` points ``2 pi i / r`` rad to the left of where the robot looks. The scanner is 0.3 m above
the floor. A layer with an elevation climbs over what is lower than it and may end on the floor.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labloom_robotics.data.scenes import (
    CIRCLE_CLASSES,
    FREE,
    RECTANGLE_CLASSES,
    WALL,
    Scenes,
    sides,
)
from labloom_robotics.worlds.raycast import each_circle, ray_segments

SENSOR_HEIGHT = 0.3
"""m above the floor."""

HEIGHTS = (0.0, 2.5, 0.7, 1.7, 1.2)
"""m; how tall free space, walls, boxes, people and poles are."""

OBJECT_CLASSES = (WALL, *RECTANGLE_CLASSES, *CIRCLE_CLASSES)
"""Class of each object of a scene: the room's walls, rectangles, circles."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What the scanner says and what is true.

    Args:
        scans: distances as a share of the range, float32 [n, l, r]; 1 where nothing came back.
        classes: what each ray points at within the range, int64 [n, l, r], also where its return
            was lost; "free" if that is nothing or the floor.
        seen: whether any ray of any layer meets the object, bool [n, o].
    """

    scans: NDArray[np.float32]
    classes: NDArray[np.int64]
    seen: NDArray[np.bool_]


def measure(
    scenes: Scenes,
    random: np.random.Generator,
    *,
    rays: int,
    elevations: Sequence[float],
    max_range: float,
    noise: float,
    dropout: float,
) -> Measured:
    """Scan the scenes from where the robot stands.

    Args:
        scenes: what is there.
        random: draws noise and losses.
        rays: of one turn.
        elevations: of each layer over the horizontal, degrees.
        max_range: m; what is farther does not come back.
        noise: standard deviation of a distance, m.
        dropout: chance that a return is lost.
    """
    across = object_distances(scenes, ray_directions(rays), max_range)  # [o, n, r], along the floor
    heights = np.array([HEIGHTS[c] for c in OBJECT_CLASSES], dtype=np.float32)[:, None, None]
    classes_of = np.array([*OBJECT_CLASSES, FREE])
    nothing = len(OBJECT_CLASSES)
    scans, classes, hits = [], [], []
    for elevation in np.radians(np.asarray(elevations, dtype=np.float32)):
        reach = np.where(np.isinf(across), 0, across)  # nothing is met there whatever the height
        beam = SENSOR_HEIGHT + reach * np.tan(elevation)  # height at each object
        met = np.where((beam >= 0) & (beam <= heights), across, np.inf)
        owner, distance = met.argmin(axis=0), met.min(axis=0)  # [n, r]
        floor = SENSOR_HEIGHT / np.tan(-elevation) if elevation < 0 else np.inf
        away = np.minimum(distance, floor) / np.cos(elevation)
        owner = np.where((distance <= floor) & (away <= max_range), owner, nothing)
        scans.append(_measured(away, random, max_range=max_range, noise=noise, dropout=dropout))
        classes.append(classes_of[owner])
        hits.append(owner)
    met = np.concatenate(hits, axis=1)  # [n, l r]
    seen = (met[:, :, None] == np.arange(nothing)).any(axis=1)
    return Measured(scans=np.stack(scans, 1), classes=np.stack(classes, 1), seen=seen)


def ray_directions(rays: int) -> NDArray[np.float32]:
    """Unit vectors [r, 2] of one turn, in the robot's frame."""
    angles = np.arange(rays) * (2 * np.pi / rays)
    return np.stack([np.cos(angles), np.sin(angles)], axis=-1).astype(np.float32)


def object_distances(scenes: Scenes, directions: NDArray, max_range: float) -> NDArray[np.float32]:
    """Distance along the floor to each object, [o, n, r] in m; inf where a ray misses it.

    Args:
        scenes: what is there.
        directions: unit vectors [r, 2].
        max_range: m; what is farther away is not looked at.
    """
    count = len(scenes.heading)
    origins = np.zeros((count, 2), dtype=np.float32)
    turned = np.broadcast_to(directions, (count, *directions.shape))
    distances = np.full((len(OBJECT_CLASSES), count, len(directions)), np.inf, dtype=np.float32)
    rooms = scenes.room_centre[:, None], scenes.room_half[:, None], scenes.heading[:, None]
    distances[0] = _to_sides(origins, turned, *rooms)
    for k in range(len(RECTANGLE_CLASSES)):
        one = slice(k, k + 1)
        shape = scenes.rectangles[:, one], scenes.halves[:, one], scenes.turns[:, one]
        near = np.linalg.norm(shape[0][:, 0], axis=1) < max_range + 3.0
        part = (values[near] for values in shape)
        distances[1 + k, near] = _to_sides(origins[near], turned[near], *part)
    circles, radii = (a.astype(np.float32) for a in (scenes.circles, scenes.radii))
    distances[1 + len(RECTANGLE_CLASSES) :] = each_circle(origins, turned, circles, radii)
    return distances


def _to_sides(
    origins: NDArray, directions: NDArray, centres: NDArray, halves: NDArray, turns: NDArray
) -> NDArray:
    starts, ends = (a.astype(np.float32) for a in sides(centres, halves, turns))
    return ray_segments(origins, directions, starts, ends)


def _measured(
    away: NDArray, random: np.random.Generator, *, max_range: float, noise: float, dropout: float
) -> NDArray[np.float32]:
    """Distances with noise and losses, as a share of the range."""
    noisy = away + random.normal(0.0, noise, away.shape)
    lost = (random.random(away.shape) < dropout) | (away > max_range) | (noisy > max_range)
    return np.where(lost, 1.0, np.maximum(noisy, 0) / max_range).astype(np.float32)
