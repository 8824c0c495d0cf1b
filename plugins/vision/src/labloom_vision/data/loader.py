"""Small sets in memory, read a whole batch at a time by an ordinary DataLoader.

A DataLoader that asks for images one by one spends its time in Python: 128 calls, 128 tensors and
one ``stack`` for a batch of MNIST. PyTorch's fetcher calls ``__getitems__`` with the indices of a
whole batch where a dataset has it, so one indexing of one tensor is all that is left. Because the
loader is PyTorch's own, everything that knows DataLoader keeps working: Lightning puts its
DistributedSampler into it (each rank of DDP trains on its own part), workers, ``overfit_batches``.

The order and the augmentation are drawn from torch's global RNG: restoring that RNG's state
restores both.

Shapes: b batch, n images, c channels, h height, w width.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable
from functools import cached_property
from typing import Protocol

import torch
from pytorch_lightning.utilities.warnings import PossibleUserWarning
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from labloom.errors import ConfigError
from labloom_vision.augment import to_unit_range

Batch = tuple[Tensor, Tensor]
"""Images, float32 [b, c, h, w] in [0, 1], and labels, int64 [b]."""

Augment = Callable[[Tensor], Tensor]
"""uint8 [b, c, h, w] -> float32 [b, c, h, w] in [0, 1]."""


class Split(Protocol):
    """One split of a set: what a loader, ``spec`` and ``fingerprint`` need of it."""

    labels: Tensor
    augment: Augment
    in_memory: bool

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Batch: ...

    def __getitems__(self, indices: list[int]) -> Batch: ...

    def load(self) -> None:
        """Bring into memory what is to stay there."""

    @property
    def digest(self) -> str:
        """SHA-256 of images and labels."""

    def histogram(self) -> Tensor:
        """How often each of the 256 values occurs in each channel, int64 [c, 256]."""

    def subset(self, positions: Tensor) -> Split:
        """The images at these positions."""


class ImagesInMemory(Dataset):
    """A split held as two tensors.

    Args:
        images: uint8 [n, c, h, w].
        labels: int64 [n].
        augment: from uint8 images to float32 in [0, 1]; the default only converts.
    """

    in_memory = True

    def __init__(self, images: Tensor, labels: Tensor, augment: Augment = to_unit_range) -> None:
        self.images = images.contiguous()
        self.labels = labels
        self.augment = augment

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> Batch:
        """One image [c, h, w] and its label []."""
        images, labels = self.__getitems__([index])
        return images[0], labels[0]

    def __getitems__(self, indices: list[int]) -> Batch:
        chosen = torch.as_tensor(indices)
        return self.augment(self.images[chosen]), self.labels[chosen]

    def load(self) -> None:
        """Nothing: everything is here already."""

    @cached_property
    def digest(self) -> str:
        """SHA-256 of shape, images and labels."""
        digest = hashlib.sha256(repr(tuple(self.images.shape)).encode())
        digest.update(self.images.numpy())
        digest.update(self.labels.numpy())
        return digest.hexdigest()

    def histogram(self) -> Tensor:
        """How often each of the 256 values occurs in each channel, int64 [c, 256]."""
        return count_values(self.images)

    def subset(self, positions: Tensor) -> ImagesInMemory:
        """The images at these positions."""
        return ImagesInMemory(self.images[positions], self.labels[positions], self.augment)


def count_values(images: Tensor) -> Tensor:
    """How often each of the 256 values occurs in each channel, int64 [c, 256].

    Exact, and without the eightfold memory that a float64 copy of the images would take.
    """
    channels = images.unbind(dim=1)
    return torch.stack([torch.bincount(c.reshape(-1), minlength=256) for c in channels])


def batch_loader(
    split: Split,
    *,
    batch_size: int | None,
    shuffle: bool = False,
    drop_last: bool = False,
    num_workers: int = 0,
    persistent_workers: bool = False,
) -> DataLoader:
    """A DataLoader that asks the split for whole batches.

    Args:
        split: where the images come from.
        batch_size: images in a batch, in each process; None: the whole split. The whole split is
            never shuffled, the gradient is the same.
        shuffle: draw a new order from torch's global RNG in every epoch.
        drop_last: leave out a last batch that is smaller than the others.
        num_workers: processes that load; 0 loads in this one.
        persistent_workers: keep them from epoch to epoch; a resumed run is then not bit-equal.

    Raises:
        ConfigError: ``drop_last`` would leave no batch at all.
    """
    size = len(split) if batch_size is None else batch_size
    if drop_last and size > len(split):
        raise ConfigError(
            "data.drop_last leaves no training batch",
            expected=f"data.batch_size of at most {len(split)}, the number of training images",
            got=str(size),
            fix="make data.batch_size smaller, or data.drop_last=false",
        )
    split.load()  # before workers start, or each would decode a copy of its own
    if num_workers == 0 and split.in_memory:
        # Lightning advises more workers for every loader that has none; here they only cost time.
        warnings.filterwarnings(
            "ignore", ".*does not have many workers.*", category=PossibleUserWarning
        )
    return DataLoader(
        split,
        batch_size=size,
        shuffle=shuffle and batch_size is not None,
        drop_last=drop_last,
        num_workers=num_workers,
        persistent_workers=persistent_workers and num_workers > 0,
        collate_fn=_already_a_batch,
    )


def _already_a_batch(batch: Batch) -> Batch:
    return batch
