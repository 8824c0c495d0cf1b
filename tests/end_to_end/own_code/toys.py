"""Tiny modules and data of the end-to-end tests, written as a user would, for Lightning alone."""

import time
from pathlib import Path

import pytorch_lightning as pl
import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset


class ToyData(pl.LightningDataModule):
    """Ten batches of a noisy line; ``witness`` gets a line whenever the test split is asked for."""

    def __init__(self, batch_size: int = 4, witness: str | None = None):
        super().__init__()
        self.batch_size = batch_size
        self.witness = witness
        numbers = torch.Generator().manual_seed(7)
        inputs = torch.randn(80, 4, generator=numbers)
        targets = inputs.sum(dim=1, keepdim=True) + 0.1 * torch.randn(80, 1, generator=numbers)
        self.sets = [
            TensorDataset(inputs[part], targets[part])
            for part in (slice(40), slice(40, 60), slice(60, 80))
        ]

    def train_dataloader(self):
        return DataLoader(self.sets[0], self.batch_size, shuffle=True)

    def val_dataloader(self):
        return DataLoader(self.sets[1], 20)

    def test_dataloader(self):
        if self.witness is not None:
            with Path(self.witness).open("a") as file:
                file.write("asked\n")
        return DataLoader(self.sets[2], 20)


class Regression(pl.LightningModule):
    """A network with dropout, so that every step draws random numbers.

    Args:
        hidden: width.
        pause_at: optimizer step at which to write ``marker`` and wait to be stopped.
        marker: a file; once it is there, nothing waits.
        fail_at: optimizer step at which to fail; -1: never.
    """

    def __init__(
        self, hidden: int = 8, pause_at: int = -1, marker: str | None = None, fail_at: int = -1
    ):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(4, hidden), nn.ReLU(), nn.Dropout(0.2), nn.Linear(hidden, 1)
        )
        self.pause_at = pause_at
        self.marker = marker
        self.fail_at = fail_at

    def forward(self, inputs):
        return self.layers(inputs)

    def training_step(self, batch, batch_idx):
        if self.global_step == self.fail_at:
            raise RuntimeError("the flux capacitor broke")
        if self.global_step == self.pause_at and not Path(self.marker).exists():
            Path(self.marker).touch()
            time.sleep(60)
        inputs, targets = batch
        loss = functional.mse_loss(self(inputs), targets)
        self.log("train/loss", loss)
        return loss

    def validation_step(self, batch, batch_idx):
        inputs, targets = batch
        self.log("val/loss", functional.mse_loss(self(inputs), targets), sync_dist=True)

    def test_step(self, batch, batch_idx):
        inputs, targets = batch
        self.log("test/loss", functional.mse_loss(self(inputs), targets), sync_dist=True)


class Scripted(Regression):
    """Validation scores are those of ``scores``; the test tells after how many epochs it is taken.

    The first score is that before any training.
    """

    scores = (0.0, 0.2, 0.9, 0.5)

    def __init__(self):
        super().__init__()
        self.register_buffer("epochs", torch.zeros(()))

    def on_train_epoch_start(self):
        self.epochs += 1

    def validation_step(self, batch, batch_idx):
        self.log("val/score", self.scores[int(self.epochs)])

    def test_step(self, batch, batch_idx):
        self.log("test/epochs", self.epochs)


class LateNaN(Scripted):
    """The best score comes between an infinity and a NaN."""

    scores = (0.0, float("inf"), 0.5, float("nan"))


class Talkative(Regression):
    """Answers every input twice."""

    def postprocess(self, outputs):
        return [{"number": float(number)} for number in outputs for _ in range(2)]


class Unbuildable(Regression):
    """Fails as soon as it is built."""

    def __init__(self):
        raise ValueError("no network for you")


def a_function():
    """No class, so no config may name it."""
