"""The networks that ``model=`` chooses from: plain PyTorch, each with a file in ``conf/model``.

Your own network is another class here. Arguments that are sizes of the data, here ``num_features``
and ``num_classes``, come from the data's ``spec``; all others stand in the option file, where a
sweep can reach them.
"""

from __future__ import annotations

from torch import Tensor, nn


class MLP(nn.Module):
    """Multilayer perceptron: ``depth`` hidden layers of equal ``width``, then one linear layer.

    Args:
        num_features: numbers that describe one row.
        num_classes: number of logits.
        width: units of a hidden layer.
        depth: number of hidden layers; 0 is logistic regression.
        dropout: probability that a hidden unit is dropped in training.

    Raises:
        ValueError: ``depth`` is negative.
    """

    def __init__(
        self,
        num_features: int,
        num_classes: int,
        width: int = 32,
        depth: int = 2,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if depth < 0:
            raise ValueError(f"depth must be 0 or more, got {depth}")
        layers: list[nn.Module] = []
        size = num_features
        for _ in range(depth):
            layers += [nn.Linear(size, width), nn.ReLU(), nn.Dropout(dropout)]
            size = width
        self.layers = nn.Sequential(*layers, nn.Linear(size, num_classes))

    def forward(self, features: Tensor) -> Tensor:
        """Logits [b, num_classes] of features [b, num_features]."""
        return self.layers(features)
