"""Let Hydra run trials, whatever its launcher, and find out what became of each."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from omegaconf import DictConfig

from labloom.compose.arguments import CommandLine
from labloom.compose.launching import launch
from labloom.hookspecs import Outcome
from labloom.record import RunRecord, status_of
from labloom.record.masking import mask_text
from labloom.sweep.context import sweep_context
from labloom.sweep.swept import composed_values
from labloom.sweep.trials import TrialResult, read_trials

RunTrial = Callable[[DictConfig], Outcome]

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class TrialsRun:
    """What became of the trials that a command line asked for.

    Args:
        trials: every trial that left a trace, in the order of their numbers.
        trouble: what ended the sweeper or launcher itself; None when it came to its end.
    """

    trials: Sequence[TrialResult]
    trouble: Exception | None


def run_trials(
    line: CommandLine,
    run_trial: RunTrial,
    parent: RunRecord,
    folder: Path,
    swept: Sequence[str],
    purpose: Literal["search", "confirm"] = "search",
) -> TrialsRun:
    """Run all trials of ``line``; one that fails does not end the others.

    Args:
        line: a command line with several runs.
        run_trial: runs one composed trial.
        parent: the sweep, whose children the trials are.
        folder: for the trials' folders.
        swept: keys that differ from trial to trial.
        purpose: of the trials.

    Raises:
        Stopped: Ctrl-C or SIGTERM.
    """
    failures: list[TrialResult] = []
    errors: list[BaseException] = []

    def objective_of(composed: DictConfig) -> float | None:
        try:
            return _for_sweeper(run_trial(composed).objective, composed.task.mode)
        except (Exception, SystemExit) as error:
            if status_of(error) == "KILLED":
                raise
            errors.append(error)
            failures.append(_failure(composed, error, swept))
            if composed.hydra.runtime.choices["hydra/sweeper"] == "basic":
                return None  # it would print a line of its own, and drop further batches
            if isinstance(error, SystemExit):  # would end the other trials too
                raise RuntimeError(one_line(error)) from error
            raise

    trouble: Exception | None = None
    with sweep_context(parent.id, swept, purpose):
        try:
            launch(_in_folder(line, folder), objective_of)
        except Exception as error:  # noqa: BLE001  a launcher raises what it likes; see below
            trouble = error
    trials = _with_unrecorded(read_trials(parent.store, parent.id, swept, purpose), failures)
    if trouble is not None and _is_of_a_trial(trouble, errors, trials):
        log.info("a trial failed: %s", trouble)
        trouble = None
    return TrialsRun(trials=trials, trouble=trouble)


def one_line(error: BaseException) -> str:
    """An error's class and the first line of its message, without credentials."""
    first = (str(error).splitlines() or [""])[0]
    return mask_text(f"{type(error).__name__}: {first}".rstrip(": "))


def _for_sweeper(objective: float | None, mode: str | None) -> float | None:
    """What a sweeper learns from: the worst value there is for NaN, which sweepers refuse."""
    if objective is None or math.isfinite(objective):
        return objective
    return -math.inf if mode == "max" else math.inf


def _failure(composed: DictConfig, error: BaseException, swept: Sequence[str]) -> TrialResult:
    return TrialResult(
        number=int(composed.hydra.job.num),
        run_id="",
        status="FAILED",
        task=str(composed.task.name),
        monitor=composed.task.monitor,
        mode=composed.task.mode,
        objective=None,
        swept=composed_values(composed, swept),
        error=one_line(error),
    )


def _with_unrecorded(
    recorded: Sequence[TrialResult], failures: Sequence[TrialResult]
) -> list[TrialResult]:
    """The recorded trials, and those that failed before they had a run in MLflow."""
    numbers = {trial.number for trial in recorded}
    unrecorded = [trial for trial in failures if trial.number not in numbers]
    return sorted([*recorded, *unrecorded], key=lambda trial: trial.number)


def _is_of_a_trial(
    trouble: Exception, errors: Sequence[BaseException], trials: Sequence[TrialResult]
) -> bool:
    """Whether a failed trial raised it; from another process comes a copy, so its text counts."""
    link: BaseException | None = trouble
    while link is not None:
        if any(link is error for error in errors):
            return True
        link = link.__cause__
    told = one_line(trouble)
    return any(trial.error.splitlines()[0].rstrip(": ") == told for trial in trials if trial.error)


def _in_folder(line: CommandLine, folder: Path) -> CommandLine:
    quoted = str(folder).replace("\\", "\\\\").replace("'", "\\'")
    return replace(line, overrides=(*line.overrides, f"hydra.sweep.dir='{quoted}'"))
