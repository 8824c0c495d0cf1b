"""Where cars touch, and where rays meet them. Cars of the traffic always point along x.

Legend of shapes: ``n`` agents, ``c`` cars of the traffic, ``r`` rays.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from labloom_robotics.worlds.drive.road import CAR_LENGTH, CAR_WIDTH, Traffic

BLOCK = 16  # agents whose rays are met at once, so that what is computed stays in the cache
PARALLEL = 1e-9  # of a unit vector; a ray nearer to the sides of a car counts as parallel


def touching(traffic: Traffic) -> NDArray[np.bool_]:
    """Whether the agent's car and each other car overlap, [n, c].

    Two convex bodies are apart if and only if a line between them exists; for rectangles it is
    enough to look along their sides (separating axis theorem).
    """
    dx = traffic.cars_x - traffic.x[:, None]
    dy = traffic.cars_y - traffic.y[:, None]
    cos, sin = np.cos(traffic.heading)[:, None], np.sin(traffic.heading)[:, None]
    long_side, short_side = CAR_LENGTH / 2, CAR_WIDTH / 2
    along = long_side * np.abs(cos) + short_side * np.abs(sin)  # half of the turned car, along x
    across = long_side * np.abs(sin) + short_side * np.abs(cos)
    return (
        (np.abs(dx) < long_side + along)
        & (np.abs(dy) < short_side + across)
        & (np.abs(dx * cos + dy * sin) < long_side + along)
        & (np.abs(dy * cos - dx * sin) < short_side + across)
    )


def scan(traffic: Traffic, angles: NDArray, reach: float) -> tuple[NDArray, NDArray]:
    """What a LiDAR in the middle of the agent's car measures.

    Args:
        traffic: the present state.
        angles: of the rays to the car's own direction, rad, [r].
        reach: range of the LiDAR, m.

    Returns:
        Ranges in m, ``reach`` where a ray meets no car, and how fast what it met comes nearer along
        the ray in m/s (as FMCW LiDARs measure it), 0 where it met nothing; [n, r].
    """
    directions = traffic.heading[:, None] + angles
    cos, sin = np.cos(directions), np.sin(directions)
    if not traffic.cars_x.shape[1]:
        return np.full_like(cos, reach), np.zeros_like(cos)
    nearest, found = _nearest_cars(traffic, cos, sin)
    speeds = np.take_along_axis(traffic.cars_speed, nearest, axis=1)
    own_x, own_y = (traffic.speed * turn(traffic.heading) for turn in (np.cos, np.sin))
    closing = (own_x[:, None] - speeds) * cos + own_y[:, None] * sin
    return np.minimum(found, reach), np.where(found < reach, closing, 0)


def _nearest_cars(traffic: Traffic, cos: NDArray, sin: NDArray) -> tuple[NDArray, NDArray]:
    """Which car each ray enters first, and after how many m (infinite: none), [n, r]."""
    dx = traffic.cars_x - traffic.x[:, None]
    dy = traffic.cars_y - traffic.y[:, None]
    nearest = np.empty(cos.shape, dtype=np.int64)
    found = np.empty(cos.shape)
    for start in range(0, len(dx), BLOCK):
        part = slice(start, start + BLOCK)
        enter_x, leave_x = _slab(dx[part], cos[part], CAR_LENGTH / 2)
        enter_y, leave_y = _slab(dy[part], sin[part], CAR_WIDTH / 2)
        enter, leave = np.maximum(enter_x, enter_y), np.minimum(leave_x, leave_y)
        meets = (enter <= leave) & (leave >= 0)
        ranges = np.where(meets, np.maximum(enter, 0), np.inf)  # [block, r, c]
        nearest[part] = ranges.argmin(axis=2)
        found[part] = ranges.min(axis=2)
    return nearest, found


def _slab(middle: NDArray, slope: NDArray, half: float) -> tuple[NDArray, NDArray]:
    """Where rays enter and leave the strip between two opposite sides of each car, m."""
    # A ray along the sides never leaves the strip, or is never in it; so nearly along will do.
    slope = np.where(np.abs(slope) < PARALLEL, PARALLEL, slope)
    per_metre = 1 / slope[..., None]
    centre = middle[:, None] * per_metre
    width = half * np.abs(per_metre)
    return centre - width, centre + width
