"""What callbacks of a plugin that draw the best epoch share: which one it is, and where to draw."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import pytorch_lightning as pl


class BestEpoch:
    """Remembers whether a validation epoch is the best so far.

    A callback that shows an epoch shows this one, whose checkpoint is kept, and has ``value`` in
    its own ``state_dict``, so that a resumed run goes on from it.

    Args:
        monitor: name of the logged metric; None: each epoch counts as better than those before.
        mode: whether a smaller or a larger value is better.

    Attributes:
        value: of the metric in the best epoch; None before there is one.
    """

    def __init__(self, monitor: str | None, mode: Literal["min", "max"]) -> None:
        self.monitor = monitor
        self.mode = mode
        self.value: float | None = None

    def improved(self, trainer: pl.Trainer) -> bool:
        """True if the epoch that has just been validated is the one to show."""
        if self.monitor is None or self.monitor not in trainer.callback_metrics:
            return True
        value = float(trainer.callback_metrics[self.monitor])
        if self.value is None:
            better = True
        else:
            better = value > self.value if self.mode == "max" else value < self.value
        if better:
            self.value = value
        return better


def figure_log(trainer: pl.Trainer) -> Callable[..., None] | None:
    """The logger's ``log_figure``; None on other ranks than 0 and for loggers without figures."""
    if not trainer.is_global_zero or trainer.logger is None:
        return None
    return getattr(trainer.logger.experiment, "log_figure", None)
