"""One run: build, fit, test the best checkpoint, record. The details are one level down."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path

import pytorch_lightning as pl

from labloom.build.checkpoints import Best, best_checkpoint, resume_point
from labloom.build.evaluation import is_testable
from labloom.build.parts import Parts, build_parts, check_bindings
from labloom.build.trainer import build_trainer
from labloom.compose.job import Job
from labloom.errors import NoTestStageError
from labloom.hookspecs import Outcome
from labloom.observers import notify
from labloom.record import JobRecord, open_run, status_of
from labloom.relaunch import as_in_first_process, is_first_process, relaunched_as

log = logging.getLogger(__name__)


def run(
    job: Job,
    tell: Callable[[Outcome], None] | None = None,
    watchers: Sequence[pl.Callback] = (),
) -> Outcome:
    """Train, test and record ``job``.

    Args:
        job: what to run.
        tell: called with the outcome however the run ends, also when an exception goes on.
        watchers: further callbacks, of whoever calls and wants to see inside.

    Returns:
        How it ended, with the objective of the best checkpoint.

    Raises:
        ConfigError: a class or an argument in the config is wrong; nothing is recorded then.
        Stopped: Ctrl-C or SIGTERM; the run is recorded as KILLED.
        Exception: whatever training raises; the run is recorded as FAILED.
    """
    job = as_in_first_process(job)
    find_own_code(job)
    check_bindings(job)
    recording = open_run(job) if is_first_process() else nullcontext()
    with relaunched_as(job), recording as recorded:
        about = {"run": recorded, "cfg": job.config, "task": job.task}
        notify("run_started", **about)
        try:
            outcome = _train_and_test(job, recorded, watchers)
        except BaseException as error:
            outcome = unfinished(job, recorded, error)
            raise
        finally:
            notify("run_finished", **about, outcome=outcome)
            if tell is not None:
                tell(outcome)
    return outcome


def _train_and_test(
    job: Job, recorded: JobRecord | None, watchers: Sequence[pl.Callback]
) -> Outcome:
    seed(job.config.seed)
    parts = build_parts(job)
    if recorded is not None:
        recorded.log_datasets(parts.datamodule)
    _refuse_impossible_test(job, parts)
    trainer = build_trainer(job, recorded, parts, watchers)
    if recorded is not None:
        recorded.logger.attach(trainer)
    fit(trainer, parts, job)
    best = best_checkpoint(trainer)
    metrics = plain_metrics(trainer)
    if job.tests:
        metrics |= test(trainer, parts, best, recorded)
    return _record(recorded, job, best, metrics)


def unfinished(job: Job, recorded: JobRecord | None, error: BaseException) -> Outcome:
    """The outcome of a run that did not come to its end."""
    return Outcome(
        run_id=recorded.id if recorded else "",
        status=status_of(error),
        metrics=dict(recorded.metrics) if recorded else {},
        output_dir=str(job.output_dir),
        error=f"{type(error).__name__}: {error}",
    )


def _refuse_impossible_test(job: Job, parts: Parts) -> None:
    if job.config.test and not is_testable(parts.module, parts.datamodule):
        raise NoTestStageError(
            f"test=true, but {type(parts.module).__name__} or {type(parts.datamodule).__name__} "
            "cannot test",
            expected="a test_step in the module and a test_dataloader in the datamodule",
        )


def seed(value: int | None) -> None:
    """Seed Python, NumPy and torch, loader workers too; 0 is a seed, None leaves them alone."""
    if value is not None:
        pl.seed_everything(value, workers=True, verbose=False)


def fit(trainer: pl.Trainer, parts: Parts, job: Job) -> None:
    """Fit from the start, or from the last checkpoint of the run that is continued."""
    checkpoint = resume_point(job.output_dir) if job.resume_run_id else None
    if job.resume_run_id and checkpoint is None:
        log.warning("no last.ckpt in %s: the run starts again from its beginning", job.output_dir)
    trainer.fit(parts.module, datamodule=parts.datamodule, ckpt_path=checkpoint, weights_only=True)


def test(
    trainer: pl.Trainer, parts: Parts, best: Best, recorded: JobRecord | None
) -> dict[str, float]:
    """Test the best checkpoint; nothing if module or datamodule have no test stage."""
    if not is_testable(parts.module, parts.datamodule):
        log.info("no test: test_step or test_dataloader is missing")
        return {}
    if recorded is not None:
        recorded.set_test_step(best.step)
    trainer.test(
        parts.module,
        datamodule=parts.datamodule,
        ckpt_path=best.path,
        weights_only=True,
        verbose=False,
    )
    return plain_metrics(trainer)


def plain_metrics(trainer: pl.Trainer) -> dict[str, float]:
    """The last value of every metric that was logged."""
    return {name: float(value) for name, value in trainer.callback_metrics.items()}


def find_own_code(job: Job) -> None:
    """Put ``paths.code`` on Python's path, in front, so that targets in it are found."""
    put_on_path(job.config.paths.code)


def put_on_path(code: str | None) -> None:
    """Put a folder in front of Python's path; None leaves it as it is."""
    if code is not None and str(Path(code).resolve()) not in sys.path:
        sys.path.insert(0, str(Path(code).resolve()))


def _record(
    recorded: JobRecord | None, job: Job, best: Best, metrics: Mapping[str, float]
) -> Outcome:
    outcome = Outcome(
        run_id=recorded.id if recorded else "",
        status="FINISHED",
        objective=best.objective,
        metrics=dict(metrics),
        checkpoint=str(best.path) if best.path else None,
        output_dir=str(job.output_dir),
    )
    if recorded is not None:
        recorded.log_outcome(outcome, step=best.step)
    return outcome
