"""Modules whose trials or tests end in some special way, written as a user would."""

import sys

import pytorch_lightning as pl
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from labloom.errors import ExitStatus, Stopped


class LineData(pl.LightningDataModule):
    """Five batches of a line."""

    def __init__(self):
        super().__init__()
        inputs = torch.linspace(-1, 1, 20).reshape(20, 1)
        self.set = TensorDataset(inputs, 2 * inputs)

    def train_dataloader(self):
        return DataLoader(self.set, 4)

    def val_dataloader(self):
        return DataLoader(self.set, 4)

    def test_dataloader(self):
        return DataLoader(self.set, 4)


class Untested(pl.LightningModule):
    """A slope, without a test step.

    Args:
        start: slope at the start.
        ends: ``exit``: the training leaves by ``sys.exit``.
    """

    def __init__(self, start: float = 0.0, ends: str = "well"):
        super().__init__()
        self.slope = nn.Parameter(torch.tensor([start]))
        self.ends = ends

    def loss(self, batch):
        inputs, targets = batch
        return (self.slope * inputs - targets).square().mean()

    def training_step(self, batch, batch_idx):
        if self.ends == "exit":
            sys.exit(3)
        return self.loss(batch)

    def validation_step(self, batch, batch_idx):
        self.log("val/loss", self.loss(batch))


class Tested(Untested):
    """The same with a test.

    Args:
        start: slope at the start.
        ends: of the training.
        test_ends: ``broken``: the test raises; ``stopped``: somebody presses Ctrl-C in it.
    """

    def __init__(self, start: float = 0.0, ends: str = "well", test_ends: str = "well"):
        super().__init__(start, ends)
        self.test_ends = test_ends

    def test_step(self, batch, batch_idx):
        if self.test_ends == "broken":
            raise RuntimeError("no such colour")
        if self.test_ends == "stopped":
            raise Stopped(ExitStatus.INTERRUPTED)
        self.log("test/loss", self.loss(batch))
