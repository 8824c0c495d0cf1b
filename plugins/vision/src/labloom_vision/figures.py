"""Figures of a classification run: confusion matrices and the images that were judged worst.

Both callbacks show the epoch of the best validation metric, the one whose checkpoint is kept, or
the last one when nothing is monitored; and the test split, when it is run. What they would show is
part of the checkpoint, so that a resumed run draws the same figures as an uninterrupted one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import pytorch_lightning as pl
import torch
from torch import Tensor

from labloom.callbacks.best_epoch import BestEpoch, figure_log


class ConfusionMatrix(pl.Callback):
    """Records ``val/confusion_matrix`` and ``test/confusion_matrix``.

    Args:
        monitor: metric that chooses the validation epoch; None: the last one.
        mode: whether a smaller or a larger ``monitor`` is better.
    """

    def __init__(self, monitor: str | None = None, mode: Literal["min", "max"] = "max") -> None:
        self.best = BestEpoch(monitor, mode)
        self.counts: Tensor | None = None
        self.epoch = 0

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Keep the counts [true, predicted] of the best epoch."""
        if trainer.sanity_checking or not self.best.improved(trainer):
            return
        self.counts, self.epoch = pl_module.confusion["val"], trainer.current_epoch

    def state_dict(self) -> dict[str, Any]:
        """The best epoch so far."""
        return {"best": self.best.value, "epoch": self.epoch, "counts": self.counts}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from the best epoch of a checkpoint."""
        self.best.value = state_dict["best"]
        self.epoch = state_dict["epoch"]
        self.counts = state_dict["counts"]

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Draw the validation split."""
        log_figure = figure_log(trainer)
        if log_figure is not None and self.counts is not None:
            title = f"Validation, epoch {self.epoch + 1}"
            self._draw(log_figure, pl_module, "val", self.counts, title)

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Draw the test split."""
        log_figure = figure_log(trainer)
        if log_figure is not None:
            self._draw(log_figure, pl_module, "test", pl_module.confusion["test"], "Test")

    def _draw(
        self,
        log_figure: Callable[..., None],
        pl_module: pl.LightningModule,
        split: str,
        counts: Tensor,
        title: str,
    ) -> None:
        from labloom.record.figures import confusion_matrix_figure

        figure = confusion_matrix_figure(counts.numpy(), pl_module.classes, title=title)
        log_figure(f"{split}/confusion_matrix", figure)


@dataclass
class Worst:
    """The images with the highest losses of one epoch, worst first, on the CPU.

    Args:
        losses: negative log-likelihood of the true label [k], in nats.
        images: [k, c, h, w] as uint8, to be small in a checkpoint.
        labels: true labels [k].
        predicted: predicted labels [k].
        confidence: probability of the predicted label [k].
    """

    losses: Tensor
    images: Tensor
    labels: Tensor
    predicted: Tensor
    confidence: Tensor

    @classmethod
    def of_batch(cls, outputs: dict[str, Tensor], batch: tuple[Tensor, Tensor], k: int) -> Worst:
        """The ``k`` worst of one batch."""
        losses, index = outputs["losses"].topk(min(k, len(outputs["losses"])))
        confidence, predicted = outputs["probabilities"][index].max(dim=1)
        images, labels = batch
        pixels = (images[index].float() * 255).round().clamp(0, 255).to(torch.uint8)
        kept = (losses, pixels, labels[index], predicted, confidence)
        return cls(*(tensor.detach().cpu() for tensor in kept))

    def merged(self, other: Worst, k: int) -> Worst:
        """The ``k`` worst of both."""
        losses, index = torch.cat([self.losses, other.losses]).topk(
            min(k, len(self.losses) + len(other.losses))
        )
        return Worst(
            losses,
            *(
                torch.cat([getattr(self, name), getattr(other, name)])[index]
                for name in ("images", "labels", "predicted", "confidence")
            ),
        )


class WorstImages(pl.Callback):
    """Records ``val/worst_images`` and ``test/worst_images``: what the model got most wrong.

    Only the images that would be shown are kept in memory; nothing is kept without a logger that
    takes figures.

    Args:
        monitor: metric that chooses the validation epoch; None: the last one.
        mode: whether a smaller or a larger ``monitor`` is better.
        count: images on the page.
    """

    def __init__(
        self,
        monitor: str | None = None,
        mode: Literal["min", "max"] = "max",
        count: int = 24,
    ) -> None:
        self.best = BestEpoch(monitor, mode)
        self.count = count
        self.current: Worst | None = None
        self.shown: Worst | None = None
        self.epoch = 0

    def state_dict(self) -> dict[str, Any]:
        """The page of the best epoch so far."""
        page = None if self.shown is None else vars(self.shown)
        return {"best": self.best.value, "epoch": self.epoch, "page": page}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from the best epoch of a checkpoint."""
        page = state_dict["page"]
        self.best.value = state_dict["best"]
        self.epoch = state_dict["epoch"]
        self.shown = None if page is None else Worst(**page)

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start a page."""
        self.current = None

    on_test_start = on_validation_start

    def on_validation_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Keep the worst images so far."""
        if trainer.sanity_checking or figure_log(trainer) is None:
            return
        full = self.current is not None and len(self.current.losses) == self.count
        if full and outputs["losses"].max() <= self.current.losses[-1]:
            return
        worst = Worst.of_batch(outputs, batch, self.count)
        self.current = worst if self.current is None else self.current.merged(worst, self.count)

    on_test_batch_end = on_validation_batch_end

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Keep the page of the best epoch."""
        if not trainer.sanity_checking and self.best.improved(trainer):
            self.shown, self.epoch = self.current, trainer.current_epoch

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Draw the validation split."""
        title = f"Worst of validation, epoch {self.epoch + 1}"
        self._draw(trainer, pl_module, "val", self.shown, title)

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Draw the test split."""
        self._draw(trainer, pl_module, "test", self.current, "Worst of test")

    def _draw(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        split: str,
        worst: Worst | None,
        title: str,
    ) -> None:
        log_figure = figure_log(trainer)
        if log_figure is None or worst is None:
            return
        from labloom.record.figures import image_grid_figure

        names = pl_module.classes
        captions = [
            f"is {names[label]}\nsaid {names[predicted]} ({confidence:.0%})"
            for label, predicted, confidence in zip(
                worst.labels.tolist(),
                worst.predicted.tolist(),
                worst.confidence.tolist(),
                strict=True,
            )
        ]
        images = worst.images.permute(0, 2, 3, 1).numpy()  # [k, c, h, w] -> [k, h, w, c]
        figure = image_grid_figure(list(images), captions, columns=6, title=title)
        log_figure(f"{split}/worst_images", figure)
