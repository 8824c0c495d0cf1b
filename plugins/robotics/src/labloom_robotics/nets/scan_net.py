"""The model ``robotics_scan``: a class for each ray, and which cells around are taken.

Legend of shapes: ``b`` batch, ``l`` layers, ``r`` rays, ``k`` classes, ``w`` channels of a ray,
``f`` pooled features, ``h`` channels of a cell, ``g`` cells along a side of the grid.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from labloom.arguments import require_whole, under
from labloom.errors import ConfigError
from labloom_robotics.nets.scan import RingBlock, ScanEncoder


class ScanNet(nn.Module):
    """``ScanEncoder`` with a head for the classes, and one for the occupancy grid if there is one.

    Gives ``classes``: logits [b, k, r], [b, k, l, r], or [b, k] where a whole scan has one class;
    and ``grid``: logits [b, g, g] of being occupied.

    The two heads share the encoder, so that a policy that starts from it knows both.

    Args:
        shape: of an input: [r], or [l, r].
        target_shape: the same if every ray has a class, empty if the whole scan has one.
        num_classes: k.
        grid: shape of the occupancy grid, [g, g]; None: no such head.
        cell_size: side of a cell, m.
        max_range: distance that a scan's value of 1 stands for, m.
        width: channels of a ray.
        features: pooled features.
        cell_width: channels of a cell in the head of the grid.

    Raises:
        ConfigError: the data is no scan of at least 16 rays.
    """

    def __init__(  # noqa: PLR0913  (most come from the data's spec)
        self,
        shape: Sequence[int],
        target_shape: Sequence[int],
        num_classes: int,
        grid: Sequence[int] | None = None,
        cell_size: float = 0.25,
        max_range: float = 8.0,
        width: int = 32,
        features: int = 64,
        cell_width: int = 16,
    ) -> None:
        super().__init__()
        for key, value in under("model", width=width, features=features, cell_width=cell_width):
            require_whole(key, value, at_least=1)
        if len(shape) not in (1, 2) or list(target_shape) not in ([], list(shape)):
            raise ConfigError(
                "robotics_scan cannot read this data",
                expected="scans [rays] or [layers, rays], with a class for each ray or each scan",
                got=f"inputs of shape {list(shape)} with classes of shape {list(target_shape)}",
                fix="choose model=robotics_readings, which reads any shape",
            )
        self.target_shape = list(target_shape)
        layers = shape[0] if len(shape) == 2 else 1
        self.encoder = ScanEncoder(shape[-1], width, features, layers)
        if self.target_shape:
            self.rays = RayHead(width, features, num_classes, layers)
        else:
            self.whole = nn.Linear(features, num_classes)
        if grid:
            self.cells = GridHead(
                shape[-1], width, features, grid[0], cell_size, max_range, cell_width
            )

    def forward(self, scans: Tensor) -> dict[str, Tensor]:
        """Logits ``classes`` and, if there is a grid, ``grid``, of scans [b, r] or [b, l, r]."""
        rays = self.encoder.ray_features(scans)
        pooled = self.encoder.pool(rays)
        if self.target_shape:
            classes = self.rays(rays, pooled).unflatten(2, self.target_shape)
        else:
            classes = self.whole(pooled)
        if not hasattr(self, "cells"):
            return {"classes": classes}
        nearest = scans if scans.dim() == 2 else scans.amin(dim=1)  # over layers
        return {"classes": classes, "grid": self.cells(rays, pooled, nearest)}


class RayHead(nn.Module):
    """Classes of each ray from its features and from those of the whole scan.

    Args:
        width: channels of a ray.
        features: pooled features.
        num_classes: k.
        layers: of the scanner; each has classes of its own.
    """

    DILATIONS = (1, 2, 4)

    def __init__(self, width: int, features: int, num_classes: int, layers: int) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.context = nn.Linear(features, width)
        self.blocks = nn.Sequential(*(RingBlock(width, dilation) for dilation in self.DILATIONS))
        self.out = nn.Conv1d(width, num_classes * layers, 1)

    def forward(self, rays: Tensor, pooled: Tensor) -> Tensor:
        """Logits [b, k, l r] of features [b, w, r] and [b, f]."""
        mixed = self.blocks(rays + self.context(pooled).unsqueeze(-1))
        return self.out(functional.relu(mixed)).unflatten(1, (self.num_classes, -1)).flatten(2)


class GridHead(nn.Module):
    """Occupancy of each cell from the ray that points at it, and from the cells around.

    A cell hears what its ray knows, how far behind or before the return of that ray it lies, and
    whether a return falls into it. So a scan, which is polar, is laid on the grid, which is not,
    by geometry; only what bodies look like behind their visible side is left to learn.

    Args:
        rays: of one turn; the first looks along x, the others follow counter-clockwise.
        width: channels of a ray.
        features: pooled features.
        grid: cells along a side.
        cell: side of a cell, m.
        max_range: m.
        hidden: channels of a cell.
    """

    DEPTHS = (1.0, 4.0)
    """Cells; scales on which a cell's distance behind the return is told."""

    def __init__(
        self,
        rays: int,
        width: int,
        features: int,
        grid: int,
        cell: float,
        max_range: float,
        hidden: int,
    ) -> None:
        super().__init__()
        self.grid, self.cell, self.max_range = grid, cell, max_range
        along = (torch.arange(grid) - (grid - 1) / 2) * cell
        x, y = torch.meshgrid(along, along, indexing="ij")
        bearing = torch.atan2(y, x).flatten() * (rays / (2 * math.pi))
        angles = torch.arange(rays) * (2 * math.pi / rays)
        # Geometry, not state: a checkpoint need not hold it.
        self.register_buffer("ray_of_cell", bearing.round().long() % rays, persistent=False)
        self.register_buffer("away", torch.hypot(x, y).flatten(), persistent=False)  # m
        directions = torch.stack([angles.cos(), angles.sin()])  # [2, r]
        self.register_buffer("directions", directions, persistent=False)
        self.own = nn.Conv1d(width, hidden, 1)
        self.context = nn.Linear(features, hidden)
        facts = len(self.DEPTHS) + 2
        self.first = nn.Conv2d(hidden + facts, hidden, 3, padding=1)
        self.second = nn.Conv2d(hidden, hidden, 3, padding=2, dilation=2)
        self.out = nn.Conv2d(hidden + facts, 1, 3, padding=1)

    def forward(self, rays: Tensor, pooled: Tensor, scans: Tensor) -> Tensor:
        """Logits [b, g, g] of features [b, w, r] and [b, f], and of the scans [b, r] in [0, 1]."""
        known = functional.relu(self.own(rays) + self.context(pooled).unsqueeze(-1))  # [b, h, r]
        cells = known[:, :, self.ray_of_cell].unflatten(2, (self.grid, self.grid))
        facts = self._facts(scans)
        hidden = functional.relu(self.first(torch.cat([cells, facts], dim=1)))
        hidden = functional.relu(self.second(hidden))
        return self.out(torch.cat([hidden, facts], dim=1)).squeeze(1)

    def _facts(self, scans: Tensor) -> Tensor:
        """What geometry tells of each cell, [b, facts, g, g], in [-1, 1]."""
        distances = scans * self.max_range  # m
        behind = (self.away - distances[:, self.ray_of_cell]) / self.cell  # [b, g g], in cells
        facts = [torch.tanh(behind / depth) for depth in self.DEPTHS]
        facts += [self._returns(scans, distances), (self.away / self.away.max()).expand_as(behind)]
        return torch.stack(facts, dim=1).unflatten(2, (self.grid, self.grid))

    def _returns(self, scans: Tensor, distances: Tensor) -> Tensor:
        """1 in every cell that a return falls into, else 0; [b, g g]."""
        points = self.directions.unsqueeze(1) * distances / self.cell + self.grid / 2  # [2, b, r]
        i, j = points.floor().long()
        inside = (i >= 0) & (i < self.grid) & (j >= 0) & (j < self.grid) & (scans < 1)
        place = torch.where(inside, i * self.grid + j, 0)
        returns = distances.new_zeros(len(scans), self.grid * self.grid)
        return returns.scatter_reduce(1, place, inside.to(returns.dtype), "amax")
