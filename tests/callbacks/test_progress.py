"""What is printed while a run trains."""

from __future__ import annotations

import io
import re

import pytest
import pytorch_lightning as pl
import torch
from rich.console import Console
from sklearn.datasets import load_digits
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

from labloom.callbacks.progress import (
    EpochLines,
    ProgressBar,
    epoch_label,
    make_progress,
    shown_metrics,
)


class Net(pl.LightningModule):
    """Logs in every place where a module may log."""

    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(64, 10)

    def training_step(self, batch, batch_idx):
        loss = functional.cross_entropy(self.layer(batch[0]), batch[1])
        self.log("train/loss", loss, on_step=True, on_epoch=True)
        return loss

    def validation_step(self, batch, batch_idx):
        self.log("val/acc", (self.layer(batch[0]).argmax(1) == batch[1]).float().mean())

    def on_train_epoch_end(self):
        self.log("train/late", 7.0)

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


@pytest.fixture
def fit(tmp_path):
    digits = load_digits()
    data = TensorDataset(torch.tensor(digits.data).float() / 16, torch.tensor(digits.target))
    loader = DataLoader(data, 600)

    def run(callback, epochs=2):
        trainer = pl.Trainer(
            accelerator="cpu",
            max_epochs=epochs,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            default_root_dir=tmp_path,
            callbacks=[callback],
        )
        trainer.fit(Net(), loader, loader)

    return run


def test_one_line_an_epoch_with_metrics_and_seconds(fit, capsys):
    fit(EpochLines())
    lines = capsys.readouterr().out.splitlines()
    pattern = r"epoch {}/2  train/loss \S+  train/late 7  val/acc 0\.\d+  \d+\.\d s"
    assert re.fullmatch(pattern.format(1), lines[0])
    assert re.fullmatch(pattern.format(2), lines[1])
    assert len(lines) == 2


def test_line_of_the_last_whole_epoch_is_printed_when_a_run_fails(fit, capsys):
    class Lines(EpochLines):
        def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
            if trainer.current_epoch == 1:
                raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        fit(Lines())
    assert capsys.readouterr().out.startswith("epoch 1/2")


def test_lines_of_the_bar_fit_a_terminal_of_80_columns_and_show_the_monitor(fit):
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=60)
    fit(ProgressBar("val/acc", console))
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", screen.getvalue())
    lines = [line.split("\r")[-1] for line in plain.split("\n")]
    assert max(map(len, lines)) <= 60
    epochs = [line for line in lines if re.match(r"epoch \d/2  val/acc 0\.\d+", line)]
    assert len(epochs) == 2


def test_auto_is_lines_in_a_pipe(capsys):
    assert type(make_progress("auto", None)) is EpochLines


def test_none_shows_nothing():
    assert make_progress("none", None) is None


def test_bar_can_be_asked_for():
    assert type(make_progress("bar", "val/acc")) is ProgressBar


def test_label_of_a_run_without_end_has_no_total():
    assert epoch_label(2, None) == "epoch 3"
    assert epoch_label(2, -1) == "epoch 3"
    assert epoch_label(2, 100) == "epoch   3/100"


def test_twins_of_a_metric_and_learning_rates_are_not_shown():
    metrics = {
        name: torch.tensor(1.0)
        for name in ("val/acc", "train/x", "lr-Adam", "train/lr", "train/x_step", "only_step")
    }
    assert list(shown_metrics(metrics)) == ["train/x", "only_step", "val/acc"]
