"""One run: build, fit, test the best checkpoint, record. The details are one level down."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from pathlib import Path

import pytorch_lightning as pl
from pytorch_lightning.utilities.model_helpers import is_overridden

from labloom.build.checkpoints import Best, best_checkpoint, resume_point
from labloom.build.parts import Parts, build_parts, check_bindings
from labloom.build.trainer import build_trainer
from labloom.compose.job import Job
from labloom.errors import Stopped
from labloom.hookspecs import Outcome
from labloom.observers import notify
from labloom.record import JobRecord, open_run
from labloom.relaunch import as_in_first_process, is_first_process, relaunched_as

log = logging.getLogger(__name__)


def run(job: Job, tell: Callable[[Outcome], None] | None = None) -> Outcome:
    """Train, test and record ``job``.

    Args:
        job: what to run.
        tell: called with the outcome however the run ends, also when an exception goes on.

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
            outcome = _train_and_test(job, recorded)
        except BaseException as error:
            outcome = unfinished(job, recorded, error)
            raise
        finally:
            notify("run_finished", **about, outcome=outcome)
            if tell is not None:
                tell(outcome)
    return outcome


def _train_and_test(job: Job, recorded: JobRecord | None) -> Outcome:
    seed(job.config.seed)
    parts = build_parts(job)
    if recorded is not None:
        recorded.log_datasets(parts.datamodule)
    trainer = build_trainer(job, recorded, parts)
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
        status="KILLED" if isinstance(error, Stopped | KeyboardInterrupt) else "FAILED",
        metrics=dict(recorded.metrics) if recorded else {},
        output_dir=str(job.output_dir),
        error=f"{type(error).__name__}: {error}",
    )


def seed(value: int | None) -> None:
    """Seed Python, NumPy and torch, loader workers too; 0 is a seed, None leaves them alone."""
    if value is not None:
        pl.seed_everything(value, workers=True, verbose=False)


def fit(trainer: pl.Trainer, parts: Parts, job: Job) -> None:
    """Fit from the start, or from the last checkpoint of the run that is continued."""
    checkpoint = resume_point(job.output_dir) if job.resume_run_id else None
    trainer.fit(parts.module, datamodule=parts.datamodule, ckpt_path=checkpoint, weights_only=True)


def test(
    trainer: pl.Trainer, parts: Parts, best: Best, recorded: JobRecord | None
) -> dict[str, float]:
    """Test the best checkpoint; nothing if module or datamodule have no test stage."""
    testable = is_overridden("test_step", parts.module) and is_overridden(
        "test_dataloader", parts.datamodule
    )
    if not testable:
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
    if job.config.paths.code is not None:
        folder = str(Path(job.config.paths.code).resolve())
        if folder not in sys.path:
            sys.path.insert(0, folder)


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
