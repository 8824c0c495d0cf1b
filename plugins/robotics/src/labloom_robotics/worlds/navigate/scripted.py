"""Scripted drivers of the navigation robot, batched over agents.

Legend of shapes: ``n`` agents, ``k`` candidate commands, ``p`` people.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from labloom_robotics.worlds.navigate.options import NavigateOptions
from labloom_robotics.worlds.navigate.robot import PAIRS, continuous, drive
from labloom_robotics.worlds.navigate.routes import look_up
from labloom_robotics.worlds.navigate.shapes import length
from labloom_robotics.worlds.navigate.state import NavigateState, space_around

SPEEDS = (0.0, 0.5, 1.0)  # shares of the greatest forward speed
TURNS = (-1.0, -0.6, -0.3, -0.1, 0.0, 0.1, 0.3, 0.6, 1.0)  # shares of the greatest turn rate
LOOKAHEAD = 1.6  # s
SAFE = 0.3  # m between hulls, from which on more room is worth nothing
CRASH = 20.0  # m of way that a foreseen crash is as bad as
NARROW = 2.0  # m of way that a m of missing room is as bad as


def dynamic_window(state: NavigateState, options: NavigateOptions) -> NDArray:
    """Actions of an expert that tries commands in its mind and takes the best; as for ``step``.

    The dynamic window approach of Fox, Burgard and Thrun (1997, IEEE Robot. Autom. Mag. 4(1)),
    with the length of the way around the obstacles in place of the heading (Brock and Khatib 1999,
    ICRA).
    It knows the map, and where the people will be one step ahead; beyond that it takes them for
    standing, as the original does, and that is what its crashes come from. (One that expects them
    to walk on for 0.4 s succeeds in 98 % of the episodes.) Each candidate is held for ``LOOKAHEAD``
    s.
    """
    forward, turn = _candidates(options)
    n, k = len(state.poses), len(forward)
    poses = np.repeat(state.poses[:, None], k, axis=1)  # [n, k, 3]
    speeds = np.repeat(state.speeds[:, None], k, axis=1)
    places, velocities = state.people()
    people = places + velocities * options.seconds_per_step
    cost, alive, arrived = np.zeros((n, k)), np.ones((n, k), bool), np.zeros((n, k), bool)
    room = np.full((n, k), np.inf)
    steps = max(1, round(LOOKAHEAD / options.seconds_per_step))
    for step in range(1, steps + 1):
        poses, speeds = drive(poses, speeds, (forward, turn), options)
        near = space_around(poses[..., :2], state.blocks, people, options)
        crash = alive & ~arrived & (near <= 0)
        cost += np.where(crash, CRASH * (1.5 - step / steps), 0)
        alive &= ~crash
        room = np.where(arrived, room, np.minimum(room, near))
        reached = length(state.goals[:, None] - poses[..., :2]) <= options.goal_radius
        cost -= np.where(alive & ~arrived & reached, (steps - step) / steps, 0)
        arrived |= alive & reached
    ahead = look_up(state.routes, poses[..., :2], options.size)
    cost += np.where(arrived, 0, ahead)
    cost += NARROW * np.clip(SAFE - room, 0, SAFE)
    chosen = cost.argmin(axis=1)
    if options.discrete:
        return chosen.astype(np.int64)
    return continuous(forward[chosen], turn[chosen], options)


def straight(state: NavigateState, options: NavigateOptions) -> NDArray:
    """Actions that head straight for the goal, as for ``step``: what a map without obstacles needs.

    Turns towards the goal, and drives the faster the better it points there.
    """
    away = state.goals - state.poses[:, :2]
    error = np.arctan2(away[:, 1], away[:, 0]) - state.poses[:, 2]
    error -= 2 * np.pi * np.round(error / (2 * np.pi))
    turn = np.clip(error / (2 * options.seconds_per_step), -options.max_turn, options.max_turn)
    forward = options.max_speed * np.clip(np.cos(error), 0, 1) ** 4
    if not options.discrete:
        return continuous(forward, turn, options)
    pairs = PAIRS * (options.max_speed, options.max_turn)  # [k, 2]
    apart = np.abs(pairs[:, 0] - forward[:, None]) + np.abs(pairs[:, 1] - turn[:, None])
    return apart.argmin(axis=1).astype(np.int64)


def _candidates(options: NavigateOptions) -> tuple[NDArray, NDArray]:
    """Forward speeds (m/s) and turn rates (rad/s) that are tried, [k] each."""
    if options.discrete:
        pairs = PAIRS
    else:
        pairs = np.array([(speed, turn) for speed in SPEEDS for turn in TURNS])
    return pairs[:, 0] * options.max_speed, pairs[:, 1] * options.max_turn
