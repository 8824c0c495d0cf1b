"""LiDAR scans of drawn rooms: what does each ray point at, and which cells around are taken?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from labloom.arguments import require, require_number, require_share, require_whole, under
from labloom_robotics.data.labelled import LabelledData, Samples
from labloom_robotics.data.lidar import measure
from labloom_robotics.data.occupancy import occupancy
from labloom_robotics.data.scenes import CLASSES, draw_scenes
from labloom_robotics.nets.scan import FEWEST_RAYS

SPLITS = ("train", "val", "test")
CHUNK = 256
"""Scenes that are drawn together, with a generator of their own."""


class ScanData(LabelledData):
    """Scans with the class of each ray and an occupancy grid around the robot; nothing to download.

    Inputs are distances as a share of ``max_range`` in [0, 1], 1 where nothing came back: float32
    [b, rays], or [b, layers, rays] with several elevations (a range image). Targets are ``classes``
    in the same shape (``lidar.Measured``) and ``grid`` int8 [b, grid, grid] (``occupancy``): -1 is
    not asked. The first scenes of a split are the same however many there are.

    Args:
        train_scenes: scenes to train on.
        val_scenes: scenes that validate.
        test_scenes: scenes that test.
        rays: of one turn, at least 16; the first looks ahead, the others follow to the left.
        elevations: of each layer over the horizontal, degrees; one: a scan, more: a range image.
        max_range: m.
        noise: standard deviation of a distance, m.
        dropout: chance that a return is lost, below 1.
        grid: cells along a side of the occupancy grid.
        cell_size: side of a cell, m.
        scenes_seed: draws the scenes, at least 0.
        batch_size: scans in a batch, in each process.
        num_workers: processes that load; 0 is fastest for scans in memory.

    Raises:
        ConfigError: an argument is out of range.
    """

    def __init__(  # noqa: PLR0913  (one argument for each key of the config)
        self,
        *,
        train_scenes: int = 4096,
        val_scenes: int = 1024,
        test_scenes: int = 1024,
        rays: int = 128,
        elevations: Sequence[float] = (0.0,),
        max_range: float = 8.0,
        noise: float = 0.02,
        dropout: float = 0.02,
        grid: int = 32,
        cell_size: float = 0.25,
        scenes_seed: int = 0,
        batch_size: int = 64,
        num_workers: int = 0,
    ) -> None:
        super().__init__(batch_size=batch_size, num_workers=num_workers)
        sizes = {"train_scenes": train_scenes, "val_scenes": val_scenes, "test_scenes": test_scenes}
        for key, value in under("data", **sizes, grid=grid):
            require_whole(key, value, at_least=1, fix=f"leave {key} out for its default")
        require_whole("data.scenes_seed", scenes_seed, at_least=0, fix="0 is a seed")
        require_whole("data.rays", rays, at_least=FEWEST_RAYS, fix="data.rays=128")
        require_number("data.max_range", max_range, above=0, unit="m", fix="data.max_range=8")
        require_number("data.cell_size", cell_size, above=0, unit="m", fix="data.cell_size=0.25")
        require_share("data.dropout", dropout, fix="data.dropout=0.02: one return of fifty is lost")
        require_number("data.noise", noise, at_least=0, unit="m", fix="data.noise=0.02")
        require(
            len(elevations) > 0 and all(-45 <= angle <= 45 for angle in elevations),
            "data.elevations",
            expected="one or more angles of -45 to 45 degrees",
            got=list(elevations),
            fix="data.elevations=[0.0] is a flat scan",
        )
        self.sizes = dict(zip(SPLITS, sizes.values(), strict=True))
        self.rays = rays
        self.elevations = [float(angle) for angle in elevations]
        self.max_range = max_range
        self.noise = noise
        self.dropout = dropout
        self.grid = grid
        self.cell_size = cell_size
        self.scenes_seed = scenes_seed

    def read(self) -> tuple[dict[str, Samples], dict[str, Any]]:
        """Draw and scan the scenes of all splits."""
        shape = [self.rays] if len(self.elevations) == 1 else [len(self.elevations), self.rays]
        spec = {
            "shape": shape,
            "target_shape": shape,
            "num_classes": len(CLASSES),
            "classes": list(CLASSES),
            # A share of the range is normalised already, and a policy reads the same numbers.
            "mean": [0.0],
            "std": [1.0],
            "grid": [self.grid, self.grid],
            "cell_size": float(self.cell_size),
            "max_range": float(self.max_range),
        }
        return {name: self._draw(name) for name in SPLITS}, spec

    def _draw(self, split: str) -> Samples:
        """The scenes of one split, a chunk at a time."""
        count = self.sizes[split]
        chunks = [self._chunk(SPLITS.index(split), i) for i in range(-(-count // CHUNK))]
        parts = zip(*chunks, strict=True)
        scans, classes, grids = (np.concatenate(arrays)[:count] for arrays in parts)
        if len(self.elevations) == 1:
            scans, classes = scans[:, 0], classes[:, 0]
        targets = {"classes": torch.from_numpy(classes), "grid": torch.from_numpy(grids)}
        return Samples(torch.from_numpy(scans), targets)

    def _chunk(self, split: int, index: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        random = np.random.default_rng([self.scenes_seed, split, index])
        scenes = draw_scenes(random, CHUNK)
        measured = measure(
            scenes,
            random,
            rays=self.rays,
            elevations=self.elevations,
            max_range=self.max_range,
            noise=self.noise,
            dropout=self.dropout,
        )
        truth = occupancy(scenes, measured.seen, self.grid, self.cell_size)
        return measured.scans, measured.classes, truth
