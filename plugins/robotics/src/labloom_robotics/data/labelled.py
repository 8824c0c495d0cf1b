"""What the data modules of perception share: tensors in memory, loaders, spec and fingerprint.

Legend of shapes: ``m`` samples, ``b`` of them in a batch.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from pytorch_lightning.utilities.warnings import PossibleUserWarning
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from labloom.arguments import require_whole

EXAMPLES = 4

Batch = tuple[Tensor, dict[str, Tensor]]
"""Inputs, float32 [b, ...], and targets by name."""


@dataclass(frozen=True)
class Samples(Dataset):
    """One split in memory; an ordinary DataLoader reads a whole batch of it at a time.

    Args:
        inputs: float32 [m, ...].
        targets: by name, [m, ...] each.
    """

    inputs: Tensor
    targets: Mapping[str, Tensor]

    def __len__(self) -> int:
        return len(self.inputs)

    def __getitem__(self, index: int) -> Batch:
        """One sample, without a batch dimension."""
        return self.inputs[index], {name: target[index] for name, target in self.targets.items()}

    def __getitems__(self, indices: list[int]) -> Batch:
        """The samples of a batch; PyTorch's fetcher asks for them at once where it can."""
        return self[torch.as_tensor(indices)]

    @property
    def digest(self) -> str:
        """SHA-256 of inputs and targets."""
        digest = hashlib.sha256()
        for tensor in (self.inputs, *self.targets.values()):
            digest.update(repr(tuple(tensor.shape)).encode())
            digest.update(tensor.contiguous().numpy())
        return digest.hexdigest()


class LabelledData(pl.LightningDataModule):
    """Samples with targets, in up to three splits. Subclasses say where they come from.

    Batches are inputs, float32 [b, ...], and a dict of targets: ``classes``, int64, and ``grid``,
    int8, where the data has one. Training samples come in a new order each epoch, drawn from
    torch's global generator.

    Args:
        batch_size: samples in a batch, in each process.
        num_workers: processes that load.

    Attributes:
        spec: empty before ``setup``; then what ``describe`` says, and what the subclass adds.

    Raises:
        ConfigError: an argument is out of range.
    """

    def __init__(self, *, batch_size: int, num_workers: int) -> None:
        super().__init__()
        require_whole("data.batch_size", batch_size, at_least=1, fix="data.batch_size=64 is usual")
        require_whole(
            "data.num_workers", num_workers, at_least=0, fix="0 loads in the main process"
        )
        self.batch_size = batch_size
        self.num_workers = num_workers
        self.spec: dict[str, Any] = {}
        self._splits: dict[str, Samples] = {}

    def read(self) -> tuple[dict[str, Samples], dict[str, Any]]:
        """The splits ("train", and "val" and "test" where they exist) and the spec.

        Raises:
            DataError: the data is missing or malformed.
        """
        raise NotImplementedError

    def setup(self, stage: str | None = None) -> None:
        """Read the data and fill ``spec``; a second call does nothing.

        Raises:
            DataError: the data is missing or malformed.
        """
        if not self._splits:
            self._splits, self.spec = self.read()

    @property
    def fingerprint(self) -> dict[str, str]:
        """Split -> SHA-256 of its inputs and targets; empty before ``setup``."""
        return {name: split.digest for name, split in self._splits.items()}

    def example_inputs(self) -> list[np.ndarray]:
        """Up to four validation inputs, as ``preprocess`` takes them."""
        split = self._splits.get("val", self._splits["train"])
        return list(split.inputs[:EXAMPLES].numpy())

    def train_dataloader(self) -> DataLoader:
        """Batches of training samples, in a new order each epoch."""
        return self._loader("train", shuffle=True)

    def val_dataloader(self) -> DataLoader | list[DataLoader]:
        """Batches of validation samples, in order; an empty list without such a split."""
        return self._loader("val") if "val" in self._splits else []

    def test_dataloader(self) -> DataLoader | list[DataLoader]:
        """Batches of test samples, in order; an empty list without such a split."""
        return self._loader("test") if "test" in self._splits else []

    def _loader(self, split: str, *, shuffle: bool = False) -> DataLoader:
        if self.num_workers == 0:
            # Lightning advises more workers for every loader; in memory they only cost time.
            warnings.filterwarnings(
                "ignore", ".*does not have many workers.*", category=PossibleUserWarning
            )
        return DataLoader(
            self._splits[split],
            batch_size=self.batch_size,
            shuffle=shuffle,
            num_workers=self.num_workers,
            collate_fn=_already_a_batch,
        )


def _already_a_batch(batch: Batch) -> Batch:
    return batch
