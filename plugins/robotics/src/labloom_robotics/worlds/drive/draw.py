"""How a road is populated when an episode begins.

Legend of shapes: ``n`` agents, ``c`` cars of the traffic, ``l`` lanes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from labloom_robotics.worlds.drive.road import Traffic, lane_middle

LAST = (-60.0, -30.0)  # m, where the last car of each lane is
SPACING = (35.0, 90.0)  # m, from one middle to the next
FREE = 30.0  # m ahead of the agent and behind it in its lane
LANE_SPEED = (12.0, 20.0)  # m/s, that the drivers of a lane like on the average
OWN_TASTE = 2.0  # m/s, how far a driver is away from that
START = (0.6, 0.9)  # of the desired speed, that the agent starts with


def draw_traffic(
    generators: Sequence[np.random.Generator], lanes: int, cars: int, desired_speed: float
) -> Traffic:
    """Roads with cars in rows, and the agent at x = 0 in the middle of one of the lanes.

    Args:
        generators: one for each agent.
        lanes: lanes of the road.
        cars: other cars.
        desired_speed: of the agent, m/s.
    """
    drawn = [_one(generator, lanes, cars) for generator in generators]
    lane, start, cars_x, cars_desired = (np.array(column) for column in zip(*drawn, strict=True))
    zero = np.zeros(len(generators))
    cars_lane = np.broadcast_to(np.arange(cars) % lanes, cars_x.shape).copy()
    return Traffic(
        x=zero.copy(),
        y=lane_middle(lane, lanes),
        heading=zero.copy(),
        speed=start * desired_speed,
        path_length=zero.copy(),
        cars_x=cars_x,
        cars_y=lane_middle(cars_lane, lanes),
        cars_speed=cars_desired.copy(),
        cars_desired=cars_desired,
        cars_lane=cars_lane,
        ticks=np.zeros(len(generators), dtype=np.int64),
    )


def _one(
    generator: np.random.Generator, lanes: int, cars: int
) -> tuple[int, float, NDArray, NDArray]:
    """Lane and speed of the agent, places and desired speeds of the cars, [c].

    Cars go to the lanes in turn: car i to lane i mod l, as number i // l from behind.
    """
    agent_lane = int(generator.integers(lanes))
    start = generator.uniform(*START)
    rows = -(-cars // lanes)
    gaps = generator.uniform(*SPACING, size=(rows, lanes))
    if rows:
        gaps[0] = generator.uniform(*LAST, size=lanes)
    x = gaps.cumsum(axis=0)  # [rows, l]
    lane_speed = generator.uniform(*LANE_SPEED, size=lanes)
    desired = lane_speed + generator.uniform(-OWN_TASTE, OWN_TASTE, size=(rows, lanes))
    # Whoever is too near ahead of the agent moves on, and all before it with it.
    own = x[:, agent_lane]
    short = max(FREE - own[own > -FREE].min(initial=FREE), 0.0)
    own[own > -FREE] += short
    return agent_lane, start, x.ravel()[:cars], desired.ravel()[:cars]
