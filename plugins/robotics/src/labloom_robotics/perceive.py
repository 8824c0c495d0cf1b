"""Task ``robotics_perceive``: what range sensors see.

Legend of shapes: ``b`` batch, ``k`` classes, ``t...`` shape of the classes of one input: nothing
for readings, ``r`` rays of a scan, ``l, r`` of a range image; ``g`` cells along a side of a grid.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torch.nn import functional
from torchmetrics import Metric, MetricCollection
from torchmetrics.classification import (
    BinaryJaccardIndex,
    MulticlassAccuracy,
    MulticlassConfusionMatrix,
    MulticlassJaccardIndex,
)

from labloom.arguments import require_number
from labloom.errors import ConfigError
from labloom_robotics.data.occupancy import UNASKED
from labloom_robotics.sensed import to_batch

Batch = tuple[Tensor, dict[str, Tensor]]


class Perceiver(pl.LightningModule):
    """Trains ``model`` to name what is sensed, and to map which cells around are occupied.

    A batch is inputs, float32 [b, *shape], and targets: ``classes`` int64 [b, t...] and, where the
    data has one, ``grid`` int8 [b, g, g]: 1 occupied, 0 free, -1 not asked. The loss is the cross
    entropy of the classes plus ``grid_weight`` times the binary cross entropy of the cells.

    Logged: ``train/loss`` and, under ``val/`` and ``test/``, ``loss``, ``acc`` (of all rays or
    readings) and ``iou``, the intersection over union of each class averaged over the classes that
    occur; with a grid also ``grid_iou``, of the occupied cells. Evaluated losses have no weights.

    ``confusion`` holds the counts of the last whole validation and test epoch.

    Args:
        model: maps normalised inputs to ``{"classes": [b, k, t...], "grid": [b, g, g]}``, logits.
        shape: of one input.
        num_classes: k, at least 2.
        classes: their names, in the order of the labels.
        mean: subtracted from the last dimension of an input; one number, or one for each entry.
        std: what it is then divided by.
        grid: shape of the occupancy grid; None: there is none.
        cell_size: side of one of its cells, m; for figures.
        max_range: distance that a scan's value of 1 stands for, m; for figures.
        grid_weight: weight of the grid's loss beside that of the classes.
        class_weights: weight of each class in the training loss; None: all equal.

    Raises:
        ConfigError: an argument is out of range or does not fit the data.
    """

    def __init__(  # noqa: PLR0913  (most come from the data's spec)
        self,
        model: nn.Module,
        shape: Sequence[int],
        num_classes: int,
        classes: Sequence[str],
        mean: Sequence[float],
        std: Sequence[float],
        grid: Sequence[int] | None = None,
        cell_size: float = 0.25,
        max_range: float = 8.0,
        grid_weight: float = 1.0,
        class_weights: Sequence[float] | None = None,
    ) -> None:
        super().__init__()
        _check_sizes(shape, num_classes, classes, mean, std)
        _check_weights(grid_weight, class_weights, num_classes)
        self.model = model
        self.shape = list(shape)
        self.classes = [str(name) for name in classes]
        self.cell_size = cell_size
        self.max_range = max_range
        self.grid_weight = grid_weight
        # Part of the state: the trained weights mean nothing without them.
        self.register_buffer("mean", torch.tensor(list(mean), dtype=torch.float32))
        self.register_buffer("std", torch.tensor(list(std), dtype=torch.float32))
        self.register_buffer("class_weights", _as_weights(class_weights), persistent=False)
        splits = ("val", "test")
        self.metrics = nn.ModuleDict({s: _metrics(num_classes, s) for s in splits})
        self.grid_metrics = nn.ModuleDict({s: _grid_iou() for s in splits} if grid else {})
        self.counters = nn.ModuleDict(
            {s: MulticlassConfusionMatrix(num_classes, validate_args=False) for s in splits}
        )
        self.confusion: dict[str, Tensor] = {}

    def forward(self, inputs: Tensor) -> dict[str, Tensor]:
        """Logits ``classes`` [b, k, t...], and ``grid`` [b, g, g] if there is one."""
        return self.model((inputs - self.mean) / self.std)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """The loss of one batch, with class weights."""
        inputs, targets = batch
        terms = self._losses(self(inputs), targets, self.class_weights)
        loss = sum(terms.values())
        size = len(inputs)
        self.log("train/loss", loss, on_step=True, on_epoch=True, batch_size=size)
        for name, term in terms.items():
            self.log(f"train/{name}", term, on_step=False, on_epoch=True, batch_size=size)
        return loss

    def on_validation_epoch_start(self) -> None:
        """Forget what an interrupted epoch left."""
        self._start_epoch("val")

    def validation_step(self, batch: Batch, batch_idx: int) -> dict[str, Tensor]:
        """Count one batch; returns the logits."""
        return self._count("val", batch)

    def on_validation_epoch_end(self) -> None:
        """Log the epoch's metrics and keep its confusion counts."""
        self._end_epoch("val")

    def on_test_epoch_start(self) -> None:
        """Forget what an interrupted epoch left."""
        self._start_epoch("test")

    def test_step(self, batch: Batch, batch_idx: int) -> dict[str, Tensor]:
        """Count one batch; returns the logits."""
        return self._count("test", batch)

    def on_test_epoch_end(self) -> None:
        """Log the epoch's metrics and keep its confusion counts."""
        self._end_epoch("test")

    def preprocess(self, inputs: Sequence[Any]) -> Tensor:
        """Batch [b, *shape] of raw inputs: arrays, or names of files (see ``sensed.to_batch``).

        A scan is given as shares of the scanner's range, 1 where nothing came back.

        Raises:
            DataError: an input is missing or has another shape; the message names it.
        """
        return to_batch(inputs, self.shape)

    def postprocess(self, outputs: Mapping[str, Tensor]) -> list[dict[str, Any]]:
        """One answer for each input.

        Readings: ``label``, ``probability``, ``probabilities`` by class. Scans: ``labels`` of the
        rays, in lists like the input, and ``occupied``: probability of each cell [g][g].
        """
        probabilities = outputs["classes"].float().softmax(dim=1).cpu()
        answers = [self._answer(row) for row in probabilities]
        if "grid" in outputs:
            cells = outputs["grid"].float().sigmoid().cpu().tolist()
            answers = [{**a, "occupied": c} for a, c in zip(answers, cells, strict=True)]
        return answers

    def _answer(self, probabilities: Tensor) -> dict[str, Any]:
        """The answer to one input of probabilities [k, t...]."""
        best = probabilities.argmax(dim=0).tolist()
        if isinstance(best, list):
            return {"labels": _named(best, self.classes)}
        row = probabilities.tolist()
        return {
            "label": self.classes[best],
            "probability": row[best],
            "probabilities": dict(zip(self.classes, row, strict=True)),
        }

    def _losses(
        self, outputs: Mapping[str, Tensor], targets: Mapping[str, Tensor], weights: Tensor | None
    ) -> dict[str, Tensor]:
        terms = {
            "class_loss": functional.cross_entropy(outputs["classes"], targets["classes"], weights)
        }
        if "grid" in targets:
            terms["grid_loss"] = self.grid_weight * occupancy_loss(outputs["grid"], targets["grid"])
        return terms

    def _start_epoch(self, split: str) -> None:
        self.metrics[split].reset()
        self.counters[split].reset()
        if split in self.grid_metrics:
            self.grid_metrics[split].reset()

    def _count(self, split: str, batch: Batch) -> dict[str, Tensor]:
        inputs, targets = batch
        outputs = self(inputs)
        loss = sum(self._losses(outputs, targets, None).values())
        self.log(f"{split}/loss", loss, batch_size=len(inputs), sync_dist=True)
        self.metrics[split].update(outputs["classes"], targets["classes"])
        self.counters[split].update(outputs["classes"], targets["classes"])
        if split in self.grid_metrics:
            self.grid_metrics[split].update(outputs["grid"].sigmoid(), targets["grid"].long())
        return outputs

    def _end_epoch(self, split: str) -> None:
        self.log_dict(self.metrics[split].compute())
        if split in self.grid_metrics:
            self.log(f"{split}/grid_iou", self.grid_metrics[split].compute())
        self.confusion[split] = self.counters[split].compute().cpu()


def occupancy_loss(logits: Tensor, grid: Tensor) -> Tensor:
    """Binary cross entropy over the cells that are asked, in nats.

    Args:
        logits: of being occupied, [b, g, g].
        grid: 1 occupied, 0 free, -1 not asked, [b, g, g]; 0 comes back where no cell is asked.
    """
    asked = grid != UNASKED
    truth = (grid == 1).to(logits.dtype)
    losses = functional.binary_cross_entropy_with_logits(logits, truth, reduction="none")
    return (losses * asked).sum() / asked.sum().clamp(min=1)


def _as_weights(class_weights: Sequence[float] | None) -> Tensor | None:
    if class_weights is None:
        return None
    return torch.tensor(list(class_weights), dtype=torch.float32)


def _named(labels: list[Any], classes: Sequence[str]) -> list[Any]:
    """Nested lists of class numbers as nested lists of names."""
    return [_named(x, classes) if isinstance(x, list) else classes[x] for x in labels]


def _metrics(num_classes: int, split: str) -> MetricCollection:
    options = {"num_classes": num_classes, "validate_args": False}
    return MetricCollection(
        {
            "acc": MulticlassAccuracy(average="micro", **options),
            "iou": MulticlassJaccardIndex(average="macro", **options),
        },
        prefix=f"{split}/",
    )


def _grid_iou() -> Metric:
    return BinaryJaccardIndex(ignore_index=UNASKED, validate_args=False)


def _check_sizes(
    shape: Sequence[int],
    num_classes: int,
    classes: Sequence[str],
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
    if len(mean) not in (1, shape[-1]) or len(std) != len(mean) or min(std) <= 0:
        raise ConfigError(
            "module.mean and module.std do not fit module.shape",
            expected=f"1 or {shape[-1]} numbers each, std above 0",
            got=f"{len(mean)} and {len(std)} numbers, the smallest std {min(std, default=None)}",
            fix="leave them to the data module, which knows them",
        )


def _check_weights(
    grid_weight: float, class_weights: Sequence[float] | None, num_classes: int
) -> None:
    require_number("module.grid_weight", grid_weight, above=0, fix="set module.grid_weight=1.0")
    if class_weights is None:
        return
    if len(class_weights) != num_classes or min(class_weights) < 0 or max(class_weights) == 0:
        raise ConfigError(
            "module.class_weights cannot be used",
            expected=f"{num_classes} numbers of at least 0, one for each class",
            got=str(list(class_weights)),
            fix="set module.class_weights=null, or to one number for each class",
        )
