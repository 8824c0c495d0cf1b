"""Keep what MLflow says on its own account off the terminal."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_advice() -> Iterator[None]:
    """Keep MLflow's advice to its users out: labloom saves and loads models in a way of its own."""
    with loggers_at(logging.ERROR, "mlflow"):
        yield


@contextmanager
def loggers_at(level: int, *names: str) -> Iterator[None]:
    """Let some loggers say nothing below a level while the ``with`` lasts.

    Args:
        level: of ``logging``, e.g. ``logging.ERROR``.
        names: of the loggers.
    """
    loggers = [logging.getLogger(name) for name in names]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(level)
    try:
        yield
    finally:
        for logger, before in zip(loggers, levels, strict=True):
            logger.setLevel(before)
