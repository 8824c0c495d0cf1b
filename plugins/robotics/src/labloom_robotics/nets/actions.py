"""What an algorithm needs to know of the actions of its data, and what it refuses.

Legend of shapes: ``b`` batch, ``a`` numbers of a continuous action.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn

from labloom.errors import ConfigError
from labloom_robotics.spaces import PlainSpace, bounds


class ActionScale(nn.Module):
    """Between the numbers of a policy, [-1, 1], and the units of the action space.

    A number without finite bounds keeps its unit. Buffers are part of the state, as the weights
    mean nothing without them.

    Args:
        space: a plain Box of shape [a].

    Attributes:
        centre: of the bounds, in the units of the action, [a].
        reach: half of what lies between the bounds, [a]; 1 where they are equal.
    """

    def __init__(self, space: PlainSpace) -> None:
        super().__init__()
        low, high = (side.reshape(-1) for side in bounds(space))
        finite = np.isfinite(low) & np.isfinite(high)
        low, high = np.where(finite, low, -1.0), np.where(finite, high, 1.0)
        self.register_buffer("centre", torch.tensor((low + high) / 2, dtype=torch.float32))
        reach = np.where(high > low, (high - low) / 2, 1.0)  # numbers are divided by it
        self.register_buffer("reach", torch.tensor(reach, dtype=torch.float32))

    def to_units(self, numbers: Tensor) -> Tensor:
        """Actions of numbers, both [b, a]."""
        return self.centre + self.reach * numbers

    def to_numbers(self, actions: Tensor) -> Tensor:
        """Numbers of actions, both [b, a]."""
        return (actions - self.centre) / self.reach


def number_of_actions(space: PlainSpace, algorithm: str) -> int:
    """How many actions there are to choose from.

    Raises:
        ConfigError: actions are no choice; the message names an algorithm for them.
    """
    if space["kind"] == "discrete":
        return int(space["n"])
    raise ConfigError(
        f"{algorithm} chooses one of several actions, and those of this data are numbers",
        expected="a Discrete action space",
        got=_in_words(space),
        fix="set model=robotics_sac or model=robotics_ppo, or choose another data",
    )


def action_numbers(space: PlainSpace, algorithm: str, bounded: bool = False) -> int:
    """How many numbers an action has.

    Args:
        space: of actions, plain.
        algorithm: for the message.
        bounded: whether finite bounds are needed.

    Raises:
        ConfigError: actions are a choice, not of shape [a], or unbounded where they may not be.
    """
    if space["kind"] != "box":
        raise ConfigError(
            f"{algorithm} gives actions of numbers, and those of this data are a choice",
            expected="a Box action space",
            got=_in_words(space),
            fix="set model=robotics_dqn or model=robotics_ppo, or choose another data",
        )
    if len(space["shape"]) != 1:
        raise ConfigError(
            f"{algorithm} gives a row of numbers, and actions of this data have another shape",
            expected="a Box action space of shape [a]",
            got=_in_words(space),
            fix="wrap the environment so that its actions are flat",
        )
    if bounded and not all(np.isfinite(side).all() for side in bounds(space)):
        raise ConfigError(
            f"{algorithm} needs bounds of the actions, and those of this data have none",
            expected="a Box action space with finite low and high",
            got=_in_words(space),
            fix="set model=robotics_ppo, or wrap the environment to give it bounds",
        )
    return math.prod(space["shape"])


def _in_words(space: PlainSpace) -> str:
    if space["kind"] == "discrete":
        return f"Discrete({space['n']})"
    if space["kind"] == "box":
        return f"Box of shape {list(space['shape'])}, low {space['low']}, high {space['high']}"
    return f"{space['kind']} of {', '.join(space['spaces'])}"
