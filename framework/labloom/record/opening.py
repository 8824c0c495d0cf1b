"""Open the MLflow run of a job, afresh or again, and the run of a sweep.

Only what the run cannot start without happens here: one ``create_run`` with all tags that are
known. Parameters, config, git and versions are gathered and sent by the run's writer meanwhile.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labloom.errors import StoreError
from labloom.record.about_job import (
    changes_of_code,
    job_lineage,
    job_note,
    job_tags,
    plugin_label,
    run_name,
    source_tags,
    write_about_job,
    write_lineage,
)
from labloom.record.job_record import JobRecord
from labloom.record.journal import JOURNAL_NAME, Journal, LoggedSteps, journal_owner, logged_steps
from labloom.record.lineage import collect_lineage
from labloom.record.masking import mask_text
from labloom.record.names import MAX_TAG_VALUE, cut, valid_name
from labloom.record.params import job_params, stable_text
from labloom.record.run_record import Place, RunRecord
from labloom.record.store import Store, open_store
from labloom.record.system import PREFIX, SystemSampler
from labloom.record.writer import Writer

if TYPE_CHECKING:
    from mlflow.entities import Run

    from labloom.compose.job import Job

OTHER_WRITER_SECONDS = 30.0


def open_run(job: Job, store: Store | None = None, kind: str = "run") -> JobRecord:
    """Open the run of ``job``: a new one, or the one it resumes.

    Args:
        job: what will be run.
        store: where; None: as ``tracking.uri`` says.
        kind: ``run`` or ``evaluation``.

    Returns:
        The record, to be used as a context manager. On leaving, the run becomes FINISHED, KILLED
        (Ctrl-C, SIGTERM) or FAILED (any other exception, which goes on).

    Raises:
        ConfigError: ``tracking.uri`` is of a kind that MLflow does not write to.
        StoreError: the store cannot be opened, or another process still writes to the run.
    """
    tracking = job.config.tracking
    store = store or open_store(tracking.uri)
    if job.resume_run_id is not None:
        return _reopen(job, store, store.get_run(job.resume_run_id))
    experiment_id = _experiment_of(job, store)
    name = run_name(job, kind)
    run_id = _create_run(store, experiment_id, name, job_tags(job, kind))
    journal = Journal(job.output_dir, run_id)
    journal.append({"tags": {"mlflow.note.content": job_note(job, run_id)}})
    sampler = SystemSampler() if tracking.system_metrics else None
    writer = Writer(
        store.client, journal, prologue=lambda: write_about_job(job, journal), sampler=sampler
    )
    place = Place(
        store=store,
        run_id=run_id,
        name=name,
        experiment_id=experiment_id,
        output_dir=job.output_dir,
    )
    return JobRecord(job, place, journal, writer)


def _experiment_of(job: Job, store: Store) -> str:
    """The parent's experiment for a trial, whatever its task: MLflow nests runs of one only."""
    if job.trial is not None:
        return store.get_run(job.trial.parent_run_id).info.experiment_id
    task = job.config.task
    return store.ensure_experiment(
        job.config.tracking.experiment or task.name,
        summary=job.task.summary,
        primary_metric=task.monitor,
        greater_is_better=task.mode == "max",
    )


def reopen_for_test(job: Job, store: Store, run: Run) -> JobRecord:
    """Open a finished run again, to add the test of its best checkpoint.

    It trains no further, so nothing is recorded about code and machine, and its duration stays.

    Args:
        job: the run's job, as it was.
        store: where the run is.
        run: the finished run.
    """
    earlier = _earlier_points(store, run, job.output_dir)
    journal = _running_again(store, run, job.output_dir)
    writer = Writer(store.client, journal)
    record = JobRecord(job, _place_of(job, store, run), journal, writer, earlier=earlier, run=run)
    record.end_time = run.info.end_time
    return record


def open_parent(
    store: Store,
    experiment_id: str,
    name: str,
    output_dir: Path,
    *,
    tags: Mapping[str, Any] | None = None,
    params: Mapping[str, Any] | None = None,
    note: str | None = None,
    run_id: str | None = None,
) -> RunRecord:
    """Open the run of a sweep, whose trials are its children.

    Args:
        store: where.
        experiment_id: of the sweep and its trials.
        name: of the sweep.
        output_dir: folder of the sweep.
        tags: further tags.
        params: parameters of the sweep.
        note: description, in Markdown.
        run_id: go on with this run; None: a new one.

    Returns:
        The record, to be used as a context manager or closed by ``close(status)``.

    Raises:
        StoreError: the store does not take it, or another process still writes to the run.
    """
    all_tags = {
        **source_tags(),
        "labloom.kind": "sweep",
        "labloom.output_dir": str(output_dir),
        "mlflow.note.content": note,
        **(tags or {}),
    }
    known: dict[str, str] = {}
    earlier = None
    if run_id is None:
        run_id = _create_run(store, experiment_id, name, all_tags)
        journal = Journal(output_dir, run_id)
        writer = Writer(store.client, journal, prologue=_lineage_of_folder(journal))
    else:
        run = store.get_run(run_id)
        known, earlier = dict(run.data.params), _earlier_points(store, run, output_dir)
        journal = _running_again(store, run, output_dir)
        writer = Writer(store.client, journal)
    place = Place(
        store=store, run_id=run_id, name=name, experiment_id=experiment_id, output_dir=output_dir
    )
    record = RunRecord(place, journal, writer, earlier=earlier, params=known)
    if earlier is not None:
        record.set_tags(all_tags)
    record.log_params(params or {})
    return record


def _reopen(job: Job, store: Store, run: Run) -> JobRecord:
    """Go on with a run: what the journal has and the store lacks is sent first."""
    earlier = _earlier_points(store, run, job.output_dir)
    journal = _running_again(store, run, job.output_dir)
    last_sample = earlier.last(PREFIX)
    sampler = None
    if job.config.tracking.system_metrics:
        sampler = SystemSampler(0 if last_sample is None else last_sample + 1)
    writer = Writer(store.client, journal, sampler=sampler)
    place = _place_of(job, store, run)
    record = JobRecord(job, place, journal, writer, earlier=earlier, run=run)
    session = int(run.data.tags.get("labloom.resumed", "0")) + 1
    record.set_tags({**source_tags(), "labloom.resumed": session})
    record.log_params(job_params(job))
    lineage = job_lineage(job)
    record.note_drift(changes_of_code(lineage, run.data.tags, job.output_dir, plugin_label(job)))
    write_lineage(lineage, journal, job.output_dir, folder=f"resumed-{session}")
    return record


def _place_of(job: Job, store: Store, run: Run) -> Place:
    return Place(
        store=store,
        run_id=run.info.run_id,
        name=run.info.run_name,
        experiment_id=run.info.experiment_id,
        output_dir=job.output_dir,
    )


def _running_again(store: Store, run: Run, output_dir: Path) -> Journal:
    """Wait for an earlier writer of the run, then set the run RUNNING.

    Raises:
        StoreError: another process still writes to the run, or the store does not answer.
    """
    journal = Journal(output_dir, run.info.run_id)
    if not journal.sent.lock(OTHER_WRITER_SECONDS):
        raise StoreError(
            f"another process still writes to run {run.info.run_id}",
            got=f"process {run.data.tags.get('labloom.pid')} "
            f"on {run.data.tags.get('labloom.host')}",
            fix="wait for it, or stop it",
        )
    journal.sent.unlock()
    store.set_running(run.info.run_id)
    # Again in the journal, behind a final status that an outage may have held back there.
    journal.append({"status": "RUNNING", "t": int(time.time() * 1000)})
    journal.append({"untag": "labloom.error"})
    return journal


def _earlier_points(store: Store, run: Run, output_dir: Path) -> LoggedSteps:
    """Points of earlier sessions: from the journal, or from the store where there is none."""
    path = output_dir / JOURNAL_NAME
    if journal_owner(path) == run.info.run_id:
        return logged_steps(path)
    return LoggedSteps(
        {
            name: {point.step for point in store.client.get_metric_history(run.info.run_id, name)}
            for name in run.data.metrics
        }
    )


def _lineage_of_folder(journal: Journal) -> Callable[[], None]:
    return lambda: write_lineage(collect_lineage([Path.cwd()]), journal, journal.path.parent)


def _create_run(store: Store, experiment_id: str, name: str, tags: Mapping[str, Any]) -> str:
    texts = {
        valid_name(key): cut(value if isinstance(value, str) else stable_text(value), MAX_TAG_VALUE)
        for key, value in tags.items()
        if value is not None
    }
    try:
        return store.client.create_run(experiment_id, tags=texts, run_name=name).info.run_id
    except Exception as error:
        raise StoreError(
            f"the store {store.shown_uri} does not take a new run",
            got=mask_text(cut(str(error).strip().splitlines()[0], 300)),
        ) from error
