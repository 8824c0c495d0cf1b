"""The differential-drive robot: what its commands are and how it follows them.

Legend of shapes: ``n`` agents; any axes may stand before the last one.
"""

from __future__ import annotations

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from labloom_robotics.worlds.navigate.options import NavigateOptions

# Discrete actions: shares of the greatest forward speed and of the greatest turn rate.
PAIRS = np.array(
    [
        (1.0, -0.4),
        (1.0, -0.15),
        (1.0, 0.0),
        (1.0, 0.15),
        (1.0, 0.4),
        (0.4, -0.8),
        (0.4, 0.0),
        (0.4, 0.8),
        (0.0, -0.8),
        (0.0, 0.0),
        (0.0, 0.8),
    ]
)


def action_space(options: NavigateOptions) -> spaces.Space:
    """Numbers of ``PAIRS``, or forward speed and turn rate in [-1, 1]."""
    if options.discrete:
        return spaces.Discrete(len(PAIRS))
    return spaces.Box(-1.0, 1.0, shape=(2,), dtype=np.float32)


def commands(actions: NDArray, options: NavigateOptions) -> tuple[NDArray, NDArray]:
    """Forward speed (m/s) and turn rate (rad/s) that actions ask for, [n] each.

    Of two numbers the first is the speed, -1 for standing and 1 for ``max_speed``; the second is
    the turn rate, 1 for ``max_turn`` to the left. They are clipped to [-1, 1].
    """
    if options.discrete:
        pairs = PAIRS[np.asarray(actions, dtype=np.int64)]
        return pairs[:, 0] * options.max_speed, pairs[:, 1] * options.max_turn
    clipped = np.clip(np.asarray(actions, dtype=np.float64), -1, 1)
    return 0.5 * (clipped[:, 0] + 1) * options.max_speed, clipped[:, 1] * options.max_turn


def continuous(speed: NDArray, turn: NDArray, options: NavigateOptions) -> NDArray[np.float32]:
    """The action [n, 2] that asks for a speed (m/s) and a turn rate (rad/s); not discrete."""
    pair = np.stack([2 * speed / options.max_speed - 1, turn / options.max_turn], axis=-1)
    return np.clip(pair, -1, 1).astype(np.float32)


def drive(
    poses: NDArray, speeds: NDArray, wanted: tuple[NDArray, NDArray], options: NavigateOptions
) -> tuple[NDArray, NDArray]:
    """Poses and speeds one step later.

    The speeds go towards the wanted ones as fast as the accelerations allow; then the robot drives
    an arc, which the heading in the middle of the step approaches to third order.

    Args:
        poses: x, y (m) and heading (rad), [..., 3].
        speeds: forward (m/s) and turning (rad/s), [..., 2].
        wanted: the same two, [...] each.
        options: of the world.
    """
    dt = options.seconds_per_step
    forward = _towards(speeds[..., 0], wanted[0], options.acceleration * dt)
    turn = _towards(speeds[..., 1], wanted[1], options.turn_acceleration * dt)
    middle = poses[..., 2] + 0.5 * dt * turn
    heading = poses[..., 2] + dt * turn
    heading -= 2 * np.pi * np.round(heading / (2 * np.pi))
    moved = np.stack(
        [
            poses[..., 0] + dt * forward * np.cos(middle),
            poses[..., 1] + dt * forward * np.sin(middle),
            heading,
        ],
        axis=-1,
    )
    return moved, np.stack([forward, turn], axis=-1)


def _towards(now: NDArray, wanted: NDArray, most: float) -> NDArray:
    return now + np.minimum(np.maximum(wanted - now, -most), most)
