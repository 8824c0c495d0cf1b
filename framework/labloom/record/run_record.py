"""``RunRecord``: one run in MLflow while it is open. It never makes training wait or fail.

Everything goes to the run's journal first (``journal.py``) and from there to the store by the run's
writer (``writer.py``). Trouble with the store is told once, as a warning.
"""

from __future__ import annotations

import csv
import io
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal

from labloom.errors import Stopped
from labloom.record.datasets import dataset_event
from labloom.record.journal import Event, Journal, LoggedSteps
from labloom.record.masking import looks_secret, mask_text
from labloom.record.names import MAX_PARAM_VALUE, MAX_TAG_VALUE, Names, cut, valid_name
from labloom.record.run_log import RunLog
from labloom.record.writer import Report, Writer

if TYPE_CHECKING:
    from labloom.record.logger import RunLogger
    from labloom.record.store import Store

Status = Literal["FINISHED", "FAILED", "KILLED"]

COMPLAINT_SECONDS = 2.0
FIGURE_FOLDER = "figures"

_log = logging.getLogger("labloom.record")


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a run is.

    Args:
        store: that holds it.
        run_id: of the MLflow run, which exists.
        name: its name.
        experiment_id: of its experiment.
        output_dir: folder for everything that the run writes.
    """

    store: Store
    run_id: str
    name: str
    experiment_id: str
    output_dir: Path


class RunRecord:
    """An open run; a context manager that closes it with its true status.

    Args:
        place: where the run is.
        journal: of this run.
        writer: sends the journal.
        earlier: points of earlier sessions of a resumed run; they are not recorded again.
        params: parameters that the store has already.
    """

    def __init__(
        self,
        place: Place,
        journal: Journal,
        writer: Writer,
        *,
        earlier: LoggedSteps | None = None,
        params: Mapping[str, str] | None = None,
    ) -> None:
        self.store = place.store
        self.id = place.run_id
        self.name = place.name
        self.experiment_id = place.experiment_id
        self.output_dir = place.output_dir
        self.metrics: dict[str, float] = {}
        self.drift: list[str] = []
        self.end_status: Status | None = None
        self.error: str | None = None
        self.end_time: int | None = None
        self._journal = journal
        self._writer = writer
        self._earlier = earlier
        self._params = dict(params or {})
        self._names = Names()
        self._logger: RunLogger | None = None
        self._warned: set[str] = set()
        self._complaint_at = 0.0
        self._closed = False
        self._run_log = RunLog(place.output_dir / "run.log")

    @property
    def logger(self) -> RunLogger:
        """The Lightning logger of this run; its ``experiment`` is this record."""
        if self._logger is None:
            from labloom.record.logger import RunLogger

            self._logger = RunLogger(self)
        return self._logger

    def log_metrics(self, metrics: Mapping[str, Any], step: int | None = None) -> None:
        """Record values at a step; points of an earlier session of the run are left out."""
        step, now = int(step or 0), time.time()
        values = self._numbers(metrics)
        self.metrics.update(values)
        if self._earlier is not None:
            values = {n: v for n, v in values.items() if (n, step) not in self._earlier}
        if values:
            try:
                self._journal.append_metrics(int(now * 1000), step, values)
            except OSError as error:
                self._disk_trouble(error)
        if now >= self._complaint_at:
            self._complaint_at = now + COMPLAINT_SECONDS
            self._pass_on(self._writer.complaint())

    def log_params(self, params: Mapping[str, Any]) -> None:
        """Record parameters. MLflow never changes one: another value goes to a tag instead."""
        fresh: dict[str, str] = {}
        changed: dict[str, str] = {}
        for key, value in params.items():
            name = valid_name(str(key))
            text = "***" if isinstance(value, str) and looks_secret(name) else mask_text(str(value))
            text = cut(text, MAX_PARAM_VALUE)
            if name not in self._params:
                fresh[name] = text
            elif self._params[name] != text:
                changed[f"labloom.changed.{name}"[:250]] = f"{self._params[name]} -> {text}"
                self.drift.append(f"`{name}`: {self._params[name]} -> {text}")
        self._params.update(fresh)
        if fresh:
            self._append({"params": fresh})
        if changed:
            self.set_tags(changed)

    def set_tags(self, tags: Mapping[str, Any]) -> None:
        """Set tags; None leaves a tag as it is."""
        texts = {
            valid_name(key): cut(str(value), MAX_TAG_VALUE)
            for key, value in tags.items()
            if value is not None
        }
        if texts:
            self._append({"tags": texts})

    def log_figure(self, name: str, figure: Any, step: int | None = None) -> None:
        """Record a figure of matplotlib (PNG) or plotly (HTML), under ``figures/``.

        Args:
            name: path without extension, e.g. ``val/confusion_matrix``.
            figure: is closed afterwards.
            step: the figure belongs to a series, which MLflow shows with a slider.
        """
        from labloom.record.figures import save_figure

        name = valid_name(name)
        at = f"_step{step:07d}" if step is not None else ""
        try:
            path = save_figure(figure, self.output_dir / FIGURE_FOLDER / (name + at))
        except Exception as error:  # noqa: BLE001  a figure is never worth a training run
            self._warn_once(f"figure '{name}' is not recorded: {error}")
            return
        if step is not None and path.suffix == ".png":
            now = int(time.time() * 1000)
            self._append({"image": str(path), "key": name, "s": step, "t": now})
        else:
            self.log_file(path, path.parent.relative_to(self.output_dir).as_posix())

    def log_text(self, path: str, text: str) -> None:
        """Record a text as an artifact; it is kept in the output folder under the same path."""
        target = self.output_dir / path
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
        except OSError as error:
            self._warn_once(f"{target} cannot be written: {error.strerror}")
            return
        folder = Path(path).parent.as_posix()
        self.log_file(target, "" if folder == "." else folder)

    def log_table(self, path: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Record a table, which MLflow shows as one.

        Args:
            path: ending in ``.csv`` or ``.tsv``.
            rows: one mapping a row; columns are in the order of their first appearance.
        """
        columns = list(dict.fromkeys(key for row in rows for key in row))
        text = io.StringIO()
        table = csv.DictWriter(text, columns, delimiter="\t" if path.endswith(".tsv") else ",")
        table.writeheader()
        table.writerows(rows)
        self.log_text(path, text.getvalue())

    def log_file(self, path: Path | str, folder: str = "") -> None:
        """Record a file as an artifact; it must stay where it is until the run is closed.

        Args:
            path: the file.
            folder: artifact folder, e.g. ``figures``; empty: the top.
        """
        self._append({"file": str(Path(path).absolute()), "to": folder})

    def log_dataset(
        self,
        name: str,
        context: str,
        digest: str,
        source: str | None = None,
        **sizes: Any,
    ) -> None:
        """Record a data set as an input of the run.

        Args:
            name: e.g. ``vision_digits``.
            context: ``train``, ``val`` or ``test``.
            digest: fingerprint of the data.
            source: where it came from.
            sizes: plain values to show with it, e.g. ``num_examples=1437``.
        """
        self._append(dataset_event(name, context, digest, source, sizes))

    def log_model(
        self,
        checkpoint: Path | str,
        *,
        requirements: Sequence[str] = (),
        metrics: Mapping[str, float] | None = None,
        step: int = 0,
        trusted_packages: Sequence[str] = (),
    ) -> str | None:
        """Record a checkpoint as the model ``model``, which ``mlflow.pyfunc`` can load.

        Args:
            checkpoint: written by labloom.
            requirements: what loading it needs, as pip reads it.
            metrics: values to show with the model.
            step: at which it was best.
            trusted_packages: packages beside the plugin's that its config may name.

        Returns:
            Its address ``models:/<id>``; None if the store did not take it.
        """
        from labloom.record.model import log_model

        try:
            return log_model(
                self,
                Path(checkpoint),
                requirements=requirements,
                metrics=metrics or {},
                step=step,
                trusted_packages=trusted_packages,
            )
        except Exception as error:  # noqa: BLE001  training is done: its checkpoint is there in any case
            self._warn_once(f"the model is not recorded: {str(error).splitlines()[0]}")
            return None

    def set_test_step(self, step: int | None) -> None:
        """Record ``test/`` metrics at this step, the one of the checkpoint that is tested."""
        self.logger.test_step = step

    def flush(self, timeout: float = 30.0) -> bool:
        """Wait until the store has everything; False if it has not after ``timeout`` seconds."""
        return self._writer.flush(timeout)

    def close(self, status: Status, error: BaseException | None = None) -> None:
        """Send the rest and set the run's final status; a second call does nothing."""
        if self._closed:
            return
        self._closed = True
        self.end_status = status
        if error is not None:
            self.error = mask_text(f"{type(error).__name__}: {error}".strip().rstrip(":"))
        self._closing(status, error)
        if self.error is not None and status == "FAILED":
            self.set_tags({"labloom.error": self.error})
        if self._run_log.close():
            self.log_file(self._run_log.path)
        ended = self.end_time if self.end_time is not None else int(time.time() * 1000)
        self._append({"status": status, "t": ended})
        report = self._writer.close()
        self._journal.close()
        self._pass_on(report, closing=True)

    def __enter__(self) -> RunRecord:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close(self.end_status or status_of(error), error)

    def _closing(self, status: Status, error: BaseException | None) -> None:
        """What has to be recorded at the very end; an error's text goes to the run's log."""
        if status == "FAILED" and error is not None:
            self._run_log.exception(error)

    def _numbers(self, metrics: Mapping[str, Any]) -> dict[str, float]:
        names = self._names
        try:
            return {names[key]: float(value) for key, value in metrics.items()}
        except (TypeError, ValueError, RuntimeError):
            return self._only_numbers(metrics)

    def _only_numbers(self, metrics: Mapping[str, Any]) -> dict[str, float]:
        values: dict[str, float] = {}
        for key, value in metrics.items():
            try:
                values[self._names[key]] = float(value)
            except (TypeError, ValueError, RuntimeError):
                kind = type(value).__name__
                self._warn_once(f"metric '{key}' is not recorded: a {kind} is no single number")
        return values

    def _append(self, event: Event) -> None:
        try:
            self._journal.append(event)
        except OSError as error:
            self._disk_trouble(error)

    def _disk_trouble(self, error: OSError) -> None:
        self._warn_once(f"{self._journal.path} cannot be written: {error.strerror}")

    def _pass_on(self, report: Report | None, closing: bool = False) -> None:
        if report is None:
            return
        for reason in report.refused:
            self._warn_once(f"MLflow refused something of run {self.id}: {reason}")
        if closing and not report.complete:
            _log.warning(
                "the store has not got everything of run %s (%s)\n"
                "  kept:     %s (%d metric values wait)\n"
                "  send it:  python -m labloom.record %s",
                self.id,
                report.trouble,
                self._journal.path,
                report.unsent_points,
                self.output_dir,
            )
        elif report.trouble is not None and not closing:
            self._warn_once(
                f"MLflow does not take what is recorded ({report.trouble}); the run goes on, "
                f"{self._journal.path} keeps everything, and sending is tried again"
            )

    def _warn_once(self, message: str) -> None:
        if message not in self._warned:
            self._warned.add(message)
            _log.warning(message)


def status_of(error: BaseException | None) -> Status:
    """The MLflow status of a run that was left with ``error``."""
    if error is None:
        return "FINISHED"
    # Lightning turns Ctrl-C into sys.exit(1); any other exit left the run unfinished.
    cause = error.__context__ if isinstance(error, SystemExit) else error
    return "KILLED" if isinstance(cause, KeyboardInterrupt | Stopped) else "FAILED"
