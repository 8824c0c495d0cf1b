"""Run a sweep: one parent run, its trials, the choice, one test of the chosen, a confirmation."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from labloom.build.parts import check_bindings
from labloom.compose.arguments import CommandLine, parse_overrides
from labloom.compose.plan import Plan
from labloom.record import RunRecord, Store, open_parent, open_store, save_sweep_view
from labloom.record.masking import mask_command, mask_override
from labloom.run import find_own_code
from labloom.sweep.finals import untraced, with_confirmation, with_tests
from labloom.sweep.report import record_finals, record_search
from labloom.sweep.result import SweepResult
from labloom.sweep.trial_runs import RunTrial, run_trials
from labloom.sweep.trials import best_trials, without_choice

# Folders that we name have microseconds, which nobody needs in a name.
OWN_FOLDER = re.compile(r"(\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d)-\d{6}")


def run_sweep(
    plan: Plan, run_trial: RunTrial, tell_search: Callable[[SweepResult], None] | None = None
) -> SweepResult:
    """Run every trial of ``plan``, choose by validation, test the chosen once, and report.

    The search is recorded and told before anything else is tried.

    Args:
        plan: a validated command line with ``-m``.
        run_trial: runs one composed trial.
        tell_search: called once the trial is chosen, before it is tested.

    Raises:
        ConfigError: a class or an argument is wrong, or Hydra's sweeper or launcher refuses.
        Stopped: Ctrl-C or SIGTERM; parent and running trial are recorded as KILLED.
        Exception: what ended Hydra's sweeper or launcher.
    """
    for job in plan.jobs:
        find_own_code(job)
        check_bindings(job)
    store = open_store(plan.first.config.tracking.uri)
    folder = Path(plan.sweep_dir).resolve()
    with _open_parent(store, plan, folder) as parent:
        _save_view(store, parent, plan)
        ran = run_trials(plan.line, run_trial, parent, folder, plan.swept)
        result = SweepResult(
            name=parent.name,
            run_id=parent.id,
            output_dir=str(folder),
            swept=plan.swept,
            trials=ran.trials,
            chosen=best_trials(ran.trials),
            problems=[
                *untraced(ran.trials, _expected_trials(plan)),
                *without_choice(ran.trials),
            ],
        )
        if ran.trials:
            record_search(result, parent)
            if tell_search is not None:
                tell_search(result)
        if ran.trouble is not None:
            raise ran.trouble
        result = with_tests(result, store, plan)
        result = with_confirmation(result, plan, run_trial, parent, folder)
        record_finals(result, parent)
        if not result.succeeded:
            parent.end_status = "FAILED"
    return result


def sweep_command(line: CommandLine) -> str:
    """The command that starts this sweep again, its secrets hidden."""
    folder = ("--config-dir", line.config_dir) if line.config_dir else ()
    return mask_command(["labloom", "run", "-m", *folder, *line.overrides])


def sweep_name(folder: Path) -> str:
    """The name of the sweep in ``folder``."""
    own = OWN_FOLDER.fullmatch(folder.name)
    return f"sweep {own[1] if own else folder.name}"


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
        sweep_name(folder),
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


def _expected_trials(plan: Plan) -> int:
    """How many trials there have to be; 0 where a sweeper other than Hydra's own decides."""
    return plan.trials or 0 if plan.first.choices.get("hydra/sweeper") == "basic" else 0


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


def _spaces(plan: Plan) -> dict[str, str]:
    swept = [o for o in parse_overrides(plan.line.overrides) if o.key_or_group in plan.swept]
    return {o.key_or_group: mask_override(str(o.input_line)).partition("=")[2] for o in swept}
