"""The model ``robotics_readings``: a plain network on sensor readings of any shape.

Legend of shapes: ``b`` batch, ``k`` classes, ``s`` numbers of an input, ``q`` frequencies of each,
``e`` units of its embedding.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from labloom.arguments import require_share, require_whole, under


class ReadingsNet(nn.Module):
    """Flattened readings through ``depth`` hidden layers of equal ``width``.

    Each number is first embedded by waves: what a robot should do changes at thresholds of a
    distance, and a plain network is slow to learn a sharp step of one input.

    Gives ``classes``: logits [b, k, *target_shape]; and ``grid`` where the data has one. So it also
    reads scans, as the plain network that ``robotics_scan`` has to beat.

    Args:
        shape: of an input.
        target_shape: of the classes of an input; empty: one class for all of it.
        num_classes: k.
        grid: shape of an occupancy grid; None: there is none.
        width: units of a hidden layer.
        depth: hidden layers; 0 is logistic regression.
        frequencies: waves that each number is embedded by; 0: none, the numbers as they are.
        dropout: probability of dropping a hidden unit, below 1.

    Raises:
        ConfigError: width, depth, frequencies or dropout is out of range.
    """

    def __init__(
        self,
        shape: Sequence[int],
        target_shape: Sequence[int],
        num_classes: int,
        grid: Sequence[int] | None = None,
        width: int = 256,
        depth: int = 2,
        frequencies: int = 16,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        require_whole("model.width", width, at_least=1)
        for key, value in under("model", depth=depth, frequencies=frequencies):
            require_whole(key, value, at_least=0)
        require_share("model.dropout", dropout)
        self.classes_shape = [num_classes, *target_shape]
        self.grid_shape = list(grid or [])
        layers: list[nn.Module] = [nn.Flatten()]
        units = math.prod(shape)
        if frequencies:
            layers.append(Waves(units, frequencies))
            units *= Waves.UNITS
        for _ in range(depth):
            layers += [nn.Linear(units, width), nn.ReLU(), nn.Dropout(dropout)]
            units = width
        self.body = nn.Sequential(*layers)
        self.classes = nn.Linear(units, math.prod(self.classes_shape))
        if self.grid_shape:
            self.grid = nn.Linear(units, math.prod(self.grid_shape))

    def forward(self, readings: Tensor) -> dict[str, Tensor]:
        """Logits ``classes`` and, if there is a grid, ``grid``, of readings [b, *shape]."""
        hidden = self.body(readings)
        outputs = {"classes": self.classes(hidden).unflatten(1, self.classes_shape)}
        if self.grid_shape:
            outputs["grid"] = self.grid(hidden).unflatten(1, self.grid_shape)
        return outputs


class Waves(nn.Module):
    """Embeds each of ``numbers`` inputs by sines and cosines of learned frequencies.

    The "PLR" embedding of Gorishniy et al. 2022 (arXiv:2203.05556, section 3.4), with the number
    itself beside its waves.

    Args:
        numbers: s, normalised to a spread of about 1.
        frequencies: q of each.
    """

    UNITS = 8
    """e."""

    def __init__(self, numbers: int, frequencies: int) -> None:
        super().__init__()
        self.frequencies = nn.Parameter(torch.randn(numbers, frequencies))
        spread = (2 * frequencies) ** -0.5
        weight = torch.randn(numbers, 2 * frequencies + 1, self.UNITS) * spread
        self.weight = nn.Parameter(weight)
        self.bias = nn.Parameter(torch.zeros(numbers, self.UNITS))

    def forward(self, readings: Tensor) -> Tensor:
        """Embeddings [b, s e] of readings [b, s]."""
        phases = 2 * math.pi * readings.unsqueeze(-1) * self.frequencies  # [b, s, q]
        waves = torch.cat([phases.sin(), phases.cos(), readings.unsqueeze(-1)], dim=-1)
        mixed = torch.einsum("bsq,sqe->bse", waves, self.weight) + self.bias
        return mixed.relu().flatten(1)
