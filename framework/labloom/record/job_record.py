"""``JobRecord``: the record of a job's run, which knows config and task."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from labloom import __version__
from labloom.record.about_job import job_note
from labloom.record.journal import Journal, LoggedSteps
from labloom.record.masking import mask_command
from labloom.record.params import plain_config
from labloom.record.run_record import Place, RunRecord, Status
from labloom.record.writer import Writer

if TYPE_CHECKING:
    from mlflow.entities import Run

    from labloom.compose.job import Job
    from labloom.hookspecs import Outcome

OBJECTIVE = "objective"

_log = logging.getLogger("labloom.record")


class JobRecord(RunRecord):
    """The open run of a job.

    Args:
        job: what is run.
        place: where the run is.
        journal: of this run.
        writer: sends the journal.
        earlier: points of earlier sessions of a resumed run.
        run: the run as it was before it was resumed; None for a new one.
    """

    def __init__(
        self,
        job: Job,
        place: Place,
        journal: Journal,
        writer: Writer,
        *,
        earlier: LoggedSteps | None = None,
        run: Run | None = None,
    ) -> None:
        super().__init__(
            place,
            journal,
            writer,
            earlier=earlier,
            params=run.data.params if run is not None else None,
        )
        self._job = job
        self._outcome: Outcome | None = None
        self._outcome_step: int | None = None
        self._earlier_metrics = dict(run.data.metrics) if run is not None else {}
        self._earlier_digests = _digests(run)
        command = mask_command(["labloom", "run", *job.overrides])
        _log.info("run %s (%s) opened: %s", self.name, self.id, command)

    def log_datasets(self, datamodule: Any) -> None:
        """Record the data of every split as an input of the run.

        Without a ``fingerprint`` the config of the data stands for the data. Data that is not what
        a resumed run was started with is told and recorded.

        Args:
            datamodule: may have ``fingerprint``, a mapping of split to digest, and ``spec``.
        """
        config = plain_config(self._job.config).get("data") or {}
        name = self._job.choices.get("data") or str(config.get("_target_", "data"))
        sizes = dict(getattr(datamodule, "spec", None) or {})
        digests = dict(getattr(datamodule, "fingerprint", None) or {})
        if not digests:
            text = json.dumps(config, sort_keys=True, default=str)
            digests = {"train": "config-" + hashlib.sha256(text.encode()).hexdigest()[:16]}
        for split, digest in digests.items():
            before = self._earlier_digests.get(split)
            if before is not None and before != digest[:36]:
                self.note_drift([f"data of split '{split}': digest {before} -> {digest[:36]}"])
            source = str(config.get("_target_", ""))
            self.log_dataset(f"{name} {split}", split, digest, source, **sizes)

    def log_outcome(self, outcome: Outcome, step: int | None = None) -> None:
        """Record how the run ended well: objective, best checkpoint and model.

        Args:
            outcome: of the run.
            step: of the best checkpoint; None: the step that ``set_test_step`` was given.
        """
        if step is None:
            step = self.logger.test_step
        self._outcome, self._outcome_step = outcome, step
        if outcome.objective is not None:
            self.log_metrics({OBJECTIVE: outcome.objective}, step)
        if outcome.checkpoint is not None:
            self.set_tags({"labloom.checkpoint": outcome.checkpoint})
            if self._job.config.tracking.log_model:
                self.log_model(
                    outcome.checkpoint,
                    requirements=self._requirements(),
                    step=step or 0,
                    trusted_packages=self._job.trusted_packages,
                )

    def note_drift(self, changes: Iterable[str]) -> None:
        """Tell and record what is not as it was when a resumed run was started."""
        for change in changes:
            self.drift.append(change)
            _log.warning("run %s goes on, but has changed: %s", self.name, change)
        if self.drift:
            self.set_tags({"labloom.resume.changed": "\n".join(self.drift)})

    def _closing(self, status: Status, error: BaseException | None) -> None:
        super()._closing(status, error)
        _log.info("run %s ends %s", self.name, status)
        last = self.output_dir / "checkpoints" / "last.ckpt"
        outcome = self._outcome
        note = job_note(
            self._job,
            self.id,
            objective=outcome.objective if outcome else self._earlier_metrics.get(OBJECTIVE),
            step=self._outcome_step,
            metrics=self._all_metrics(),
            status=status,
            error=self.error if status == "FAILED" else None,
            drift=self.drift,
        )
        self.set_tags(
            {
                "mlflow.note.content": note,
                "labloom.checkpoint.last": str(last) if last.exists() else None,
            }
        )

    def _all_metrics(self) -> Mapping[str, float]:
        return {**self._earlier_metrics, **self.metrics}

    def _requirements(self) -> list[str]:
        plugin = self._job.plugin
        own = [f"{plugin.distribution}=={plugin.version}"] if plugin else []
        return [f"labloom=={__version__}", *own]


def _digests(run: Run | None) -> dict[str, str]:
    """Split and digest of every data set that a run has recorded."""
    if run is None or run.inputs is None:
        return {}
    return {
        tag.value: item.dataset.digest
        for item in run.inputs.dataset_inputs
        for tag in item.tags
        if tag.key == "mlflow.data.context"
    }
