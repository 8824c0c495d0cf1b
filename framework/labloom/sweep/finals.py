"""What follows the search: one test of each chosen trial, and a confirmation of the chosen config.

Whatever fails here is told as a problem of the sweep: the search has succeeded and stays so.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from labloom.compose.arguments import CommandLine, free_custom_nodes
from labloom.compose.plan import Plan
from labloom.errors import NoTestStageError
from labloom.evaluate import test_checkpoint
from labloom.record import RunRecord, Store, reopen_for_test, status_of
from labloom.record.masking import mask_override
from labloom.recorded import job_of, merged_overrides, restored_overrides
from labloom.sweep.result import Confirmation, SweepResult
from labloom.sweep.trial_runs import RunTrial, one_line, run_trials
from labloom.sweep.trials import TrialResult

Value = TypeVar("Value")

log = logging.getLogger(__name__)


def with_tests(result: SweepResult, store: Store, plan: Plan) -> SweepResult:
    """Test each chosen trial once, in its own MLflow run, which stays FINISHED."""
    problems = list(result.problems)
    tested = {}
    for trial in result.chosen:
        what = f"the test of trial {trial.number}"
        metrics = _told(what, problems, lambda trial=trial: _test_once(store, trial, plan))
        tested[trial.run_id] = metrics or {}
    return replace(result, tested=tested, problems=problems)


def with_confirmation(
    result: SweepResult, plan: Plan, run_trial: RunTrial, parent: RunRecord, folder: Path
) -> SweepResult:
    """Run the chosen config again over the values of ``sweep.confirm``, and test each run."""
    if plan.first.config.sweep.confirm.key is None or len(result.chosen) != 1:
        return result
    problems = list(result.problems)
    confirmation = _told(
        "the confirmation",
        problems,
        lambda: _confirm(result.chosen[0], plan, run_trial, parent, folder, problems),
    )
    return replace(result, confirmation=confirmation, problems=problems)


def untraced(trials: Sequence[TrialResult], expected: int) -> list[str]:
    """A problem, when fewer trials than expected were recorded or failed."""
    missing = expected - len(trials)
    return [f"{missing} of {expected} trials left no trace"] if missing > 0 else []


def _told(what: str, problems: list[str], work: Callable[[], Value]) -> Value | None:
    """The result of ``work``; None when it failed, which becomes a problem."""
    try:
        return work()
    except (Exception, SystemExit) as error:
        if status_of(error) == "KILLED":
            raise
        problems.append(f"{what} failed: {one_line(error)}")
        log.info("%s failed", what, exc_info=error)  # the sweep's run.log has the whole trace
        return None


def _test_once(store: Store, trial: TrialResult, plan: Plan) -> dict[str, float]:
    """The test metrics; none where the user typed ``test=false`` or nothing can be tested."""
    own = {name: value for name, value in trial.metrics.items() if name.startswith("test/")}
    if own or plan.first.config.test is False or trial.checkpoint is None:
        return own
    run = store.get_run(trial.run_id)
    job = job_of(store, run, _hidden_in_records(plan))
    try:
        with reopen_for_test(job, store, run) as record:
            record.end_status = "FINISHED"  # its training is done, whatever becomes of the test
            return test_checkpoint(job, trial.checkpoint, record)
    except NoTestStageError as reason:
        log.info("the chosen trial is not tested: %s", reason)
        return {}


def _confirm(
    best: TrialResult,
    plan: Plan,
    run_trial: RunTrial,
    parent: RunRecord,
    folder: Path,
    problems: list[str],
) -> Confirmation:
    store, wanted = parent.store, plan.first.config.sweep.confirm
    typed = f"{wanted.key}={','.join(map(str, wanted.over))}"
    recorded = restored_overrides(store, store.get_run(best.run_id), _hidden_in_records(plan))
    line = CommandLine(
        flags=("--multirun",),
        overrides=free_custom_nodes(merged_overrides(recorded, [typed])),
        config_dir=plan.line.config_dir,
    )
    ran = run_trials(line, run_trial, parent, folder / "confirm", (wanted.key,), "confirm")
    if ran.trouble is not None:
        problems.append(f"the confirmation was cut short: {one_line(ran.trouble)}")
        log.info("the confirmation was cut short", exc_info=ran.trouble)
    problems += [f"confirmation: {text}" for text in untraced(ran.trials, len(wanted.over))]
    return Confirmation(
        override=mask_override(typed), trials=ran.trials, metric=_test_metric(best, ran.trials)
    )


def _hidden_in_records(plan: Plan) -> list[str]:
    """Typed overrides with a secret: the store has them masked, the command line still knows."""
    return [text for text in plan.line.overrides if mask_override(text) != text]


def _test_metric(best: TrialResult, trials: Sequence[TrialResult]) -> str:
    """The test metric that goes with the objective: ``test/acc`` with ``val/acc``."""
    wanted = f"test/{(best.monitor or '').partition('/')[2]}"
    logged = [name for trial in trials for name in trial.metrics if name.startswith("test/")]
    return wanted if wanted in logged or not logged else sorted(logged)[0]
