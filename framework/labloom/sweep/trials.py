"""What became of the trials, read back from MLflow, and which of them is the best."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mlflow.entities import Run

from labloom.record import Store, logged_values, recorded_overrides
from labloom.sweep.swept import swept_values


@dataclass(frozen=True, kw_only=True)
class TrialResult:
    """One trial as MLflow has it.

    Args:
        number: trial number, from 0.
        run_id: its MLflow run.
        status: FINISHED, FAILED or KILLED; RUNNING if its process vanished.
        task: the task's name.
        monitor: name of the objective; None when the task has none.
        mode: ``min`` or ``max``.
        objective: value at the best checkpoint; None if it never got one.
        diverged: it ran to its end, but its objective was never a finite number.
        metrics: last value of every metric.
        swept: what distinguishes it from the other trials.
        overrides: the command line that runs it alone; secrets are hidden in it.
        config_dir: the user's own folder of option files.
        checkpoint: path of its best checkpoint.
        error: first line of what went wrong.
        seconds: wall time, s.
    """

    number: int
    run_id: str
    status: str
    task: str
    monitor: str | None
    mode: str | None
    objective: float | None
    diverged: bool = False
    metrics: Mapping[str, float] = field(default_factory=dict)
    swept: Mapping[str, str] = field(default_factory=dict)
    overrides: Sequence[str] = ()
    config_dir: str | None = None
    checkpoint: str | None = None
    error: str | None = None
    seconds: float | None = None

    @property
    def finished(self) -> bool:
        """Whether it ran to its end."""
        return self.status == "FINISHED"


def read_trials(
    store: Store, parent_run_id: str, swept: Sequence[str], purpose: str = "search"
) -> list[TrialResult]:
    """The trials of a sweep in the order of their numbers."""
    runs = store.children(parent_run_id)
    found = [
        _as_trial(store, run, swept)
        for run in runs
        if run.data.tags.get("labloom.trial.purpose", "search") == purpose
    ]
    return sorted(found, key=lambda trial: trial.number)


def best_trials(trials: Iterable[TrialResult]) -> list[TrialResult]:
    """The best finished trial of every task in the sweep; trials without objective do not count."""
    best: dict[tuple[str, str | None], TrialResult] = {}
    for trial in trials:
        if not trial.finished or trial.objective is None:
            continue
        key = (trial.task, trial.monitor)
        if key not in best or is_better(trial.objective, best[key].objective, trial.mode):
            best[key] = trial
    return list(best.values())


def without_choice(trials: Sequence[TrialResult]) -> list[str]:
    """A problem for every task whose trials ended, but none with a finite objective."""
    chosen = {(trial.task, trial.monitor) for trial in best_trials(trials)}
    diverged = {(t.task, t.monitor) for t in trials if t.finished and t.diverged} - chosen
    return [
        f"no trial of {task} has a finite {monitor}: none is chosen"
        for task, monitor in sorted(diverged)
    ]


def is_better(value: float, than: float | None, mode: str | None) -> bool:
    """Whether ``value`` beats ``than``; everything beats None."""
    if than is None:
        return True
    return value > than if mode == "max" else value < than


def ranked(trials: Iterable[TrialResult]) -> list[TrialResult]:
    """Best first; trials without an objective last, in the order of their numbers."""

    def rank(trial: TrialResult) -> tuple[bool, float, int]:
        if trial.objective is None:
            return (True, 0.0, trial.number)
        return (False, -trial.objective if trial.mode == "max" else trial.objective, trial.number)

    return sorted(trials, key=rank)


def objective_label(trials: Iterable[TrialResult]) -> str:
    """What to call the objective: its own name, when all trials that have one share it."""
    names = {trial.monitor for trial in trials if trial.monitor is not None}
    return names.pop() if len(names) == 1 else "objective"


def _shown_overrides(store: Store, run: Run) -> list[str]:
    """The recorded overrides; where they cannot run again, what there is to be shown."""
    try:
        return recorded_overrides(store.client, run)
    except Exception:  # noqa: BLE001  a value is hidden, or the artifact store fails in its own way
        pass
    try:
        return [str(item) for item in json.loads(run.data.tags.get("labloom.overrides", "[]"))]
    except ValueError:  # cut by MLflow
        copy = Path(run.data.tags.get("labloom.output_dir", "")) / "overrides.txt"
        return copy.read_text(encoding="utf-8").splitlines() if copy.is_file() else []


def _as_trial(store: Store, run: Run, swept: Sequence[str]) -> TrialResult:
    tags, info, metrics = run.data.tags, run.info, logged_values(run.data.metrics)
    objective = metrics.get("objective")
    diverged = objective is not None and not math.isfinite(objective)
    overrides = _shown_overrides(store, run)
    return TrialResult(
        number=int(tags.get("labloom.trial", -1)),
        run_id=info.run_id,
        status=info.status,
        task=tags.get("labloom.task", ""),
        monitor=tags.get("labloom.objective.name"),
        mode=tags.get("labloom.objective.mode"),
        objective=None if diverged else objective,
        diverged=diverged,
        metrics=metrics,
        swept=swept_values(overrides, swept),
        overrides=overrides,
        config_dir=tags.get("labloom.config_dir"),
        checkpoint=tags.get("labloom.checkpoint"),
        error=tags.get("labloom.error"),
        seconds=(info.end_time - info.start_time) / 1000 if info.end_time else None,
    )
