"""The other cars: they follow by IDM, change lanes by MOBIL, and mind the agent like each other.

Legend of shapes: ``n`` agents, ``c`` cars of the traffic, ``b`` bodies: the agent first, then c.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from labloom_robotics.worlds.drive.idm import Driver, idm_acceleration
from labloom_robotics.worlds.drive.mobil import Manners, is_safe, lane_change_incentive
from labloom_robotics.worlds.drive.road import (
    CAR_LENGTH,
    Traffic,
    cars_lanes,
    lane_middle,
    occupied_lanes,
)

DRIVER = Driver()
MANNERS = Manners(threshold=0.1)
SIDEWAYS = 1.0  # m/s, of a car that changes lanes
TICKS_BETWEEN_DECISIONS = 5  # steps

Found = tuple[NDArray, NDArray, NDArray]  # gap in m, speed in m/s, index of the body; [n, c] each


@dataclass(frozen=True, slots=True)
class Bodies:
    """All cars of each agent's road at one moment, the agent's first.

    Args:
        x: m, [n, b].
        speed: m/s, [n, b].
        lanes: bits of the lanes that each lies in, uint8 [n, b].
    """

    x: NDArray
    speed: NDArray
    lanes: NDArray[np.uint8]


def move_cars(traffic: Traffic, lanes: int, changing: bool, seconds: float) -> None:
    """Let the other cars drive on for ``seconds``, in place.

    Args:
        traffic: with at least one car.
        lanes: lanes of the road.
        changing: whether they change lanes.
        seconds: s.
    """
    bodies = _bodies(traffic, lanes)
    gap, ahead_speed, _ = _next_to(bodies, bodies.lanes[:, 1:], ahead=True)
    chosen = _follow(traffic, gap, ahead_speed)
    if changing and lanes > 1:
        _change_lanes(traffic, bodies, chosen, lanes)
    later = np.maximum(traffic.cars_speed + chosen * seconds, 0)
    traffic.cars_x = traffic.cars_x + (traffic.cars_speed + later) / 2 * seconds
    traffic.cars_speed = later
    away = lane_middle(traffic.cars_lane, lanes) - traffic.cars_y
    traffic.cars_y = traffic.cars_y + away.clip(-SIDEWAYS * seconds, SIDEWAYS * seconds)


def _change_lanes(traffic: Traffic, bodies: Bodies, chosen: NDArray, lanes: int) -> None:
    """Give new target lanes to the cars that win by it.

    Everybody may go left at one decision and right at the next, so that no two cars enter a lane
    from both sides at once.
    """
    decides = traffic.ticks % TICKS_BETWEEN_DECISIONS == 0
    rows = np.flatnonzero(decides)
    if not len(rows):
        return
    traffic_there, chosen = traffic.take(rows), chosen[rows]
    bodies = Bodies(bodies.x[rows], bodies.speed[rows], bodies.lanes[rows])
    left = traffic_there.ticks // TICKS_BETWEEN_DECISIONS % 2 == 0
    target = traffic_there.cars_lane + np.where(left, 1, -1)[:, None]
    settled = np.abs(traffic_there.cars_y - lane_middle(traffic_there.cars_lane, lanes)) < 1e-6
    possible = settled & (target >= 0) & (target < lanes)
    target = target.clip(0, lanes - 1)
    wins = _wins(traffic_there, bodies, chosen, target, possible)
    traffic.cars_lane[rows] = np.where(wins, target, traffic_there.cars_lane)


def _wins(
    traffic: Traffic,
    bodies: Bodies,
    chosen: NDArray,
    target: NDArray,
    possible: NDArray[np.bool_],
) -> NDArray[np.bool_]:
    """Whether MOBIL sends a car to its target lane, [n, c]; only where it is ``possible``."""
    new = np.left_shift(1, target).astype(np.uint8)
    old = np.left_shift(1, traffic.cars_lane).astype(np.uint8)
    new_ahead, old_ahead = (_next_to(bodies, lane, ahead=True) for lane in (new, old))
    new_behind = _next_to(bodies, new, ahead=False)
    # Who is about to leave the old lane wins nothing there.
    old_behind = _next_to(_heading_for(traffic, bodies), old, ahead=False)
    joined = _followers(traffic, new_behind, new_ahead)
    incentive = lane_change_incentive(
        own=(chosen, _follow(traffic, new_ahead[0], new_ahead[1])),
        new_follower=joined,
        old_follower=_followers(traffic, old_behind, old_ahead)[::-1],
        manners=MANNERS,
    )
    room = np.minimum(new_ahead[0], new_behind[0]) > DRIVER.standstill_gap
    wins = possible & room & is_safe(joined[1], MANNERS) & (incentive > 0)
    # Where two behind each other would go, the one behind goes first, or else it is blocked again.
    nobody = np.zeros((len(wins), 1), dtype=bool)  # the agent, whose wishes are not known
    goes_first = np.concatenate([nobody, wins], axis=1)
    return wins & ~np.take_along_axis(goes_first, np.maximum(old_behind[2], 0), axis=1)


def _followers(traffic: Traffic, behind: Found, ahead: Found) -> tuple[NDArray, NDArray]:
    """Accelerations of the cars behind without and with each car between, [n, c]; 0: nobody."""
    gap, speed, body = behind
    # What the agent would like to drive nobody knows; it is taken to like what it does.
    agent = np.maximum(traffic.speed, 1.0)[:, None]
    desired = np.take_along_axis(
        np.concatenate([agent, traffic.cars_desired], axis=1), np.maximum(body, 0), axis=1
    )
    without = idm_acceleration(speed, desired, gap + ahead[0] + CAR_LENGTH, ahead[1], DRIVER)
    with_it = idm_acceleration(speed, desired, gap, traffic.cars_speed, DRIVER)
    return np.where(body < 0, 0, without), np.where(body < 0, 0, with_it)


def _follow(traffic: Traffic, gap: NDArray, ahead_speed: NDArray) -> NDArray:
    return idm_acceleration(traffic.cars_speed, traffic.cars_desired, gap, ahead_speed, DRIVER)


def _bodies(traffic: Traffic, lanes: int) -> Bodies:
    weights = np.left_shift(1, np.arange(lanes)).astype(np.uint8)
    own = occupied_lanes(traffic.y, lanes)[:, None]  # [n, 1, l]
    there = np.concatenate([own, cars_lanes(traffic, lanes)], axis=1)
    return Bodies(
        x=np.concatenate([traffic.x[:, None], traffic.cars_x], axis=1),
        speed=np.concatenate([traffic.speed[:, None], traffic.cars_speed], axis=1),
        lanes=(there * weights).sum(axis=2, dtype=np.uint8),
    )


def _heading_for(traffic: Traffic, bodies: Bodies) -> Bodies:
    """The same cars, each only in the lane that it drives in or changes to."""
    lanes = np.left_shift(1, traffic.cars_lane).astype(np.uint8)
    return replace(bodies, lanes=np.concatenate([bodies.lanes[:, :1], lanes], axis=1))


def _next_to(bodies: Bodies, lanes: NDArray[np.uint8], ahead: bool) -> Found:
    """The nearest body ahead of, or behind, each car among those in given lanes.

    Args:
        bodies: all.
        lanes: bits of the lanes to look at, for each car, uint8 [n, c].
        ahead: False looks behind.

    Returns:
        Gap in m (infinite: nobody), speed in m/s and index of the body (-1: nobody), [n, c].
    """
    away = bodies.x[:, None] - bodies.x[:, 1:, None]  # [n, c, b]
    if not ahead:
        away = -away
    beside = (bodies.lanes[:, None] & lanes[..., None]) != 0
    itself = np.arange(1, bodies.x.shape[1])[:, None] == np.arange(bodies.x.shape[1])
    # Of two cars at the very same x each is ahead of the other; drawn positions never are.
    distance = np.where(beside & (away >= 0) & ~itself, away, np.inf)
    nearest = distance.argmin(axis=2)
    found = np.take_along_axis(distance, nearest[..., None], axis=2)[..., 0]
    speed = np.take_along_axis(bodies.speed, nearest, axis=1)
    return found - CAR_LENGTH, speed, np.where(np.isinf(found), -1, nearest)
