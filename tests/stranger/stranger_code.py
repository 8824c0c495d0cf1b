# ruff: noqa: B008  strangers have calls in argument defaults
"""What a stranger has: a module and a datamodule written for pytorch_lightning and nothing else."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytorch_lightning as pl
import torch
from omegaconf import DictConfig, OmegaConf
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset


class StockData(pl.LightningDataModule):
    """scikit-learn's digits; hyperparameters are saved, as in Lightning's own examples."""

    def __init__(self, batch_size: int = 64, root: Path = Path("data"), workers: int = 0):
        super().__init__()
        self.save_hyperparameters()

    def setup(self, stage=None):
        digits = load_digits()
        images = torch.tensor(digits.data / 16.0, dtype=torch.float32)
        labels = torch.tensor(digits.target)
        self.train_set = TensorDataset(images[:1200], labels[:1200])
        self.val_set = TensorDataset(images[1200:1500], labels[1200:1500])
        self.test_set = TensorDataset(images[1500:], labels[1500:])

    def train_dataloader(self):
        size = self.hparams.batch_size
        return DataLoader(self.train_set, size, shuffle=True, num_workers=self.hparams.workers)

    def val_dataloader(self):
        return DataLoader(self.val_set, 300)

    def test_dataloader(self):
        return DataLoader(self.test_set, 300)


class StockNet(pl.LightningModule):
    """Its own optimizer, and hyperparameters of every awkward kind."""

    def __init__(
        self,
        hidden: int = 32,
        lr: float = 1e-2,
        dropout: float = 0.1,
        activation: Callable = partial(functional.leaky_relu, negative_slope=0.1),
        head: nn.Module | None = None,
        options: DictConfig = OmegaConf.create({"depth": 1, "names": ["a", "b"]}),
        root: Path = Path("somewhere"),
        scale: np.float64 = np.float64(1.0),
    ):
        super().__init__()
        self.save_hyperparameters()
        self.body = nn.Linear(64, hidden)
        self.dropout = nn.Dropout(dropout)
        self.head = head or nn.Linear(hidden, 10)
        self.activation = activation

    def forward(self, images):
        return self.head(self.dropout(self.activation(self.body(images))))

    def training_step(self, batch, batch_idx):
        images, labels = batch
        loss = functional.cross_entropy(self(images), labels)
        self.log("train/loss", loss, on_step=True, on_epoch=True)
        return loss

    def validation_step(self, batch, batch_idx):
        images, labels = batch
        scores = self(images)
        self.log("val/loss", functional.cross_entropy(scores, labels))
        self.log("val/acc", (scores.argmax(1) == labels).float().mean())

    def test_step(self, batch, batch_idx):
        images, labels = batch
        self.log("test/acc", (self(images).argmax(1) == labels).float().mean())

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=self.hparams.lr)


class NoOptimizerNet(StockNet):
    """Leaves the optimizer to whoever runs it, as modules for LightningCLI do."""

    configure_optimizers = pl.LightningModule.configure_optimizers


class TrainOnlyData(StockData):
    """Neither validation nor test loader."""

    val_dataloader = pl.LightningDataModule.val_dataloader
    test_dataloader = pl.LightningDataModule.test_dataloader


class PlateauNet(StockNet):
    """Its own schedule on a plateau, which falls soon."""

    def configure_optimizers(self):
        optimizer = torch.optim.Adam(self.parameters(), lr=self.hparams.lr)
        plan = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=0, threshold=0.2)
        return {"optimizer": optimizer, "lr_scheduler": plan, "monitor": "val/loss"}


class SpecData(StockData):
    """Says how large its inputs are and how many classes it has."""

    def setup(self, stage=None):
        super().setup(stage)
        self.spec = {"features": 64, "num_classes": 10, "classes": [str(i) for i in range(10)]}


class Mlp(nn.Module):
    """A network that is told its sizes."""

    def __init__(self, features: int, num_classes: int, hidden: int = 16):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(features, hidden), nn.ReLU(), nn.Linear(hidden, num_classes)
        )

    def forward(self, images):
        return self.layers(images)


class Deeper(Mlp):
    """Wants one thing more, which no data says."""

    def __init__(self, features: int, num_classes: int, depth: int):
        super().__init__(features, num_classes)


class Classifier(pl.LightningModule):
    """Trains any network."""

    def __init__(self, model: nn.Module, num_classes: int, smoothing: float = 0.0):
        super().__init__()
        self.model = model
        self.num_classes = num_classes
        self.smoothing = smoothing

    def forward(self, images):
        return self.model(images)

    def training_step(self, batch, batch_idx):
        images, labels = batch
        return functional.cross_entropy(self(images), labels, label_smoothing=self.smoothing)

    def validation_step(self, batch, batch_idx):
        images, labels = batch
        self.log("val/acc", (self(images).argmax(1) == labels).float().mean())
        self.log("val/loss", functional.cross_entropy(self(images), labels))


class Failing(Classifier):
    """Cannot be built."""

    def __init__(self, model: nn.Module):
        raise ValueError("smoothing must lie below 1")


class Annotated(Classifier):
    """Has arguments of every simple type."""

    def __init__(
        self,
        model: nn.Module,
        depth: int = 2,
        dropout: float = 0.0,
        kind: str = "plain",
        flag: bool = False,
        limit: int | None = None,
        widths: list[int] = (),
    ):
        super().__init__(model, 10)


def not_a_class(hidden: int = 1):
    """A function, which no config may call."""
