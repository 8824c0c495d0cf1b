"""What the data modules of image classification share: splits, spec, fingerprint and loaders."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from labloom.arguments import require_whole
from labloom_vision.augment import make_augment
from labloom_vision.data.loader import Split, batch_loader
from labloom_vision.data.splits import stratified_limit

EXAMPLES = 4


class ImageData(pl.LightningDataModule):
    """Images with one class each, in up to three splits. Subclasses say where they come from.

    Batches are images, float32 [b, c, h, w] in [0, 1], and labels, int64 [b]. Only training images
    are shuffled and augmented. A split that does not exist has no loader, and Lightning skips it.

    Args:
        batch_size: images in a batch, in each process; None: the whole split in one batch.
        num_workers: processes that load.
        drop_last: leave out a last training batch that is smaller than the others.
        limit: train on so many images only, drawn with the classes in proportion; None: on all.
        split_seed: draws the splits and the limit, 0 to 2**32 - 1.
        augment: how training images are varied: none, shift, crop_flip, photo or trivial.
        strengths: how strongly, by key; None is the recipe's own value (``augment.RECIPES``).

    Attributes:
        spec: num_classes, channels, image_size, classes, mean, std and class_counts of the training
            split, plain values; empty before ``setup``.

    Raises:
        ConfigError: an argument is out of range, or an augmentation is unknown.
    """

    def __init__(
        self,
        *,
        batch_size: int | None,
        num_workers: int,
        drop_last: bool,
        limit: int | None,
        split_seed: int,
        augment: str,
        strengths: Mapping[str, float | None] | None,
    ) -> None:
        super().__init__()
        if batch_size is not None:
            require_whole(
                "data.batch_size",
                batch_size,
                at_least=1,
                fix="or null: the whole split in one batch",
            )
        if limit is not None:
            require_whole("data.limit", limit, at_least=1, fix="or null: all training images")
        require_whole(
            "data.num_workers", num_workers, at_least=0, fix="0 loads in the main process"
        )
        require_whole(
            "data.split_seed", split_seed, at_least=0, at_most=2**32 - 1, fix="0 is a seed"
        )
        self.batch_size = batch_size
        self.num_workers = num_workers
        self.drop_last = drop_last
        self.limit = limit
        self.split_seed = split_seed
        self.persistent_workers = False
        self.spec: dict[str, Any] = {}
        self._augment = make_augment(augment, strengths)
        self._splits: dict[str, Split] = {}

    def read(self) -> tuple[dict[str, Split], Sequence[str]]:
        """The splits ("train", and "val" and "test" where they exist) and the names of the classes.

        Raises:
            DataError: the data is missing, empty or corrupt.
        """
        raise NotImplementedError

    def setup(self, stage: str | None = None) -> None:
        """Read the data and fill ``spec``; a second call does nothing.

        Raises:
            DataError: the data is missing, empty or corrupt.
            ConfigError: the limit is smaller than the number of classes.
        """
        if self._splits:
            return
        splits, classes = self.read()
        train = splits["train"]
        if self.limit is not None:
            chosen = stratified_limit(train.labels, self.limit, self.split_seed, len(classes))
            train = train.subset(chosen)
        self.spec = describe(train, classes)
        train.augment = self._augment
        self._splits = {**splits, "train": train}

    @property
    def fingerprint(self) -> dict[str, str]:
        """Split -> SHA-256 of its images and labels; empty before ``setup``."""
        return {name: split.digest for name, split in self._splits.items()}

    def example_inputs(self) -> list[np.ndarray]:
        """Up to four validation images as ``preprocess`` takes them: [h, w, c], in [0, 1]."""
        split = self._splits.get("val", self._splits["train"])
        images = [split[i][0] for i in range(min(EXAMPLES, len(split)))]
        return [image.permute(1, 2, 0).numpy() for image in images]

    def train_dataloader(self) -> DataLoader:
        """Batches of training images, in a new order each epoch."""
        train = self._splits["train"]
        if (
            not self.drop_last
            and len(train) > 1
            and len(train) % (self.batch_size or len(train)) == 1
        ):
            warnings.warn(
                "the last training batch has one image, which batch norm cannot train on: "
                "data.drop_last=true leaves it out",
                stacklevel=2,
            )
        return self._loader(train, shuffle=True, drop_last=self.drop_last)

    def val_dataloader(self) -> DataLoader | list[DataLoader]:
        """Batches of validation images, in order; an empty list without such a split."""
        return self._loader(self._splits["val"]) if "val" in self._splits else []

    def test_dataloader(self) -> DataLoader | list[DataLoader]:
        """Batches of test images, in order; an empty list without such a split."""
        return self._loader(self._splits["test"]) if "test" in self._splits else []

    def _loader(
        self, split: Split, *, shuffle: bool = False, drop_last: bool = False
    ) -> DataLoader:
        return batch_loader(
            split,
            batch_size=self.batch_size,
            shuffle=shuffle,
            drop_last=drop_last,
            num_workers=self.num_workers,
            persistent_workers=self.persistent_workers,
        )


def describe(train: Split, classes: Sequence[str]) -> dict[str, Any]:
    """The sizes and statistics that models and modules ask for, of the training split only.

    ``mean`` and ``std`` are of all pixels of a channel, in [0, 1]; a channel that never varies gets
    std 1, so that dividing by it is safe.
    """
    images, _ = train[0]
    channels, _, width = images.shape
    counts = torch.bincount(train.labels, minlength=len(classes))
    mean, std = channel_statistics(train.histogram())
    return {
        "num_classes": len(classes),
        "channels": channels,
        "image_size": width,
        "classes": list(classes),
        "mean": mean,
        "std": std,
        "class_counts": counts.tolist(),
    }


def channel_statistics(histogram: Tensor) -> tuple[list[float], list[float]]:
    """Mean and standard deviation of each channel, in [0, 1].

    Args:
        histogram: how often each of the 256 values occurs in each channel, int64 [c, 256].
    """
    values = torch.arange(256, dtype=torch.float64) / 255
    weights = histogram / histogram.sum(dim=1, keepdim=True).to(torch.float64)
    mean = weights @ values
    variance = (weights * (values - mean[:, None]) ** 2).sum(dim=1)
    return mean.tolist(), [math.sqrt(v) if v > 1e-12 else 1.0 for v in variance.tolist()]
