"""A driver that knows how: IDM at the pedals, MOBIL for the lanes, pure pursuit at the wheel.

It looks at nothing that the observations do not tell, so that it can be imitated.

Legend of shapes: ``n`` agents, ``l`` lanes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from labloom_robotics.worlds.drive.bicycle import REAR, WHEELBASE
from labloom_robotics.worlds.drive.idm import Driver, idm_acceleration
from labloom_robotics.worlds.drive.mobil import Manners, is_safe, lane_change_incentive
from labloom_robotics.worlds.drive.road import (
    CAR_LENGTH,
    Neighbours,
    Traffic,
    lane_middle,
    nearest_lane,
    occupied_lanes,
)

DRIVER = Driver(time_headway=1.2, acceleration=2.0, braking=2.5, hardest_braking=6.0)
MANNERS = Manners(politeness=0.1, threshold=0.3, safe_braking=2.5)
AHEAD_OF_TIME = 0.8  # s; the lane that it drives in is the one that it will be in then
LOOKAHEAD = 1.2  # s of driving to the point that is steered to
SHORTEST_LOOKAHEAD = 8.0  # m


def expert_controls(
    traffic: Traffic, around: Neighbours, desired_speed: float
) -> tuple[NDArray, NDArray]:
    """Acceleration in m/s^2 and steering angle in rad, [n] each.

    Args:
        traffic: the present state; only the agent's own pose and speed are read.
        around: the nearest cars in each lane, as far as they are seen.
        desired_speed: m/s.
    """
    lanes = around.ahead_gap.shape[1]
    follow = _follow(traffic.speed[:, None], around.ahead_gap, around.ahead_speed, desired_speed)
    target = choose_lane(traffic, around, follow, desired_speed)
    lies_in = occupied_lanes(traffic.y, lanes) | (target[:, None] == np.arange(lanes))
    acceleration = np.where(lies_in, follow, np.inf).min(axis=1)
    return acceleration, pure_pursuit(traffic, lane_middle(target, lanes))


def choose_lane(
    traffic: Traffic, around: Neighbours, follow: NDArray, desired_speed: float
) -> NDArray[np.int64]:
    """The lane to drive in, [n]: the best one beside the present one, if MOBIL has it.

    Args:
        traffic: the present state.
        around: the nearest cars in each lane.
        follow: acceleration that IDM chooses behind the car ahead in each lane, m/s^2, [n, l].
        desired_speed: m/s; the cars behind are taken to like their own speed.
    """
    lanes = follow.shape[1]
    sideways = traffic.speed * np.sin(traffic.heading)
    present = nearest_lane(traffic.y + AHEAD_OF_TIME * sideways, lanes)
    own = np.take_along_axis(follow, present[:, None], axis=1)
    behind = around.behind_speed
    nobody = np.isinf(around.behind_gap)
    whole = around.behind_gap + around.ahead_gap + CAR_LENGTH
    before = _follow(behind, whole, around.ahead_speed, np.maximum(behind, 1.0))
    after = _follow(behind, around.behind_gap, traffic.speed[:, None], np.maximum(behind, 1.0))
    before, after = np.where(nobody, 0, before), np.where(nobody, 0, after)
    # Who follows in the present lane wins by any change; that is no reason to prefer one.
    incentive = lane_change_incentive((own, follow), (before, after), (own, own), MANNERS)
    beside = np.abs(np.arange(lanes) - present[:, None]) == 1
    room = np.minimum(around.ahead_gap, around.behind_gap) > DRIVER.standstill_gap
    possible = beside & room & is_safe(after, MANNERS) & (incentive > 0)
    best = np.where(possible, incentive, -np.inf).argmax(axis=1)
    return np.where(possible.any(axis=1), best, present)


def pure_pursuit(traffic: Traffic, target_y: NDArray) -> NDArray:
    """Steering angle in rad of the arc to a point ahead on the line y = ``target_y``, [n].

    Coulter 1992, "Implementation of the pure pursuit path tracking algorithm", CMU-RI-TR-92-01;
    the arc is that of the middle of the rear axle.
    """
    ahead = np.maximum(LOOKAHEAD * traffic.speed, SHORTEST_LOOKAHEAD)
    rear_y = traffic.y - REAR * np.sin(traffic.heading)
    angle = np.arctan2(target_y - rear_y, ahead) - traffic.heading
    distance = np.hypot(target_y - rear_y, ahead)
    return np.arctan2(2 * WHEELBASE * np.sin(angle), distance)


def _follow(
    speed: NDArray, gap: NDArray, ahead_speed: NDArray, desired: NDArray | float
) -> NDArray:
    return idm_acceleration(speed, desired, gap, ahead_speed, DRIVER)
