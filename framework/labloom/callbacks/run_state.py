"""Write into every checkpoint what rebuilds and continues its run, and keep objects out of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

import numpy as np
import torch
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pytorch_lightning import Callback, LightningModule, Trainer

from labloom.callbacks.rng_state import restore_rng_state, rng_state

RUN_STATE_KEY = "labloom"
HPARAMS_KEYS = ("hyper_parameters", "datamodule_hyper_parameters")
# Written when hparams are a DictConfig; names a class, which weights_only=True refuses.
HPARAMS_TYPES = ("hparams_type", "datamodule_hparams_type")
_DROPPED = object()


class RunState(Callback):
    """Adds ``checkpoint["labloom"]`` and the random state, and cleans hyperparameters.

    The random state is restored in ``load_state_dict``: ``on_train_start`` would be too late,
    because by then the train loader's iterator exists and has drawn its seed.

    ``save_hyperparameters()`` of a stock module stores whatever its constructor was given; a
    network, a partial or a DictConfig makes a checkpoint that ``weights_only=True`` refuses.

    Args:
        state: plain values: config, spec, run_id, labloom (version), plugin, built_by.
    """

    def __init__(self, state: Mapping[str, Any]) -> None:
        self.state = dict(state)

    def state_dict(self) -> dict[str, Any]:
        """The states of the random number generators."""
        return rng_state()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Let the generators go on where the checkpoint left them."""
        restore_rng_state(state_dict)

    def on_save_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Change ``checkpoint`` before it is written."""
        checkpoint[RUN_STATE_KEY] = self.state
        for key in HPARAMS_KEYS:
            if key in checkpoint:
                checkpoint[key] = plain_values(checkpoint[key])
        for key in HPARAMS_TYPES:
            checkpoint.pop(key, None)


def plain_values(values: Any) -> dict[str, Any]:
    """A mapping without whatever is no plain value; paths become texts, numpy scalars numbers."""
    cleaned = _clean(values)
    return cleaned if isinstance(cleaned, dict) else {}


def _clean(value: Any) -> Any:
    if OmegaConf.is_config(value):
        value = _contents(value)
    if isinstance(value, Mapping):
        cleaned = {key: _clean(entry) for key, entry in value.items() if isinstance(key, str)}
        return {key: entry for key, entry in cleaned.items() if entry is not _DROPPED}
    if isinstance(value, (list, tuple)):
        entries = [_clean(entry) for entry in value]
        return _DROPPED if any(entry is _DROPPED for entry in entries) else entries
    if isinstance(value, np.generic):  # numpy.float64 is a float, and pickles as an object
        return _clean(value.item())
    if isinstance(value, PurePath):
        return str(value)
    if value is None or type(value) is torch.Tensor:
        return value
    for kind in (bool, int, float, str):  # a member of an IntEnum becomes a plain int
        if isinstance(value, kind):
            return kind(value)
    return _DROPPED


def _contents(config: Any) -> Any:
    try:
        return OmegaConf.to_container(config, resolve=True)
    except OmegaConfBaseException:  # an interpolation that points out of this part of the config
        return OmegaConf.to_container(config, resolve=False)
