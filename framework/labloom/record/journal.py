"""The journal of a run: an append-only file of everything that the MLflow store has to be told.

Every event is one line of JSON, written by one ``write`` call before anything is sent, so that
``kill -9`` loses at most the line that was being written. ``metrics.sent`` beside it holds how many
bytes the store has confirmed; whoever writes to the store holds a lock on that file, so a run has
one writer at a time, also across processes.

Events: ``{"t": ms, "s": step, "m": {name: value}}`` metrics, ``{"params": {}}``, ``{"tags": {}}``,
``{"file": path, "to": folder}``, ``{"image": path, "key": name, "s": step, "t": ms}``,
``{"dataset": {}}``, ``{"status": RUNNING|FINISHED|FAILED|KILLED, "t": ms}``.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from labloom.errors import StoreError

JOURNAL_NAME = "metrics.jsonl"
SENT_NAME = "metrics.sent"

Event = dict[str, Any]


class Journal:
    """Appends events; safe to share between threads and forked processes.

    Args:
        folder: the run's output folder; made if missing.
        run_id: the MLflow run. A journal of another run that lies there is put aside.
    """

    def __init__(self, folder: Path, run_id: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / JOURNAL_NAME
        self.sent = SentMark(folder / SENT_NAME)
        self.run_id = run_id
        self._put_other_run_aside()
        self._lines: dict[tuple[str, ...], str] = {}
        fresh = not self.path.exists() or self.path.stat().st_size == 0
        self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        if fresh:
            self.sent.path.unlink(missing_ok=True)
            self.append({"run": run_id})
        elif not _ends_with_newline(self.path):
            os.write(self._file, b"\n")  # the line that a killed process was writing

    def append(self, event: Mapping[str, Any]) -> None:
        """Write one event; raises OSError when the disk does not take it."""
        line = json.dumps(event, ensure_ascii=False, separators=(",", ":"), default=str) + "\n"
        os.write(self._file, line.encode())

    def append_metrics(self, when: int, step: int, values: Mapping[str, float]) -> None:
        """Write the values of one step: ``append`` in a third of its time, for every step does it.

        Args:
            when: ms since 1970.
            step: of training.
            values: of type float.
        """
        numbers = values.values()
        total = sum(numbers)
        if total - total != 0.0:  # JSON's words for infinite and NaN are not Python's
            self.append({"t": when, "s": step, "m": values})
            return
        names = tuple(values)
        line = self._lines.get(names)
        if line is None:
            pairs = ",".join(json.dumps(name).replace("%", "%%") + ":%r" for name in names)
            line = self._lines[names] = '{"t":%d,"s":%d,"m":{' + pairs + "}}\n"
        os.write(self._file, (line % (when, step, *numbers)).encode())

    def size(self) -> int:
        """Bytes written so far, by every process."""
        return os.fstat(self._file).st_size

    def close(self) -> None:
        """Close the file; nothing can be appended afterwards."""
        os.close(self._file)

    def _put_other_run_aside(self) -> None:
        owner = journal_owner(self.path)
        if owner is not None and owner != self.run_id:
            self.path.replace(self.path.with_name(f"metrics-{owner}.jsonl"))
            self.sent.path.unlink(missing_ok=True)


class JournalReader:
    """Reads what was appended since the last call.

    Args:
        path: the journal.
        offset: where to start, in bytes; the beginning of a line.
    """

    def __init__(self, path: Path, offset: int = 0) -> None:
        self._file = path.open("rb")
        self._file.seek(offset)
        self._offset = offset
        self._rest = b""

    def read(self) -> Iterator[tuple[int, int, Event]]:
        """New whole events, each with the offsets where its line begins and ends."""
        *lines, self._rest = (self._rest + self._file.read()).split(b"\n")
        for line in lines:
            start, self._offset = self._offset, self._offset + len(line) + 1
            try:
                event = json.loads(line)
            except ValueError:
                continue  # torn by a kill: see Journal.__init__
            if isinstance(event, dict):
                yield start, self._offset, event

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class SentMark:
    """How far the journal has reached the store, and the lock of its only writer.

    Args:
        path: the file that keeps the number.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: int | None = None

    def read(self) -> int:
        """Bytes of the journal that the store has; 0 when nothing is known."""
        try:
            return int(self.path.read_text())
        except (OSError, ValueError):
            return 0

    def lock(self, timeout: float) -> bool:
        """Become the only writer; False when another process still is after ``timeout`` s."""
        if self._file is None:
            self._file = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
        deadline = time.monotonic() + timeout
        while True:
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return True
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    return False
                time.sleep(0.05)
            except OSError:
                return True  # a file system without locks: better to write than to refuse

    def write(self, offset: int) -> None:
        """Confirm ``offset`` bytes; call only after ``lock``."""
        assert self._file is not None, "lock() comes first"
        os.pwrite(self._file, f"{offset:<20}".encode(), 0)

    def unlock(self) -> None:
        """Let another process write."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


class LoggedSteps:
    """Which steps of which metrics are in a journal already; eight bytes a point."""

    def __init__(self, steps: Mapping[str, set[int]]) -> None:
        self._steps = {name: array("q", sorted(known)) for name, known in steps.items()}

    def __contains__(self, point: tuple[str, int]) -> bool:
        name, step = point
        steps = self._steps.get(name)
        if steps is None:
            return False
        place = bisect_left(steps, step)
        return place < len(steps) and steps[place] == step

    def last(self, prefix: str) -> int | None:
        """The highest step of all metrics that start with ``prefix``."""
        return max((s[-1] for n, s in self._steps.items() if n.startswith(prefix)), default=None)


def logged_steps(path: Path) -> LoggedSteps:
    """All points of a journal."""
    steps: dict[str, set[int]] = {}
    reader = JournalReader(path)
    for _, _, event in reader.read():
        for name in event.get("m", ()):
            steps.setdefault(name, set()).add(event["s"])
    reader.close()
    return LoggedSteps(steps)


def journal_owner(path: Path) -> str | None:
    """The id of the run whose journal this is; None without a readable journal."""
    try:
        with path.open("rb") as file:
            return json.loads(file.readline()).get("run")
    except FileNotFoundError:
        return None
    except (ValueError, AttributeError):
        return None
    except OSError as error:
        raise StoreError(
            f"the run's journal cannot be read: {path}", got=str(error), fix="check its permissions"
        ) from error


def _ends_with_newline(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"
