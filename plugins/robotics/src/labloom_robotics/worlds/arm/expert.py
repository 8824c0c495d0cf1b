"""Controllers that know how: straight to a target, or around a disc and then through it.

Both choose a velocity of the fingertip; damped least squares turns it into joint velocities.

Legend of shapes: ``n`` agents, ``j`` joints.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from labloom_robotics.worlds.arm.contact import TOUCH
from labloom_robotics.worlds.arm.kinematics import damped_inverse, jacobian

DAMPING = 0.05  # m
SPEED = 0.6  # m/s, of the fingertip
GAIN = 4.0  # 1/s: slower than SPEED nearer than SPEED / GAIN to where it goes
CENTRING = 2.0  # 1/s, of the joints towards the middle of their range, where that costs nothing
MARGIN = 0.08  # rad, from its limit a joint is held: a little more than it turns in one step
CLEARANCE = 0.03  # m, between fingertip and disc on the way around it
BEHIND = 0.35  # rad: nearer to the line through disc and goal the fingertip pushes
AHEAD_AROUND = 0.6  # rad, that the point steered to lies ahead on the way around


def reach_velocity(tip: NDArray, target: NDArray) -> NDArray:
    """Velocity of the fingertip towards the target, m/s, [n, 2]."""
    return _towards(target - tip)


def push_velocity(tip: NDArray, disc: NDArray, goal: NDArray) -> NDArray:
    """Velocity of the fingertip that brings the disc to its goal, m/s, [n, 2].

    Not behind the disc, as seen from the goal: along a circle around it, the shorter way.
    Behind it: to the point of its edge that is farthest from the goal, and into the disc from
    there. As that point moves on with the disc, the fingertip pushes, and where it is beside the
    point it comes back to it before the disc slips off.

    Args:
        tip: where the fingertip is, m, [n, 2].
        disc: where the disc is, m, [n, 2].
        goal: where the disc has to go, m, [n, 2].
    """
    wanted, present = _angle(disc - goal), _angle(tip - disc)
    left = (wanted - present + np.pi) % (2 * np.pi) - np.pi  # rad, that is left of the way around
    onward = present + left.clip(-AHEAD_AROUND, AHEAD_AROUND)
    around = disc + (TOUCH + CLEARANCE) * _direction(onward)
    depth = np.minimum(_length(goal - disc), SPEED / GAIN)
    into = disc + (TOUCH - depth)[:, None] * _direction(wanted)
    return _towards(np.where((np.abs(left) < BEHIND)[:, None], into, around) - tip)


def joint_velocities(
    places: NDArray, angles: NDArray, velocity: NDArray, limits: NDArray, largest: float
) -> NDArray:
    """Joint velocities in rad/s for a velocity of the fingertip, none above ``largest``, [n, j].

    A joint that would run into its limit is held, and the others do without it.

    Args:
        places: of the joints, as ``kinematics.joint_places`` gives them.
        angles: of the joints, rad, [n, j].
        velocity: of the fingertip, m/s, [n, 2].
        limits: each joint turns from -limit to limit, rad, [j].
        largest: rad/s.
    """
    jacobians = jacobian(places)
    joints = _solved(jacobians, angles, velocity)
    held = _outward(joints, angles, limits)
    joints = _solved(np.where(held[:, None], 0.0, jacobians), angles, velocity)
    joints = np.where(held | _outward(joints, angles, limits), 0.0, joints)
    fastest = np.abs(joints).max(axis=1, keepdims=True)
    return joints * np.minimum(1.0, largest / np.maximum(fastest, 1e-9))


def _outward(joints: NDArray, angles: NDArray, limits: NDArray) -> NDArray[np.bool_]:
    """Whether a joint is at its limit and would turn on, [n, j]."""
    return np.sign(joints) * angles > limits - MARGIN


def _solved(jacobians: NDArray, angles: NDArray, velocity: NDArray) -> NDArray:
    """Joint velocities before any limit; what they leave free turns to the middle of the range."""
    joints = damped_inverse(jacobians, velocity, DAMPING)
    middle = -CENTRING * angles
    moved = (jacobians * middle[:, None]).sum(axis=2)
    return joints + middle - damped_inverse(jacobians, moved, DAMPING)


def _angle(way: NDArray) -> NDArray:
    return np.arctan2(way[:, 1], way[:, 0])


def _direction(angle: NDArray) -> NDArray:
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)


def _length(way: NDArray) -> NDArray:
    return np.hypot(way[:, 0], way[:, 1])


def _towards(way: NDArray) -> NDArray:
    distance = _length(way)
    speed = np.minimum(GAIN * distance, SPEED)
    return way * (speed / np.maximum(distance, 1e-9))[:, None]
