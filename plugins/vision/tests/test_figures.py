"""Figures of a run: which epoch they show, what they keep, and that sanity checks leave none."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import pytest
import pytorch_lightning as pl
import torch
from matplotlib.figure import Figure
from pytorch_lightning.loggers import Logger
from torch.utils.data import DataLoader, TensorDataset

from labloom_vision.classify import ImageClassifier
from labloom_vision.figures import ConfusionMatrix, Worst, WorstImages
from labloom_vision.nets.mlp import MLP


class FigureLog(Logger):
    """A logger that keeps figures, as labloom's own does."""

    def __init__(self) -> None:
        super().__init__()
        self.figures: dict[str, Figure] = {}

    @property
    def name(self) -> str:
        return "figures"

    @property
    def version(self) -> int:
        return 0

    @property
    def experiment(self) -> FigureLog:
        return self

    def log_figure(self, name: str, figure: Figure, step: int | None = None) -> None:
        assert name not in self.figures
        self.figures[name] = figure

    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        pass

    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        pass


class Training(ImageClassifier):
    """The classifier with an optimizer; it forgets everything in epoch ``diverges_after``."""

    diverges_after = 99

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.5)

    def on_train_epoch_start(self):
        if self.current_epoch >= self.diverges_after:
            torch.nn.init.normal_(self.model.head.weight, std=10.0)


@pytest.fixture
def log() -> FigureLog:
    yield FigureLog()
    plt.close("all")


def fit(module, log, callbacks, digits, folder, *, epochs=2, ckpt_path=None) -> pl.Trainer:
    images, labels = digits
    train = DataLoader(TensorDataset(images[:600], labels[:600]), 64)
    val = DataLoader(TensorDataset(images[600:900], labels[600:900]), 64)
    trainer = pl.Trainer(
        accelerator="cpu",
        devices=1,
        max_epochs=epochs,
        logger=log,
        callbacks=callbacks,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=folder,
    )
    trainer.fit(module, train, val, ckpt_path=ckpt_path, weights_only=True)
    return trainer


def test_a_run_leaves_two_figures_of_validation_and_two_of_test(log, digits, spec, tmp_path):
    module = Training(MLP(10, 1, 8), **spec)
    trainer = fit(
        module, log, [ConfusionMatrix("val/acc"), WorstImages("val/acc")], digits, tmp_path
    )
    test = DataLoader(TensorDataset(digits[0][900:1200], digits[1][900:1200]), 64)
    trainer.test(module, test, verbose=False)
    assert set(log.figures) == {
        "val/confusion_matrix",
        "val/worst_images",
        "test/confusion_matrix",
        "test/worst_images",
    }
    assert all(isinstance(figure, Figure) for figure in log.figures.values())


def test_the_figures_show_the_best_epoch(log, digits, spec, tmp_path):
    module = Training(MLP(10, 1, 8), **spec)
    module.diverges_after = 2
    matrix, worst = ConfusionMatrix("val/acc"), WorstImages("val/acc")
    trainer = fit(module, log, [matrix, worst], digits, tmp_path, epochs=3)
    assert matrix.epoch in (0, 1)
    hits = matrix.counts.diagonal().sum() / matrix.counts.sum()
    assert hits > trainer.callback_metrics["val/acc"]
    assert not torch.equal(worst.shown.losses, worst.current.losses)


def test_the_last_epoch_is_shown_when_nothing_is_watched(log, digits, spec, tmp_path):
    module = Training(MLP(10, 1, 8), **spec)
    module.diverges_after = 1
    matrix = ConfusionMatrix(None)
    trainer = fit(module, log, [matrix, WorstImages(None)], digits, tmp_path, epochs=2)
    # Counted from 1, as the lines of a run and the names of its checkpoints are.
    assert matrix.epoch == 1
    confusion, images = (
        log.figures[f"val/{name}"] for name in ("confusion_matrix", "worst_images")
    )
    assert confusion.axes[0].get_title("left") == "Validation, epoch 2"
    assert images.get_suptitle() == "Worst of validation, epoch 2"
    hits = matrix.counts.diagonal().sum() / matrix.counts.sum()
    assert hits == pytest.approx(trainer.callback_metrics["val/acc"].item())


def test_the_worst_images_of_an_epoch_are_kept_in_order(log, digits, spec, tmp_path):
    module = Training(MLP(10, 1, 8), **spec)
    worst = WorstImages(None, count=7)
    fit(module, log, [worst], digits, tmp_path, epochs=1)
    images, labels = digits[0][600:900], digits[1][600:900]
    with torch.no_grad():
        losses = torch.nn.functional.cross_entropy(module.eval()(images), labels, reduction="none")
    expected, index = losses.topk(7)
    torch.testing.assert_close(worst.shown.losses, expected)
    assert torch.equal(worst.shown.labels, labels[index])
    assert torch.equal(worst.shown.images, (images[index] * 255).round().byte())


def test_nothing_is_kept_without_a_logger_for_figures(digits, spec, tmp_path):
    worst = WorstImages("val/acc")
    fit(Training(MLP(10, 1, 8), **spec), False, [worst], digits, tmp_path)
    assert worst.shown is None


def test_a_resumed_run_shows_the_best_epoch_of_both_parts(log, digits, spec, tmp_path):
    module = Training(MLP(10, 1, 8), **spec)
    matrix, worst = ConfusionMatrix("val/acc"), WorstImages("val/acc")
    trainer = fit(module, log, [matrix, worst], digits, tmp_path, epochs=2)
    trainer.save_checkpoint(tmp_path / "run.ckpt")

    again = Training(MLP(10, 1, 8), **spec)
    again.diverges_after = 2
    resumed = ConfusionMatrix("val/acc"), WorstImages("val/acc")
    second = FigureLog()
    fit(again, second, list(resumed), digits, tmp_path, epochs=3, ckpt_path=tmp_path / "run.ckpt")
    assert torch.equal(resumed[0].counts, matrix.counts)
    assert torch.equal(resumed[1].shown.images, worst.shown.images)
    assert set(second.figures) == {"val/confusion_matrix", "val/worst_images"}


@pytest.mark.parametrize("classes", [2, 120])
def test_a_page_can_be_drawn_for_few_and_for_many_classes(classes, log, tmp_path):
    images, labels = torch.rand(classes * 2, 3, 8, 8), torch.arange(classes).repeat(2)
    module = Training(
        MLP(classes, 3, 8),
        num_classes=classes,
        classes=[f"a class with a long name {i}" for i in range(classes)],
        channels=3,
        image_size=8,
        mean=[0.5] * 3,
        std=[0.3] * 3,
    )
    trainer = pl.Trainer(
        accelerator="cpu",
        logger=log,
        enable_progress_bar=False,
        enable_checkpointing=False,
        default_root_dir=tmp_path,
        callbacks=[ConfusionMatrix(), WorstImages()],
    )
    loader = DataLoader(TensorDataset(images, labels), 64)
    trainer.test(module, loader, verbose=False)
    assert set(log.figures) == {"test/confusion_matrix", "test/worst_images"}


def test_merging_pages_keeps_the_worst_of_both():
    def page(losses: list[float]) -> Worst:
        n = len(losses)
        whole = torch.arange(n)
        return Worst(torch.tensor(losses), torch.zeros(n, 1, 2, 2), whole, whole, torch.ones(n))

    merged = page([5.0, 2.0]).merged(page([4.0, 3.0, 1.0]), 3)
    assert merged.losses.tolist() == [5.0, 4.0, 3.0]
    assert merged.labels.tolist() == [0, 0, 1]
