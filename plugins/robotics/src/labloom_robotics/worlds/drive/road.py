"""A straight road with several lanes, and who drives where on it.

x runs along the road, y to the left across it, both in m; the road begins at x = 0 and y = 0 is its
middle. Lane 0 is the rightmost.

Legend of shapes: ``n`` agents, ``c`` cars of the traffic, ``l`` lanes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labloom_robotics.worlds.drawn import State

LANE_WIDTH = 3.75  # m
CAR_LENGTH = 4.8  # m
CAR_WIDTH = 1.9  # m


@dataclass
class Traffic(State):
    """Everything that moves. Each agent has its own traffic.

    Args:
        x: of the agent's car, m, [n], of its middle.
        y: m, [n].
        heading: rad, counterclockwise from x, [n].
        speed: m/s, [n].
        path_length: driven since the episode began, m, [n].
        cars_x: of the other cars, m, [n, c].
        cars_y: m, [n, c].
        cars_speed: m/s, [n, c].
        cars_desired: speed that each would drive on a free road, m/s, [n, c].
        cars_lane: lane that each drives in or changes to, int64 [n, c].
        ticks: steps since the episode began, int64 [n]; lane changes are decided at some of them.
    """

    x: NDArray
    y: NDArray
    heading: NDArray
    speed: NDArray
    path_length: NDArray
    cars_x: NDArray
    cars_y: NDArray
    cars_speed: NDArray
    cars_desired: NDArray
    cars_lane: NDArray
    ticks: NDArray


def lane_middle(lane: NDArray | int, lanes: int) -> NDArray:
    """Y of the middle of a lane, m."""
    return (np.asarray(lane) - (lanes - 1) / 2) * LANE_WIDTH


def nearest_lane(y: NDArray, lanes: int) -> NDArray:
    """The lane whose middle is nearest, int64."""
    return np.rint(y / LANE_WIDTH + (lanes - 1) / 2).astype(np.int64).clip(0, lanes - 1)


def occupied_lanes(y: NDArray, lanes: int) -> NDArray[np.bool_]:
    """Lanes that a car at y lies in, even with one side only, [..., l]."""
    away = np.abs(y[..., None] - lane_middle(np.arange(lanes), lanes))
    return away < (LANE_WIDTH + CAR_WIDTH) / 2


def cars_lanes(traffic: Traffic, lanes: int) -> NDArray[np.bool_]:
    """Lanes that the other cars lie in or are about to enter, [n, c, l]."""
    return occupied_lanes(traffic.cars_y, lanes) | (
        traffic.cars_lane[..., None] == np.arange(lanes)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbours:
    """The nearest cars ahead of and behind the agent in each lane, arrays [n, l].

    Args:
        ahead_gap: from bumper to bumper, m; infinite where nobody is in range, negative alongside.
        ahead_speed: m/s; the agent's own speed where nobody is in range.
        behind_gap: like ``ahead_gap``.
        behind_speed: like ``ahead_speed``.
    """

    ahead_gap: NDArray
    ahead_speed: NDArray
    behind_gap: NDArray
    behind_speed: NDArray


def neighbours(traffic: Traffic, lanes: int, sight: float) -> Neighbours:
    """Who drives around the agents, as far as ``sight`` m between bumpers."""
    if not traffic.cars_x.shape[1]:
        nobody = np.full((len(traffic.x), lanes), np.inf)
        speed = np.repeat(traffic.speed[:, None], lanes, axis=1)
        return Neighbours(
            ahead_gap=nobody, ahead_speed=speed, behind_gap=nobody, behind_speed=speed
        )
    away = traffic.cars_x - traffic.x[:, None]  # [n, c]
    there = cars_lanes(traffic, lanes) & (np.abs(away) <= sight + CAR_LENGTH)[..., None]
    there = np.ascontiguousarray(there.transpose(0, 2, 1))  # [n, l, c]
    is_ahead = (away >= 0)[:, None]
    ahead = _nearest(there & is_ahead, away, traffic)
    behind = _nearest(there & ~is_ahead, -away, traffic)
    return Neighbours(
        ahead_gap=ahead[0], ahead_speed=ahead[1], behind_gap=behind[0], behind_speed=behind[1]
    )


def _nearest(there: NDArray, away: NDArray, traffic: Traffic) -> tuple[NDArray, NDArray]:
    """Gap and speed of the nearest car of each lane, [n, l]."""
    distance = np.where(there, away[:, None], np.inf)
    nearest = distance.argmin(axis=2)
    gap = np.take_along_axis(distance, nearest[..., None], axis=2)[..., 0]
    speed = np.take_along_axis(traffic.cars_speed, nearest, axis=1)
    return gap - CAR_LENGTH, np.where(np.isinf(gap), traffic.speed[:, None], speed)
