"""Sends a run's journal to the MLflow store, in order, in few calls, again after an outage.

MLflow's primary key of a point is (run, name, time, step, value), so that sending a line of the
journal twice stores it once; the mark of what was sent may therefore lag behind, never run ahead.
"""

from __future__ import annotations

import time
from collections import ChainMap, deque
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labloom.record.journal import Event, Journal, JournalReader

if TYPE_CHECKING:
    from mlflow import MlflowClient

FLUSH_POINTS = 500
FLUSH_SECONDS = 2.0
MAX_BATCH = 1000
MAX_KEYS = 100
FIRST_RETRY_SECONDS = 0.5
LAST_RETRY_SECONDS = 30.0

# What MLflow answers when the same call can never succeed. Everything else may be an outage.
_REFUSALS = frozenset(
    {
        "INVALID_PARAMETER_VALUE",
        "RESOURCE_DOES_NOT_EXIST",
        "INVALID_STATE",
        "PERMISSION_DENIED",
        "RESOURCE_ALREADY_EXISTS",
        "NOT_IMPLEMENTED",
        "ENDPOINT_NOT_FOUND",
    }
)


class Sender:
    """Holds what the journal has and the store lacks.

    Args:
        client: how to reach the store.
        journal: the run's journal, with its mark already locked.
    """

    def __init__(self, client: MlflowClient, journal: Journal) -> None:
        self._client = client
        self._journal = journal
        self._run_id = journal.run_id
        offset = min(journal.sent.read(), journal.size())
        self._reader = JournalReader(journal.path, offset)
        self._done = offset
        self._pending: deque[tuple[int, int, Event]] = deque()
        self._postponed: dict[int, Event] = {}
        self._points = 0
        self._urgent = False
        self._oldest = 0.0
        self._last_try = 0.0
        self._retry_at = 0.0
        self._retry_after = FIRST_RETRY_SECONDS
        self.trouble: str | None = None
        self.refused: list[str] = []

    @property
    def idle(self) -> bool:
        """Whether the store has everything that was read from the journal so far."""
        return not self._pending and not self._postponed

    @property
    def confirmed(self) -> int:
        """Bytes of the journal, from its start, that the store has without a gap."""
        return min(self._postponed, default=self._done)

    def unsent_points(self) -> int:
        """Metric values that still wait."""
        return sum(len(event.get("m", ())) for _, _, event in self._pending)

    def work(self, *, everything: bool = False) -> None:
        """Read the journal and send what is due.

        Args:
            everything: send also what could wait for company, and soon after a failure too.
        """
        self._read()
        now = time.monotonic()
        due = self._urgent or self._points >= FLUSH_POINTS or now - self._oldest >= FLUSH_SECONDS
        if not (everything or due or self._postponed):
            return
        if now < (self._last_try + FIRST_RETRY_SECONDS if everything else self._retry_at):
            return
        while self._pending:
            batch = self._next_batch()
            if not self._attempt(lambda batch=batch: self._send(batch)):
                return
            self._drop(len(batch))
        for offset in list(self._postponed):
            event = self._postponed[offset]
            if not self._attempt(lambda event=event: self._send_one(event)):
                return
            del self._postponed[offset]
            self._journal.sent.write(self.confirmed)

    def close(self) -> None:
        """Stop reading; the journal itself stays open."""
        self._reader.close()

    def _read(self) -> None:
        if not self._pending:
            self._oldest = time.monotonic()
        for item in self._reader.read():
            self._pending.append(item)
            metrics = item[2].get("m")
            if metrics is None:
                self._urgent = True
            else:
                self._points += len(metrics)

    def _next_batch(self) -> list[tuple[int, int, Event]]:
        """Events from the front that one call can send: metrics, tags, or one of anything else."""
        batch = [self._pending[0]]
        kind = next((kind for kind in ("m", "tags") if kind in batch[0][2]), None)
        values = len(batch[0][2].get("m", ()))
        for item in islice(self._pending, 1, None):
            if kind is None or kind not in item[2]:
                break
            values += len(item[2][kind])
            if values > MAX_BATCH:
                break
            batch.append(item)
        return batch

    def _drop(self, count: int) -> None:
        for _ in range(count):
            _, self._done, event = self._pending.popleft()
            self._points -= len(event.get("m", ()))
        self._urgent = any("m" not in event for _, _, event in islice(self._pending, MAX_BATCH))
        self._oldest = time.monotonic()
        self._journal.sent.write(self.confirmed)

    def _attempt(self, send: Callable[[], None]) -> bool:
        """Run ``send``; on trouble that may pass, arrange the next try and answer False."""
        try:
            send()
        except Exception as error:  # noqa: BLE001
            self._note_trouble(error)
            return False
        if not self._postponed:
            self.trouble = None
            self._last_try = self._retry_at = 0.0
            self._retry_after = FIRST_RETRY_SECONDS
        return True

    def _note_trouble(self, error: Exception) -> None:
        self.trouble = _one_line(error)
        self._last_try = time.monotonic()
        self._retry_at = self._last_try + self._retry_after
        self._retry_after = min(2 * self._retry_after, LAST_RETRY_SECONDS)

    def _send(self, batch: Sequence[tuple[int, int, Event]]) -> None:
        if "m" not in batch[0][2]:
            tags = [event["tags"] for _, _, event in batch if "tags" in event]
            event = {"tags": dict(ChainMap(*reversed(tags)))} if tags else batch[0][2]
            self._send_one(event, batch[0][0])
            return
        try:
            self._send_metrics([event for _, _, event in batch])
        except Exception as error:
            if not _is_refusal(error):
                raise
            for _, _, event in batch:  # one bad point must not hold up the others
                self._send_one(event)

    def _send_one(self, event: Event, offset: int | None = None) -> None:
        try:
            self._deliver(event)
        except Exception as error:
            if _is_refusal(error) or isinstance(error, FileNotFoundError):
                self.refused.append(_one_line(error))
            elif offset is not None and ("file" in event or "image" in event):
                # Artifacts may live elsewhere than metrics: their outage must not stop metrics.
                self._postponed[offset] = event
                self._note_trouble(error)
            else:
                raise

    def _deliver(self, event: Event) -> None:
        match event:
            case {"m": _}:
                self._send_metrics([event])
            case {"params": params}:
                self._send_params(params)
            case {"tags": tags}:
                self._send_tags(tags)
            case {"untag": key}:
                self._remove_tag(key)
            case {"file": path, "to": folder}:
                self._client.log_artifact(self._run_id, path, folder or None)
            case {"image": path, "key": key, "s": step, "t": when}:
                self._send_image(path, key, step, when)
            case {"dataset": dataset}:
                from labloom.record.datasets import dataset_input

                self._client.log_inputs(self._run_id, [dataset_input(**dataset)])
            case {"status": "RUNNING"}:
                self._client.update_run(self._run_id, status="RUNNING")
            case {"status": status, "t": when}:
                self._client.set_terminated(self._run_id, status, when)

    def _send_metrics(self, events: Sequence[Event]) -> None:
        from mlflow.entities import Metric

        metrics = [
            Metric(name, value, event["t"], event["s"])
            for event in events
            for name, value in event["m"].items()
        ]
        for start in range(0, len(metrics), MAX_BATCH):
            self._client.log_batch(self._run_id, metrics=metrics[start : start + MAX_BATCH])

    def _send_params(self, params: dict[str, str]) -> None:
        from mlflow.entities import Param

        for chunk in _chunks([Param(key, value) for key, value in params.items()]):
            try:
                self._client.log_batch(self._run_id, params=chunk)
            except Exception as error:
                if not _is_refusal(error) or len(chunk) == 1:
                    raise
                for param in chunk:
                    self._send_one({"params": {param.key: param.value}})

    def _send_tags(self, tags: dict[str, str]) -> None:
        from mlflow.entities import RunTag

        for chunk in _chunks([RunTag(key, value) for key, value in tags.items()]):
            self._client.log_batch(self._run_id, tags=chunk)

    def _remove_tag(self, key: str) -> None:
        if key in self._client.get_run(self._run_id).data.tags:
            self._client.delete_tag(self._run_id, key)

    def _send_image(self, path: str, key: str, step: int, when: int) -> None:
        from PIL import Image

        with Image.open(Path(path)) as image:
            self._client.log_image(
                self._run_id,
                image.convert("RGB"),
                key=key,
                step=step,
                timestamp=when,
                synchronous=True,
            )


def _chunks(items: list[Any]) -> list[list[Any]]:
    # log_batch with 100 values of 6000 characters would pass MLflow's limit of 1 MB.
    return [items[start : start + MAX_KEYS] for start in range(0, len(items), MAX_KEYS)]


def _is_refusal(error: Exception) -> bool:
    return getattr(error, "error_code", None) in _REFUSALS


def _one_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:300]}" if lines else type(error).__name__
