"""The one writer of a run: a process of its own that follows the journal and tells the store.

Why a process. Measured on 2 cores, a fit of 3 ms a step that logs three values every step, with
every value stored: MLflow spends 0.06 to 0.11 ms of Python on a value, so a writer *thread* takes
the GIL from the training thread (1.20 x the time of the same fit without a logger); a forked
process works on another core (see ``benchmarks/logging_cost.py`` for today's figures). It is
forked when the run is opened, before an accelerator is touched, and needs no imports of its own.
It outlives ``kill -9`` of the run for the moment it needs to send the rest, and ignores Ctrl-C,
because the run decides when it is done. Where forking is not safe (macOS), a thread does the same
work.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import multiprocessing
import os
import signal
import stat
import sys
import threading
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING

from labloom.record.journal import Event, Journal
from labloom.record.sender import Sender

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from labloom.record.system import SystemSampler

POLL_SECONDS = 0.2
OUTAGE_AT_CLOSE_SECONDS = 10.0
LOCK_SECONDS = 60.0
ANSWER_SECONDS = 90.0  # longer than any single call to the store may take


@dataclass(frozen=True, slots=True)
class Report:
    """What the writer says about its work.

    Args:
        complete: whether the store has the whole journal.
        unsent_points: metric values that only the journal has.
        trouble: why the store did not take them; None without an outage.
        refused: what the store will never take.
    """

    complete: bool
    unsent_points: int = 0
    trouble: str | None = None
    refused: tuple[str, ...] = ()


class Writer:
    """Starts the writer and talks to it; none of its methods raises for trouble with the store.

    Args:
        client: how to reach the store.
        journal: what to send.
        prologue: work to do first, off the training thread, e.g. asking git.
        sampler: takes a sample of the machine now and then; None: no system metrics.
        threaded: a thread instead of a process; None: as the platform needs.
    """

    def __init__(
        self,
        client: MlflowClient,
        journal: Journal,
        *,
        prologue: Callable[[], None] | None = None,
        sampler: SystemSampler | None = None,
        threaded: bool | None = None,
    ) -> None:
        self._journal = journal
        self._loop = _Loop(client, journal, prologue, sampler)
        self._pid: int | None = None
        self._thread: threading.Thread | None = None
        self._link, far_end = multiprocessing.Pipe()
        if threaded is None:
            threaded = not sys.platform.startswith("linux")
        if threaded:
            self._start_thread(far_end)
        else:
            self._fork(far_end)

    def complaint(self) -> Report | None:
        """Trouble that the writer has met since it was last asked; never waits."""
        report = None
        try:
            while self._link.poll():
                answer = self._link.recv()
                report = answer if isinstance(answer, Report) else report
        except (EOFError, OSError):
            self._replace()
        return report

    def flush(self, timeout: float) -> bool:
        """Wait until the store has everything written so far; False after ``timeout`` s."""
        deadline = time.monotonic() + timeout
        while True:
            report = self._ask("flush", max(0.0, deadline - time.monotonic()))
            if report is not None and report.complete:
                return True
            if time.monotonic() >= deadline:
                return False
            time.sleep(min(0.5, max(0.0, deadline - time.monotonic())))

    def close(self, timeout: float = ANSWER_SECONDS) -> Report:
        """Send the rest and end the writer; the journal keeps what an outage holds back.

        Args:
            timeout: seconds without any progress after which the writer is given up.
        """
        report = self._ask("close", timeout)
        if report is None:
            self._stop_process()
            return Report(False, trouble=f"no answer from the store within {timeout:.0f} s")
        self._stop_process(wait=True)
        if self._thread is not None:
            self._thread.join(timeout)
        return report

    def _ask(self, what: str, timeout: float) -> Report | None:
        deadline = time.monotonic() + timeout
        try:
            self._link.send(what)
            while self._link.poll(max(0.0, deadline - time.monotonic())):
                match self._link.recv():
                    case (answered, Report() as report) if answered == what:
                        return report
                    case "progress":
                        deadline = time.monotonic() + timeout
        except (EOFError, OSError):
            if self._replace():
                return self._ask(what, timeout)
        return None

    def _fork(self, far_end: Connection) -> None:
        parent = os.getpid()
        with warnings.catch_warnings():
            # Python 3.12 warns of threads; none of them holds a lock that the child needs.
            warnings.simplefilter("ignore", DeprecationWarning)
            pid = os.fork()
        if pid == 0:
            status = 1
            try:
                _leave_the_parents_world(keep=far_end.fileno())
                self._loop.run(far_end, orphaned=lambda: os.getppid() != parent)
                status = 0
            finally:
                os._exit(status)
        self._pid = pid
        far_end.close()

    def _start_thread(self, far_end: Connection) -> None:
        self._thread = threading.Thread(
            target=self._loop.run, args=(far_end, lambda: False), name="labloom-writer", daemon=True
        )
        self._thread.start()

    def _replace(self) -> bool:
        """Go on with a thread after the writer process was killed; False if that died too."""
        if self._pid is None:
            return False
        self._stop_process(wait=True)
        self._link, far_end = multiprocessing.Pipe()
        self._loop = self._loop.without_prologue()
        self._start_thread(far_end)
        return True

    def _stop_process(self, wait: bool = False) -> None:
        if self._pid is None:
            return
        if not wait:
            os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)
        self._pid = None


class _Loop:
    """The writer's work, the same in a process and in a thread."""

    def __init__(
        self,
        client: MlflowClient,
        journal: Journal,
        prologue: Callable[[], None] | None,
        sampler: SystemSampler | None,
    ) -> None:
        self._client = client
        self._journal = journal
        self._prologue = prologue
        self._sampler = sampler

    def without_prologue(self) -> _Loop:
        return _Loop(self._client, self._journal, None, self._sampler)

    def run(self, link: Connection, orphaned: Callable[[], bool]) -> None:
        if not self._journal.sent.lock(LOCK_SECONDS):
            _tell(link, Report(False, trouble="another process writes to this run"))
            return
        sender = Sender(self._client, self._journal)
        if self._prologue is not None:
            self._prologue()
        told: str | None = None
        while True:
            message = _receive(link)
            if orphaned() or message == _NOBODY_THERE:
                self._mark_vanished()
                _finish(sender, link)
                break
            if message == "close":
                self._sample(last=True)
                _finish(sender, link)
                self._journal.sent.unlock()
                _tell(link, ("close", _report(sender)))
                break
            self._sample()
            sender.work(everything=message == "flush")
            if message == "flush":
                _tell(link, ("flush", _report(sender)))
            elif sender.trouble is not None and told is None:
                _tell(link, _report(sender))
            told = sender.trouble
        sender.close()

    def _sample(self, last: bool = False) -> None:
        if self._sampler is not None and (values := self._sampler.sample(last)):
            self._append(values)

    def _mark_vanished(self) -> None:
        self._append({"tags": {"labloom.error": _VANISHED}})
        self._append({"status": "FAILED", "t": int(time.time() * 1000)})

    def _append(self, event: Event) -> None:
        # A full disk must not stop the sending of what is there.
        with contextlib.suppress(OSError):
            self._journal.append(event)


_NOBODY_THERE = "nobody is there"
_VANISHED = "the process ended without closing the run (kill -9, out of memory, or a crash)"


def _receive(link: Connection) -> str | None:
    try:
        return link.recv() if link.poll(POLL_SECONDS) else None
    except (EOFError, OSError):
        return _NOBODY_THERE


def _tell(link: Connection, message: object) -> None:
    with contextlib.suppress(OSError):
        link.send(message)


def _finish(sender: Sender, link: Connection) -> None:
    """Send everything, through an outage of some seconds if need be."""
    confirmed, patience = sender.confirmed, time.monotonic() + OUTAGE_AT_CLOSE_SECONDS
    while True:
        sender.work(everything=True)
        if sender.idle or time.monotonic() >= patience:
            return
        if sender.confirmed > confirmed:
            confirmed, patience = sender.confirmed, time.monotonic() + OUTAGE_AT_CLOSE_SECONDS
            _tell(link, "progress")
        time.sleep(0.1)


def _report(sender: Sender) -> Report:
    return Report(
        complete=sender.idle,
        unsent_points=sender.unsent_points(),
        trouble=sender.trouble,
        refused=tuple(sender.refused[:20]),
    )


def _leave_the_parents_world(keep: int) -> None:
    """Cut a forked child off from everything of its parent that it must not hold or disturb."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2"):
        signal.signal(getattr(signal, name), signal.SIG_IGN)
    os.setsid()
    gc.freeze()
    logging.disable(logging.CRITICAL)
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"  # its threads and their locks stayed behind
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "15")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    null = os.open(os.devnull, os.O_RDWR)
    for number in range(3):
        os.dup2(null, number)
    # Readers of the parent's pipes wait for every holder of the other end. The numbers stay taken,
    # so that a forgotten object of the parent cannot close a file of ours.
    for number in [int(entry.name) for entry in Path("/proc/self/fd").iterdir()]:
        try:
            mode = os.fstat(number).st_mode
        except OSError:
            continue
        if number > 2 and number != keep and (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)):
            os.dup2(null, number)
