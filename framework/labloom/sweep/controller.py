"""Run a sweep: one parent run, its trials, the choice, one test of the chosen, a confirmation."""

from __future__ import annotations

import logging
import shlex
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from omegaconf import DictConfig

from labloom.build.parts import check_bindings
from labloom.compose.arguments import CommandLine, free_custom_nodes, parse_overrides
from labloom.compose.jobs import typed_overrides
from labloom.compose.launching import launch
from labloom.compose.plan import Plan
from labloom.errors import LabloomError, NoTestStageError
from labloom.evaluate import test_checkpoint
from labloom.hookspecs import Outcome
from labloom.record import (
    RunRecord,
    Store,
    open_parent,
    open_store,
    reopen_for_test,
    save_sweep_view,
)
from labloom.recorded import job_of, merged_overrides
from labloom.run import find_own_code
from labloom.sweep.context import sweep_context
from labloom.sweep.report import record_report
from labloom.sweep.result import Confirmation, SweepResult
from labloom.sweep.trials import TrialResult, best_trials, read_trials

RunTrial = Callable[[DictConfig], Outcome]

log = logging.getLogger(__name__)


def run_sweep(plan: Plan, run_trial: RunTrial) -> SweepResult:
    """Run every trial of ``plan``, choose by validation, test the chosen once, and report.

    Args:
        plan: a validated command line with ``-m``.
        run_trial: runs one composed trial.

    Raises:
        ConfigError: a class or an argument is wrong, or Hydra's sweeper or launcher refuses.
        Stopped: Ctrl-C or SIGTERM; parent and running trial are recorded as KILLED.
    """
    for job in plan.jobs:
        find_own_code(job)
        check_bindings(job)
    store = open_store(plan.first.config.tracking.uri)
    folder = Path(plan.sweep_dir).resolve()
    with _open_parent(store, plan, folder) as parent:
        _save_view(store, parent, plan)
        trials = _search(plan, run_trial, store, parent, folder)
        chosen = best_trials(trials)
        result = SweepResult(
            name=parent.name,
            run_id=parent.id,
            output_dir=str(folder),
            swept=plan.swept,
            trials=trials,
            chosen=chosen,
            tested={trial.run_id: _test_once(store, trial, plan) for trial in chosen},
            confirmation=_confirm(plan, chosen, run_trial, store, parent, folder),
        )
        record_report(result, parent)
        if result.failed:
            parent.end_status = "FAILED"
    return result


def _open_parent(store: Store, plan: Plan, folder: Path) -> RunRecord:
    config, task = plan.first.config, plan.first.task
    experiment_id = store.ensure_experiment(
        config.tracking.experiment or task.name,
        summary=task.summary,
        primary_metric=config.task.monitor,
        greater_is_better=config.task.mode == "max",
    )
    folder.mkdir(parents=True, exist_ok=True)
    return open_parent(
        store,
        experiment_id,
        f"sweep {folder.name[: len('2026-01-01_00-00-00')]}",
        folder,
        tags={
            "labloom.task": task.name,
            "labloom.objective.name": config.task.monitor,
            "labloom.objective.mode": config.task.mode if config.task.monitor else None,
            "labloom.swept": ",".join(plan.swept),
            "labloom.command": sweep_command(plan.line),
        },
        params={"trials": plan.trials, **{f"sweep.{key}": v for key, v in _spaces(plan).items()}},
    )


def _search(
    plan: Plan, run_trial: RunTrial, store: Store, parent: RunRecord, folder: Path
) -> list[TrialResult]:
    with sweep_context(parent.id, plan.swept):
        unrecorded = _launch_all(_in_folder(plan.line, folder), run_trial, plan.swept)
    recorded = read_trials(store, parent.id, plan.swept)
    numbers = {trial.number for trial in recorded}
    return sorted(
        [*recorded, *(trial for trial in unrecorded if trial.number not in numbers)],
        key=lambda trial: trial.number,
    )


def _launch_all(line: CommandLine, run_trial: RunTrial, swept: Sequence[str]) -> list[TrialResult]:
    """Run all trials; what failed is returned, for a trial may fail before it has an MLflow run."""
    failures: list[TrialResult] = []
    errors: list[Exception] = []

    def objective_of(composed: DictConfig) -> float | None:
        try:
            return run_trial(composed).objective
        except Exception as error:
            errors.append(error)
            failures.append(_failure(composed, error, swept))
            if composed.hydra.runtime.choices["hydra/sweeper"] == "basic":
                return None  # it would print a line of its own, and drop further batches
            raise

    try:
        launch(line, objective_of)
    except Exception as error:
        if isinstance(error, LabloomError) and error not in errors:
            raise  # Hydra's sweeper or launcher refused; no trial is to blame
        log.info("a trial failed: %s", error)
    return failures


def _failure(composed: DictConfig, error: Exception, swept: Sequence[str]) -> TrialResult:
    values = {o.key_or_group: o for o in parse_overrides(typed_overrides(composed))}
    return TrialResult(
        number=int(composed.hydra.job.num),
        run_id="",
        status="FAILED",
        task=str(composed.task.name),
        monitor=None,
        mode=None,
        objective=None,
        swept={key: values[key].get_value_element_as_str() for key in swept if key in values},
        error=f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}",
    )


def _test_once(store: Store, trial: TrialResult, plan: Plan) -> dict[str, float]:
    """Test the chosen trial, in its own MLflow run; nothing where the user typed ``test=false``."""
    own = {name: value for name, value in trial.metrics.items() if name.startswith("test/")}
    if own or plan.first.config.test is False or trial.checkpoint is None:
        return own
    run = store.get_run(trial.run_id)
    job = job_of(store, run)
    try:
        with reopen_for_test(job, store, run) as record:
            return test_checkpoint(job, trial.checkpoint, record)
    except NoTestStageError as reason:
        log.info("the chosen trial is not tested: %s", reason)
        return {}


def _confirm(
    plan: Plan,
    chosen: Sequence[TrialResult],
    run_trial: RunTrial,
    store: Store,
    parent: RunRecord,
    folder: Path,
) -> Confirmation | None:
    """Run the chosen config again over the values of ``sweep.confirm``, and test each run."""
    key, values = plan.first.config.sweep.confirm.key, plan.first.config.sweep.confirm.over
    if key is None or len(chosen) != 1:
        return None
    (best,) = chosen
    typed = f"{key}={','.join(map(str, values))}"
    overrides = free_custom_nodes(merged_overrides(best.overrides, [typed]))
    line = CommandLine(flags=("--multirun",), overrides=overrides)
    with sweep_context(parent.id, (key,), "confirm"):
        _launch_all(_in_folder(line, folder / "confirm"), run_trial, (key,))
    trials = read_trials(store, parent.id, (key,), "confirm")
    return Confirmation(override=typed, trials=trials, metric=_test_metric(best, trials))


def _test_metric(best: TrialResult, trials: Sequence[TrialResult]) -> str:
    """The test metric that goes with the objective: ``test/acc`` with ``val/acc``."""
    wanted = f"test/{(best.monitor or '').partition('/')[2]}"
    logged = [name for trial in trials for name in trial.metrics if name.startswith("test/")]
    return wanted if wanted in logged or not logged else sorted(logged)[0]


def _save_view(store: Store, parent: RunRecord, plan: Plan) -> None:
    """Save the leaderboard at the start, so that a running sweep can be watched on it."""
    task = plan.first.config.task
    save_sweep_view(
        store,
        parent.experiment_id,
        parent.id,
        name=parent.name,
        objective=task.monitor or "objective",
        mode=task.mode or "max",
        swept=plan.swept,
    )


def sweep_command(line: CommandLine) -> str:
    """The command that starts this sweep again."""
    return shlex.join(["labloom", "run", "-m", *line.overrides])


def _in_folder(line: CommandLine, folder: Path) -> CommandLine:
    quoted = str(folder).replace("\\", "\\\\").replace("'", "\\'")
    return replace(line, overrides=(*line.overrides, f"hydra.sweep.dir='{quoted}'"))


def _spaces(plan: Plan) -> dict[str, str]:
    swept = [o for o in parse_overrides(plan.line.overrides) if o.key_or_group in plan.swept]
    return {o.key_or_group: str(o.input_line).partition("=")[2] for o in swept}
