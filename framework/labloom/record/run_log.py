"""``run.log``: what labloom, Lightning and everybody else logged during a run."""

from __future__ import annotations

import logging
from pathlib import Path

FORMAT = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"
OWN_TREES = ("pytorch_lightning", "lightning_fabric")


class RunLog:
    """Copies log messages into a file for as long as a run is open.

    Args:
        path: the file; made at the first message.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._handler = logging.FileHandler(path, encoding="utf-8", delay=True)
        self._handler.setFormatter(logging.Formatter(FORMAT))
        # Lightning's loggers do not propagate to the root logger when that has no handlers.
        names = [None, *(n for n in OWN_TREES if not logging.getLogger(n).propagate)]
        self._loggers = [logging.getLogger(name) for name in names]
        for logger in self._loggers:
            logger.addHandler(self._handler)

    def exception(self, error: BaseException) -> None:
        """Write the traceback of ``error``, to the file only: the terminal has its own message."""
        record = logging.LogRecord(
            "labloom",
            logging.ERROR,
            __file__,
            0,
            "the run failed",
            (),
            (type(error), error, error.__traceback__),
        )
        self._handler.handle(record)

    def close(self) -> bool:
        """Stop copying; whether there is a file."""
        for logger in self._loggers:
            logger.removeHandler(self._handler)
        self._handler.close()
        return self.path.exists()
