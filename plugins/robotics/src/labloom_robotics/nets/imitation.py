"""What the networks of imitation share: how observations come in and actions go out.

Legend of shapes: ``b`` batch, ``k`` actions ahead, ``a`` numbers of an action, ``c`` choices.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from labloom_robotics.nets.encoders import Encoder, EncoderOptions
from labloom_robotics.spaces import PlainSpace


def statistical_encoder(
    space: PlainSpace, stats: Mapping[str, Any], options: EncoderOptions
) -> Encoder:
    """An encoder that normalises numbers by fixed statistics; images and scans are left to it.

    The statistics are buffers of its normaliser, and so in every checkpoint. What lies more than 10
    standard deviations off is cut, as the network has never seen the like.

    Args:
        space: of observations, plain.
        stats: ``mean`` and ``std`` of each number, by key for a dict; what is missing is left as
            it is.
        options: how a scan is read.
    """
    encoder = Encoder(space, options, normalise=True)
    if encoder.normaliser is not None:
        parts = space["spaces"] if space["kind"] == "dict" else {"": space}
        told = stats if space["kind"] == "dict" else {"": stats}
        means, stds = [], []
        for key in encoder.flat_keys:
            size = encoder.one_hot.get(key) or math.prod(parts[key]["shape"])
            # Statistics are of what was recorded; on its log scale a scan lies in -1 to 1 already.
            part = {} if key == encoder.log_key else told.get(key, {})
            means += part.get("mean", [0.0] * size)
            stds += part.get("std", [1.0] * size)
        encoder.normaliser.mean.copy_(torch.tensor(means))
        encoder.normaliser.std.copy_(torch.tensor(stds))
    return encoder


def outputs_of(space: PlainSpace) -> int:
    """Numbers that tell an action: one for each of its own, or one for each choice."""
    return int(space["n"]) if space["kind"] == "discrete" else math.prod(space["shape"])


class ActionNormaliser(nn.Module):
    """Between a network's numbers and the units of actions; choices are left alone.

    Args:
        space: of actions, plain.
        stats: ``mean`` and ``std`` of each number; empty for choices.
    """

    def __init__(self, space: PlainSpace, stats: Mapping[str, Any]) -> None:
        super().__init__()
        size = outputs_of(space)
        self.register_buffer("mean", torch.tensor(stats.get("mean", [0.0] * size)))
        self.register_buffer("std", torch.tensor(stats.get("std", [1.0] * size)))

    def to_units(self, numbers: Tensor) -> Tensor:
        """Actions [b, k, a] of numbers [b, k, a]."""
        return numbers * self.std + self.mean

    def to_numbers(self, actions: Tensor) -> Tensor:
        """Numbers [b, k, a] of actions [b, k, a]."""
        return (actions - self.mean) / self.std
