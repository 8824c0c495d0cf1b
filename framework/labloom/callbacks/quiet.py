"""Keep Lightning's advertising and small talk off the terminal, and every real warning on it."""

from __future__ import annotations

import logging
import warnings

LOGGERS = ("pytorch_lightning.utilities.rank_zero", "lightning_fabric.utilities.rank_zero")
SMALL_TALK = (
    "GPU available:",
    "TPU available:",
    "HPU available:",
    "💡 Tip",
    "`Trainer.fit` stopped:",
    "Restoring states from",
    "Restored all states",
    "Loaded model weights",
    "Loading `train_dataloader` to estimate",
    "You are using the plain ModelCheckpoint",
    "`Trainer(",
)
# Each is advice that is wrong here or needs nothing to be done.
USELESS_WARNINGS = (
    r".*does not have many workers which may be a bottleneck",  # small sets are in memory
    r"Checkpoint directory .* exists and is not empty",  # so it is when a run is resumed
    r".*smaller than the logging interval",  # epoch metrics are logged all the same
    r"`isinstance\(treespec, LeafSpec\)` is deprecated",  # between Lightning and torch
    r"You are using `LearningRateMonitor` callback with models that have no learning rate",
)


class _SmallTalk(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno > logging.INFO or not record.getMessage().startswith(SMALL_TALK)


_SMALL_TALK = _SmallTalk()


def quiet_lightning() -> None:
    """Filter what is known to be of no use. May be called any number of times."""
    for name in LOGGERS:
        logging.getLogger(name).addFilter(_SMALL_TALK)  # the same object is added only once
    for message in USELESS_WARNINGS:
        warnings.filterwarnings("ignore", message)
