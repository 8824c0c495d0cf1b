"""What the driver of the agent's car is told: numbers about -1 to 1, made of m, m/s and rad.

Legend of shapes: ``n`` agents, ``l`` lanes, ``r`` rays.
"""

from __future__ import annotations

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from labloom_robotics.worlds.drive.boxes import scan
from labloom_robotics.worlds.drive.road import (
    LANE_WIDTH,
    Neighbours,
    Traffic,
    lane_middle,
    nearest_lane,
)

SIGHT = 100.0  # m; farther cars are not seen
FASTEST = 40.0  # m/s, the unit of speeds
LARGEST_HEADING = 0.5  # rad, the unit of the heading
OWN = 5  # numbers about the own car


def own_car(traffic: Traffic, lanes: int, road_length: float) -> NDArray[np.float32]:
    """The own car, [n, 5]: speed, place across the road and in the lane, heading, what is left.

    Units, in this order: 40 m/s; half the road's width; half a lane's width; 0.5 rad; the length of
    the road. All are cut off at -1 and 1.
    """
    offset = traffic.y - lane_middle(nearest_lane(traffic.y, lanes), lanes)
    columns = (
        traffic.speed / FASTEST,
        traffic.y / (lanes * LANE_WIDTH / 2),
        offset / (LANE_WIDTH / 2),
        traffic.heading / LARGEST_HEADING,
        1 - traffic.x / road_length,
    )
    return np.stack(columns, axis=1).clip(-1, 1).astype(np.float32)


def other_cars(traffic: Traffic, around: Neighbours) -> NDArray[np.float32]:
    """The nearest cars of each lane, [n, 4 l]: all gaps ahead, their speeds, then those behind.

    Gaps in 100 m, 1 where nobody is seen; speeds relative to the own in 40 m/s, 0 where nobody is.
    """
    own = traffic.speed[:, None]
    blocks = (
        around.ahead_gap / SIGHT,
        (around.ahead_speed - own) / FASTEST,
        around.behind_gap / SIGHT,
        (around.behind_speed - own) / FASTEST,
    )
    return np.concatenate(blocks, axis=1).clip(-1, 1).astype(np.float32)


def lidar(traffic: Traffic, rays: int) -> NDArray[np.float32]:
    """Ranges in 100 m, then closing speeds in 40 m/s, of rays all around, [n, 2, r]."""
    ranges, closing = scan(traffic, ray_angles(rays), SIGHT)
    return np.stack([ranges / SIGHT, closing / FASTEST], axis=1).clip(-1, 1).astype(np.float32)


def ray_angles(rays: int) -> NDArray:
    """Directions of the rays, rad from straight ahead, counterclockwise, [r]."""
    return 2 * np.pi * np.arange(rays) / rays


def drive_space(observation: str, lanes: int, rays: int) -> spaces.Space:
    """The observation space of ``cars`` or ``lidar``."""
    if observation == "cars":
        return spaces.Box(-1.0, 1.0, (OWN + 4 * lanes,), np.float32)
    return spaces.Dict(
        {
            "state": spaces.Box(-1.0, 1.0, (OWN,), np.float32),
            "lidar": spaces.Box(-1.0, 1.0, (2, rays), np.float32),
        }
    )
