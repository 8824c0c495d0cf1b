"""Multi-layer perceptrons, and several of the same shape that are computed together.

Legend of shapes: ``b`` batch, ``m`` networks side by side, ``i`` inputs, ``o`` outputs.

Networks of control are small, so what a step costs is the number of operations, not their size.
Actor and critic, or two critics, are therefore one batched product a layer.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from labloom.arguments import require

Activation = Literal["tanh", "relu", "elu"]


def tanh(x: Tensor) -> Tensor:
    """Hyperbolic tangent, as 1 - 2 sigmoid(-2x); differs from ``torch.tanh`` by at most 2e-7.

    On a CPU torch takes about five times as long for its own, a fifth of a step of PPO.
    """
    return torch.rsub((x * -2.0).sigmoid_(), 1.0, alpha=2.0)


ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "tanh": tanh,
    "relu": torch.relu,
    "elu": nn.functional.elu,
}
HIDDEN_GAIN = math.sqrt(2)


def require_hidden(hidden: Sequence[int]) -> None:
    """Refuse hidden layers of a model of which there is none, or one without units.

    Raises:
        ConfigError: naming ``model.hidden``.
    """
    require(
        len(hidden) > 0 and all(type(units) is int and units > 0 for units in hidden),
        "model.hidden",
        expected="units of each hidden layer, at least one layer",
        got=list(hidden),
        fix="set e.g. model.hidden=[64,64]",
    )


class StackedLinear(nn.Module):
    """``m`` linear layers of the same shape. Weights start orthogonal, biases at 0.

    Args:
        copies: m.
        inputs: i.
        outputs: o.
        gain: of the orthogonal start (Saxe et al. 2013, arXiv:1312.6120).
    """

    def __init__(self, copies: int, inputs: int, outputs: int, gain: float = HIDDEN_GAIN) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(copies, inputs, outputs))
        self.bias = nn.Parameter(torch.zeros(copies, 1, outputs))
        for weight in self.weight.detach():
            nn.init.orthogonal_(weight, gain)

    def forward(self, x: Tensor, frozen: bool = False) -> Tensor:
        """Outputs [m, b, o] of inputs [m, b, i]; ``frozen``: no gradient for the weights."""
        if frozen:
            return torch.baddbmm(self.bias.detach(), x, self.weight.detach())
        return torch.baddbmm(self.bias, x, self.weight)


class StackedMLP(nn.Module):
    """``m`` perceptrons without a last layer, each with its own weights.

    Args:
        copies: m.
        inputs: i.
        hidden: units of each hidden layer.
        activation: after every layer.

    Attributes:
        out_features: units of the last hidden layer, h.
    """

    def __init__(
        self, copies: int, inputs: int, hidden: Sequence[int], activation: Activation
    ) -> None:
        super().__init__()
        sizes = [inputs, *hidden]
        self.copies = copies
        self.layers = nn.ModuleList(
            StackedLinear(copies, i, o) for i, o in itertools.pairwise(sizes)
        )
        self.activation = ACTIVATIONS[activation]
        self.out_features = sizes[-1]

    def forward(self, x: Tensor, frozen: bool = False) -> Tensor:
        """Features [m, b, h] of inputs [b, i], which all copies read.

        Args:
            x: the inputs.
            frozen: whether the weights take no gradient; the inputs do.
        """
        x = x.expand(self.copies, *x.shape)  # [b, i] -> [m, b, i]
        for layer in self.layers:
            x = self.activation(layer(x, frozen))
        return x


class MLP(nn.Module):
    """One perceptron without a last layer.

    Args:
        inputs: i.
        hidden: units of each hidden layer.
        activation: after every layer.

    Attributes:
        out_features: units of the last hidden layer, h.
    """

    def __init__(self, inputs: int, hidden: Sequence[int], activation: Activation) -> None:
        super().__init__()
        sizes = [inputs, *hidden]
        self.layers = nn.ModuleList(linear(i, o, HIDDEN_GAIN) for i, o in itertools.pairwise(sizes))
        self.activation = ACTIVATIONS[activation]
        self.out_features = sizes[-1]

    def forward(self, x: Tensor) -> Tensor:
        """Features [b, h] of inputs [b, i]."""
        for layer in self.layers:
            x = self.activation(layer(x))
        return x


def linear(inputs: int, outputs: int, gain: float) -> nn.Linear:
    """A linear layer whose weights start orthogonal, and its bias at 0."""
    layer = nn.Linear(inputs, outputs)
    nn.init.orthogonal_(layer.weight, gain)
    nn.init.zeros_(layer.bias)
    return layer
