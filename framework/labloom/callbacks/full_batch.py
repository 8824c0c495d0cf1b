"""Make the gradient accumulated over an epoch that of the mean loss over all its samples."""

from __future__ import annotations

from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.utilities.data import extract_batch_size
from torch import Tensor
from torch.optim import Optimizer


class FullBatchGradient(Callback):
    r"""Weights every batch by its size.

    Lightning averages the gradients of batches, which gives the samples of a smaller last batch
    more weight. With losses :math:`L_i`, each a mean over :math:`b_i` samples, this accumulates
    :math:`\sum_i b_i \nabla L_i` and divides by :math:`\sum_i b_i` before the step.
    """

    def __init__(self) -> None:
        self._size = 0
        self._seen = 0

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start counting samples."""
        self._seen = 0

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Count the samples of this batch."""
        self._size = extract_batch_size(batch)
        self._seen += self._size

    def on_before_backward(
        self, trainer: Trainer, pl_module: LightningModule, loss: Tensor
    ) -> None:
        """Undo Lightning's division by the number of batches and weight by the batch's size."""
        # in place: the hook cannot hand another tensor back, and this one is Lightning's own
        loss.mul_(trainer.accumulate_grad_batches * self._size)

    def on_before_optimizer_step(
        self, trainer: Trainer, pl_module: LightningModule, optimizer: Optimizer
    ) -> None:
        """Divide by the number of samples; gradients are clipped after this."""
        for group in optimizer.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    weight.grad.div_(self._seen)
