"""The data that ``data=`` chooses from, each with a file in ``conf/data``.

Breast Cancer Wisconsin (Diagnostic): W. Wolberg, N. Street and O. Mangasarian, UCI Machine Learning
Repository (1993), https://doi.org/10.24432/C5DW2B, CC BY 4.0. scikit-learn carries it, so nothing
is downloaded.

Your own data: change ``read``. The splits and loaders below suit any table with one label a row.

Shapes: n rows, b rows of a batch, f features.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from torch.utils.data import DataLoader, TensorDataset


def read() -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Everything there is: features [n, f], labels [n] from 0 up, and the name of each label.

    569 tumours, described by 30 measurements of their cell nuclei such as radius and texture.
    """
    tumours = load_breast_cancer()
    classes = [str(name) for name in tumours.target_names]
    return tumours.data.astype(np.float32), tumours.target.astype(np.int64), classes


class TumourData(pl.LightningDataModule):
    """The tumours in a seeded split that keeps the proportions of the classes.

    A batch is ``(features [b, f] float32, labels [b] int64)``, as they were measured: the module
    standardises, so that the recorded model takes raw measurements as well.

    Args:
        batch_size: rows in a batch.
        val_fraction: part of the rows that validates.
        test_fraction: part of the rows that tests.
        split_seed: draws the split.
        num_workers: processes that load; 0 is fastest for data in memory.
    """

    def __init__(
        self,
        batch_size: int = 32,
        val_fraction: float = 0.15,
        test_fraction: float = 0.15,
        split_seed: int = 0,
        num_workers: int = 0,
    ) -> None:
        super().__init__()
        self.batch_size = batch_size
        self.val_fraction = val_fraction
        self.test_fraction = test_fraction
        self.split_seed = split_seed
        self.num_workers = num_workers
        self.spec: dict[str, Any] = {}
        self.splits: dict[str, TensorDataset] = {}

    def setup(self, stage: str | None = None) -> None:
        """Read and split the data, and fill ``spec``; a second call does nothing."""
        if self.splits:
            return
        features, labels, classes = read()
        rows = self._split(labels)
        self.splits = {
            name: TensorDataset(torch.from_numpy(features[part]), torch.from_numpy(labels[part]))
            for name, part in rows.items()
        }
        # What the data alone knows. labloom gives each entry to the arguments of the same name in
        # model and module. Statistics are of training rows only: the others must stay unseen.
        train = features[rows["train"]]
        self.spec = {
            "num_features": train.shape[1],
            "num_classes": len(classes),
            "classes": classes,
            "mean": train.mean(axis=0).tolist(),
            "std": train.std(axis=0).tolist(),
        }

    def _split(self, labels: np.ndarray) -> dict[str, np.ndarray]:
        """Split -> its rows."""
        rest, test = train_test_split(
            np.arange(len(labels)),
            test_size=self.test_fraction,
            stratify=labels,
            random_state=self.split_seed,
        )
        train, val = train_test_split(
            rest,
            test_size=self.val_fraction / (1 - self.test_fraction),
            stratify=labels[rest],
            random_state=self.split_seed,
        )
        return {"train": train, "val": val, "test": test}

    @property
    def fingerprint(self) -> dict[str, str]:
        """Split -> SHA-256 of its rows. Optional: it tells in MLflow which data a run saw."""
        return {
            name: hashlib.sha256(b"".join(t.numpy().tobytes() for t in split.tensors)).hexdigest()
            for name, split in self.splits.items()
        }

    def example_inputs(self) -> np.ndarray:
        """Some raw inputs [4, f]. Optional: ``labloom check`` asks the recorded model with them."""
        features, _ = self.splits["val"][:4]
        return features.numpy()

    def train_dataloader(self) -> DataLoader:
        """Training rows, in a new order each epoch."""
        return self._loader("train", shuffle=True)

    def val_dataloader(self) -> DataLoader:
        """Validation rows, in order."""
        return self._loader("val")

    def test_dataloader(self) -> DataLoader:
        """Test rows, in order."""
        return self._loader("test")

    def _loader(self, split: str, *, shuffle: bool = False) -> DataLoader:
        return DataLoader(
            self.splits[split],
            batch_size=self.batch_size,
            shuffle=shuffle,
            num_workers=self.num_workers,
        )
