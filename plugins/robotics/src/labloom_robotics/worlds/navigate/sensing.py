"""What the robot senses: its LiDAR, and where the goal is.

Legend of shapes: ``n`` agents, ``r`` rays, ``p`` people, ``c`` pillars and posts, ``s`` walls.
"""

from __future__ import annotations

import math

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from labloom_robotics.worlds.navigate.layout import PERSON_RADIUS
from labloom_robotics.worlds.navigate.options import NavigateOptions
from labloom_robotics.worlds.raycast import each_circle, ray_box, ray_circles, ray_segments

STATE = 5  # numbers: distance, cosine and sine of the bearing, speed, turn rate


def observation_space(options: NavigateOptions) -> spaces.Dict:
    """``scan`` and ``motion`` of each ray, and ``state``; see ``Navigate``."""
    return spaces.Dict(
        {
            "scan": spaces.Box(0.0, 1.0, shape=(options.rays,), dtype=np.float32),
            "motion": spaces.Box(-1.0, 1.0, shape=(options.rays,), dtype=np.float32),
            "state": spaces.Box(-1.0, 1.0, shape=(STATE,), dtype=np.float32),
        }
    )


def ray_directions(headings: NDArray, rays: int) -> NDArray[np.float32]:
    """Unit vectors of the rays, [n, r, 2]: counter-clockwise, the first straight ahead."""
    angles = np.arange(rays) * (2 * math.pi / rays)
    cosines, sines = np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)
    ahead_x = np.cos(headings).astype(np.float32)[:, None]
    ahead_y = np.sin(headings).astype(np.float32)[:, None]
    # x and y in blocks of their own: raycast reads them one after the other.
    planes = np.empty((2, len(headings), rays), dtype=np.float32)
    np.subtract(ahead_x * cosines, ahead_y * sines, out=planes[0])
    np.add(ahead_y * cosines, ahead_x * sines, out=planes[1])
    return np.moveaxis(planes, 0, -1)


def scan(
    poses: NDArray,
    blocks: tuple[NDArray, ...],
    people: tuple[NDArray, NDArray],
    options: NavigateOptions,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Distances that the LiDAR measures, and how fast what it meets moves along the ray; [n, r].

    The second is what a frequency-modulated (Doppler) LiDAR measures, its own motion taken out:
    below 0 towards the robot, 0 for all that stands still.

    Args:
        poses: x, y (m) and heading (rad), [n, 3].
        blocks: float32 pillars [n, c, 2], radii [n, c], ends of the walls [n, s, 2] twice; m.
        people: places [n, p, 2] in m and velocities [n, p, 2] in m/s.
        options: of the world.

    Returns:
        Distances in m, at most ``scan_range``, and speeds in m/s; float32.
    """
    origins = poses[:, :2].astype(np.float32)
    directions = ray_directions(poses[:, 2], options.rays)
    pillars, radii, wall_starts, wall_ends = blocks
    nearest = ray_box(origins, directions, options.size)
    np.minimum(nearest, np.float32(options.scan_range), out=nearest)
    np.minimum(nearest, ray_circles(origins, directions, pillars, radii), out=nearest)
    np.minimum(nearest, ray_segments(origins, directions, wall_starts, wall_ends), out=nearest)
    moving = np.zeros_like(nearest)
    places, velocities = (values.astype(np.float32) for values in people)
    sizes = np.full(places.shape[:2], PERSON_RADIUS, dtype=np.float32)
    distances = each_circle(origins, directions, places, sizes)  # [p, n, r]
    for i, distance in enumerate(distances):
        nearer = distance < nearest
        along = directions[..., 0] * velocities[:, i, None, 0]
        along += directions[..., 1] * velocities[:, i, None, 1]
        np.copyto(nearest, distance, where=nearer)
        np.copyto(moving, along, where=nearer)
    return nearest, moving


def goal_state(
    poses: NDArray, speeds: NDArray, goals: NDArray, options: NavigateOptions
) -> NDArray[np.float32]:
    """``state``: distance to the goal, cosine and sine of its bearing, own speeds; [n, 5]."""
    away_x, away_y = goals[:, 0] - poses[:, 0], goals[:, 1] - poses[:, 1]
    distance = np.sqrt(away_x * away_x + away_y * away_y)
    near = np.maximum(distance, 1e-6)
    cosine, sine = np.cos(poses[:, 2]), np.sin(poses[:, 2])
    state = np.empty((len(poses), STATE), dtype=np.float32)
    state[:, 0] = distance / (math.sqrt(2) * options.size)
    state[:, 1] = (cosine * away_x + sine * away_y) / near
    state[:, 2] = (cosine * away_y - sine * away_x) / near
    state[:, 3] = speeds[:, 0] / options.max_speed
    state[:, 4] = speeds[:, 1] / options.max_turn
    return np.clip(state, -1, 1, out=state)
