"""Task ``vision_classify``: one label per image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torch.nn import functional
from torchmetrics import MetricCollection
from torchmetrics.classification import (
    MulticlassAccuracy,
    MulticlassCalibrationError,
    MulticlassConfusionMatrix,
    MulticlassF1Score,
)

from labloom.arguments import require_share
from labloom.errors import ConfigError
from labloom_vision.images import to_batch

Batch = tuple[Tensor, Tensor]


class ImageClassifier(pl.LightningModule):
    """Trains ``model`` to give the label of an image, by cross entropy.

    A batch is ``(images [b, c, h, w] float32 in [0, 1], labels [b] int64)``. Images are normalised
    inside ``forward``, so that training, evaluation and prediction share one path.

    Logged: ``train/loss`` and ``train/acc``; under ``val/`` and ``test/`` ``loss``, ``acc``
    (micro accuracy), ``f1`` (macro) and ``calibration_error`` (Guo et al. 2017, arXiv:1706.04599,
    15 bins). ``val/loss`` and ``test/loss`` are the plain negative log-likelihood, without
    smoothing and class weights, so that trials which differ in these can be compared.

    ``confusion`` holds the counts of the last whole validation and test epoch.

    Args:
        model: maps normalised images [b, c, h, w] to logits [b, classes].
        num_classes: number of classes, at least 2.
        classes: their names, in the order of the labels.
        channels: channels of an image.
        image_size: side of the square image, in pixels; ``preprocess`` resizes to it.
        mean: mean of each channel over the training split, in [0, 1].
        std: standard deviation of each channel over the training split.
        label_smoothing: share of the target spread over all classes (Szegedy et al. 2016,
            arXiv:1512.00567, section 7).
        class_weights: weight of each class in the training loss; ``"balanced"``: inversely
            proportional to ``class_counts``, with a mean weight of 1 over the training images;
            None: all equal.
        class_counts: images of each class in the training split; needed for ``"balanced"``.

    Raises:
        ConfigError: an argument is out of range or does not fit the number of classes or channels.
    """

    def __init__(  # noqa: PLR0913  (most come from the data's spec)
        self,
        model: nn.Module,
        num_classes: int,
        classes: Sequence[str],
        channels: int,
        image_size: int,
        mean: Sequence[float],
        std: Sequence[float],
        label_smoothing: float = 0.0,
        class_weights: str | Sequence[float] | None = None,
        class_counts: Sequence[int] | None = None,
    ) -> None:
        super().__init__()
        _check_sizes(num_classes, classes, channels, mean, std)
        require_share("module.label_smoothing", label_smoothing)
        self.model = model
        self.classes = [str(name) for name in classes]
        self.channels = channels
        self.image_size = image_size
        self.label_smoothing = label_smoothing
        # Part of the state: the trained weights mean nothing without them. [c] -> [c, 1, 1]
        self.register_buffer("mean", torch.tensor(list(mean)).view(-1, 1, 1))
        self.register_buffer("std", torch.tensor(list(std)).view(-1, 1, 1))
        weights = _loss_weights(class_weights, class_counts, num_classes)
        self.register_buffer("class_weights", weights, persistent=False)
        self.metrics = nn.ModuleDict({s: _metrics(num_classes, s) for s in ("val", "test")})
        self.counters = nn.ModuleDict(
            {s: MulticlassConfusionMatrix(num_classes, validate_args=False) for s in self.metrics}
        )
        self.confusion: dict[str, Tensor] = {}

    def forward(self, images: Tensor) -> Tensor:
        """Logits [b, classes] of images [b, c, h, w] with values in [0, 1]."""
        return self.model((images - self.mean) / self.std)

    def on_fit_start(self) -> None:
        """Let a pretrained model read its weights; it does not if a checkpoint brought others."""
        load_pretrained = getattr(self.model, "load_pretrained", None)
        if load_pretrained is not None:
            load_pretrained()

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """The loss of one batch, with label smoothing and class weights."""
        images, labels = batch
        logits = self(images)
        loss = functional.cross_entropy(
            logits, labels, weight=self.class_weights, label_smoothing=self.label_smoothing
        )
        size = len(labels)
        self.log("train/loss", loss, on_step=True, on_epoch=True, batch_size=size)
        hits = (logits.detach().argmax(dim=1) == labels).float().mean()
        self.log("train/acc", hits, on_step=False, on_epoch=True, batch_size=size)
        return loss

    def on_validation_epoch_start(self) -> None:
        """Forget what an interrupted epoch left."""
        self._start_epoch("val")

    def validation_step(self, batch: Batch, batch_idx: int) -> dict[str, Tensor]:
        """Count one batch; returns ``losses`` [b] and ``probabilities`` [b, classes]."""
        return self._count("val", batch)

    def on_validation_epoch_end(self) -> None:
        """Log the epoch's metrics and keep its confusion counts."""
        self._end_epoch("val")

    def on_test_epoch_start(self) -> None:
        """Forget what an interrupted epoch left."""
        self._start_epoch("test")

    def test_step(self, batch: Batch, batch_idx: int) -> dict[str, Tensor]:
        """Count one batch; returns ``losses`` [b] and ``probabilities`` [b, classes]."""
        return self._count("test", batch)

    def on_test_epoch_end(self) -> None:
        """Log the epoch's metrics and keep its confusion counts."""
        self._end_epoch("test")

    def preprocess(self, inputs: Sequence[Any]) -> Tensor:
        """Batch [b, c, h, w] of raw images, as the data module of this task prepares them.

        Args:
            inputs: one or more of: path of an image file, PIL image, array or tensor (see
                ``labloom_vision.images.to_batch``).

        Raises:
            DataError: an input is no image; the message names it.
        """
        return to_batch(inputs, channels=self.channels, image_size=self.image_size)

    def postprocess(self, outputs: Tensor) -> list[dict[str, Any]]:
        """One answer per row of logits: ``label``, ``probability``, ``probabilities`` by class."""
        probabilities = outputs.float().softmax(dim=1).cpu()
        best = probabilities.argmax(dim=1).tolist()
        return [
            {
                "label": self.classes[i],
                "probability": row[i],
                "probabilities": dict(zip(self.classes, row, strict=True)),
            }
            for i, row in zip(best, probabilities.tolist(), strict=True)
        ]

    def _start_epoch(self, split: str) -> None:
        self.metrics[split].reset()
        self.counters[split].reset()

    def _count(self, split: str, batch: Batch) -> dict[str, Tensor]:
        images, labels = batch
        logits = self(images)
        losses = functional.cross_entropy(logits, labels, reduction="none")
        probabilities = logits.softmax(dim=1)
        self.log(f"{split}/loss", losses.mean(), batch_size=len(labels), sync_dist=True)
        self.metrics[split].update(probabilities, labels)
        self.counters[split].update(probabilities, labels)
        return {"losses": losses, "probabilities": probabilities}

    def _end_epoch(self, split: str) -> None:
        self.log_dict(self.metrics[split].compute())
        self.confusion[split] = self.counters[split].compute().cpu()


def _metrics(num_classes: int, split: str) -> MetricCollection:
    """Accuracy, macro F1 and calibration error of one split; labels come checked from the data."""
    options = {"num_classes": num_classes, "validate_args": False}
    return MetricCollection(
        {
            "acc": MulticlassAccuracy(average="micro", **options),
            "f1": MulticlassF1Score(average="macro", **options),
            "calibration_error": MulticlassCalibrationError(n_bins=15, norm="l1", **options),
        },
        prefix=f"{split}/",
    )


def _loss_weights(
    class_weights: str | Sequence[float] | None,
    class_counts: Sequence[int] | None,
    num_classes: int,
) -> Tensor | None:
    """Weights [classes] of the loss, or None when all classes weigh the same."""
    if class_weights is None:
        return None
    if isinstance(class_weights, str):
        if class_weights != "balanced":
            raise _wrong_weights("'balanced', a list of numbers, or null", repr(class_weights))
        if class_counts is None or len(class_counts) != num_classes or min(class_counts) < 1:
            raise _wrong_weights(
                "a data module whose spec has class_counts, at least 1 for each class",
                f"class_counts {None if class_counts is None else list(class_counts)}",
            )
        counts = torch.tensor(list(class_counts), dtype=torch.float32)
        return counts.sum() / (num_classes * counts)
    weights = list(class_weights)
    if len(weights) != num_classes or min(weights) < 0 or max(weights) == 0:
        raise _wrong_weights(f"{num_classes} numbers of at least 0, one per class", str(weights))
    return torch.tensor(weights, dtype=torch.float32)


def _wrong_weights(expected: str, got: str) -> ConfigError:
    return ConfigError(
        "module.class_weights cannot be used",
        expected=expected,
        got=got,
        fix="set module.class_weights=null, or to one number per class",
    )


def _check_sizes(
    num_classes: int,
    classes: Sequence[str],
    channels: int,
    mean: Sequence[float],
    std: Sequence[float],
) -> None:
    if num_classes < 2 or len(classes) != num_classes:
        raise ConfigError(
            "module.classes does not fit module.num_classes",
            expected="at least 2 classes, each with a name",
            got=f"num_classes={num_classes} and {len(classes)} names",
            fix="leave both to the data module, which knows them",
        )
    if len(mean) != channels or len(std) != channels or min(std) <= 0:
        raise ConfigError(
            "module.mean and module.std do not fit module.channels",
            expected=f"{channels} numbers each, std above 0",
            got=f"mean={list(mean)}, std={list(std)}",
            fix="leave them to the data module, or give one number per channel",
        )
