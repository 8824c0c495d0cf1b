"""Sensor readings from a file, each with the action that a robot took or the state it was in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from labloom.arguments import require_parts, require_whole
from labloom.errors import DataError
from labloom_robotics.data.labelled import LabelledData, Samples
from labloom_robotics.data.readings_file import Readings, find_file, read_readings


class ReadingsData(LabelledData):
    """A file of labelled readings in a seeded stratified split.

    Inputs are float32 [b, sensors], or [b, moments, sensors] where the file has blocks; targets are
    ``classes`` int64 [b]. The formats are those of ``readings_file``.

    Lines are split one by one. Where they follow each other in time, as with wall-following, a
    sample to test has near neighbours to train on; that is how this set is usually reported.

    Args:
        path: the file, absolute, or relative to the working directory or to ``root``.
        root: folder of all data sets.
        val_fraction: part of the samples that validates; 0: none.
        test_fraction: part of the samples that tests; 0: none.
        split_seed: draws the split, at least 0.
        batch_size: samples in a batch, in each process.
        num_workers: processes that load; 0 is fastest for samples in memory.

    Raises:
        ConfigError: an argument is out of range.
    """

    def __init__(
        self,
        *,
        path: str,
        root: str = "data",
        val_fraction: float = 0.15,
        test_fraction: float = 0.15,
        split_seed: int = 0,
        batch_size: int = 64,
        num_workers: int = 0,
    ) -> None:
        super().__init__(batch_size=batch_size, num_workers=num_workers)
        require_parts("data", val_fraction=val_fraction, test_fraction=test_fraction)
        require_whole("data.split_seed", split_seed, at_least=0, fix="0 is a seed")
        self.path = path
        self.root = root
        self.fractions = {"val": val_fraction, "test": test_fraction}
        self.split_seed = split_seed

    def read(self) -> tuple[dict[str, Samples], dict[str, Any]]:
        """Read the file, split it, and describe its training samples."""
        readings = read_readings(find_file(self.path, self.root))
        parts = _split(readings, self.fractions, self.split_seed)
        splits = {name: _samples(readings, rows) for name, rows in parts.items()}
        values = readings.values[parts["train"]]
        sensors = values.reshape(-1, values.shape[-1]).astype(np.float64)  # [.., sensors]
        spread = sensors.std(axis=0)
        spec = {
            "shape": list(values.shape[1:]),
            "target_shape": [],
            "num_classes": len(readings.classes),
            "classes": readings.classes,
            "mean": sensors.mean(axis=0).tolist(),
            # A sensor that never varies tells nothing; dividing by 1 keeps it harmless.
            "std": np.where(spread > 1e-9, spread, 1.0).tolist(),
            "grid": None,
        }
        return splits, spec


def _samples(readings: Readings, rows: np.ndarray) -> Samples:
    labels = torch.from_numpy(readings.labels[rows])
    return Samples(torch.from_numpy(readings.values[rows]), {"classes": labels})


def _split(readings: Readings, fractions: dict[str, float], seed: int) -> dict[str, np.ndarray]:
    """Rows of "train" and of each part, ascending; every class is in every part.

    ``numpy.random.RandomState`` draws them, because NumPy promises that its stream never changes.

    Raises:
        DataError: a class has too few samples to be in every part.
    """
    random = np.random.RandomState(seed)
    wanted = {name: part for name, part in fractions.items() if part > 0}
    rows: dict[str, list[np.ndarray]] = {name: [] for name in ("train", *wanted)}
    for label, name in enumerate(readings.classes):
        members = random.permutation(np.flatnonzero(readings.labels == label))
        _require_enough(name, len(members), list(rows))
        start = 0
        for part, share in wanted.items():
            left = len(rows) - 1 - list(wanted).index(part)  # parts that still need a sample
            size = min(max(1, round(share * len(members))), len(members) - start - left)
            rows[part].append(members[start : start + size])
            start += size
        rows["train"].append(members[start:])
    return {part: np.sort(np.concatenate(chosen)) for part, chosen in rows.items()}


def _require_enough(name: str, count: int, parts: Sequence[str]) -> None:
    if count < len(parts):
        raise DataError(
            f"class {name!r} has too few samples for a stratified split",
            expected=f"at least {len(parts)}, one for each of {', '.join(parts)}",
            got=str(count),
            fix=f"add samples of {name!r}, remove it, or set one of the fractions to 0",
        )
