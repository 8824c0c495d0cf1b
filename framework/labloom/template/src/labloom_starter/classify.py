"""Task ``starter_classify``: how a network is trained and judged.

Plain Lightning. Your own science goes into ``training_step`` and ``_judge``. There is no
``configure_optimizers``: labloom's groups ``optimizer`` and ``scheduler`` supply it, and a sweep
can reach them. Write one if training needs more than one optimizer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torch.nn import functional

Batch = tuple[Tensor, Tensor]


class Classifier(pl.LightningModule):
    """Trains ``model`` to give the label of a row, by cross entropy.

    A batch is ``(features [b, f] float32, labels [b] int64)``.

    Logged: ``train/loss``; ``loss`` and ``acc`` under ``val/`` and ``test/``.

    Args:
        model: maps standardised features [b, f] to logits [b, classes]; the group ``model``.
        classes: name of each label; from the data's ``spec``, as ``mean`` and ``std``.
        mean: mean of each feature over the training rows [f].
        std: standard deviation of each feature over the training rows [f].
        label_smoothing: share of the target that is spread over all classes.
    """

    def __init__(
        self,
        model: nn.Module,
        classes: Sequence[str],
        mean: Sequence[float],
        std: Sequence[float],
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__()
        self.model = model
        self.classes = list(classes)
        self.label_smoothing = label_smoothing
        # Buffers are part of a checkpoint: the trained weights mean nothing without them.
        self.register_buffer("mean", torch.tensor(mean))
        self.register_buffer("std", torch.tensor(std))

    def forward(self, features: Tensor) -> Tensor:
        """Logits [b, classes] of features [b, f] as they were measured."""
        return self.model((features - self.mean) / self.std)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """The loss of one batch."""
        features, labels = batch
        loss = functional.cross_entropy(
            self(features), labels, label_smoothing=self.label_smoothing
        )
        self.log("train/loss", loss, on_step=True, on_epoch=True)
        return loss

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Judge one batch; ``val/loss`` is what the task in ``plugin.py`` monitors."""
        self._judge("val", batch)

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        """Judge one batch of the test split."""
        self._judge("test", batch)

    def _judge(self, split: str, batch: Batch) -> None:
        features, labels = batch
        logits = self(features)
        metrics = {
            f"{split}/loss": functional.cross_entropy(logits, labels),
            f"{split}/acc": (logits.argmax(dim=1) == labels).float().mean(),
        }
        # Weighed by batch_size, so that the mean over batches is the mean over rows.
        self.log_dict(metrics, batch_size=len(labels), sync_dist=True)

    def postprocess(self, outputs: Tensor) -> list[dict[str, Any]]:
        """One answer for each row of logits. Optional: what ``labloom predict`` prints."""
        probabilities, best = outputs.softmax(dim=1).max(dim=1)
        return [
            {"label": self.classes[i], "probability": p}
            for i, p in zip(best.tolist(), probabilities.tolist(), strict=True)
        ]
