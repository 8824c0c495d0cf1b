"""Ctrl-C and SIGTERM become one exception that tells which of the two it was.

Lightning turns Ctrl-C into ``sys.exit(1)`` and ignores SIGTERM until a batch is done; Hydra
calls no callback on either. ``Stopped`` goes through both, so that a run can be closed as KILLED.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from labloom.errors import ExitStatus, Stopped

STATUS = {signal.SIGINT: ExitStatus.INTERRUPTED, signal.SIGTERM: ExitStatus.TERMINATED}


@contextmanager
def stop_on_signals() -> Iterator[None]:
    """Raise ``Stopped`` on the first Ctrl-C or SIGTERM; a second one ends the process at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in STATUS}
    for number in STATUS:
        signal.signal(number, _stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _stop(number: int, frame: FrameType | None) -> None:
    for other in STATUS:
        signal.signal(other, signal.SIG_DFL)
    raise Stopped(STATUS[signal.Signals(number)])
