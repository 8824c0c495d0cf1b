"""Which epoch is shown: the best validated one, whose checkpoint is kept; and its weights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytorch_lightning as pl
import torch
from pytorch_lightning.utilities.seed import isolate_rng


@contextmanager
def weights_of_best(trainer: pl.Trainer, module: pl.LightningModule) -> Iterator[None]:
    """Let ``module`` have the weights of the best checkpoint, then again those that it has now.

    Where no checkpoint was kept, it keeps the ones that it has.
    """
    paths = (getattr(callback, "best_model_path", "") for callback in trainer.checkpoint_callbacks)
    path = next((path for path in paths if path and Path(path).is_file()), None)
    if path is None:
        yield
        return
    present = {name: tensor.detach().clone() for name, tensor in module.state_dict().items()}
    best = torch.load(path, map_location=module.device, weights_only=True)
    module.load_state_dict(best["state_dict"])
    try:
        yield
    finally:
        module.load_state_dict(present)


@contextmanager
def undisturbed(module: pl.LightningModule) -> Iterator[None]:
    """Evaluate without a trace: no gradients, no random number used up, the module's mode kept."""
    modes = {part: part.training for part in module.modules()}
    module.eval()
    try:
        with isolate_rng(), torch.no_grad():
            yield
    finally:
        for part, training in modes.items():
            part.training = training
