"""What a sweep prints: a line for each trial as it ends, then the table and the chosen trial."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig

from labloom.cli.output import complain, print_json, print_table, say
from labloom.cli.summary import SHORT_ID, in_words, shown_path
from labloom.compose.jobs import make_job
from labloom.compose.plan import Plan
from labloom.errors import ExitStatus
from labloom.hookspecs import Outcome

if TYPE_CHECKING:
    from labloom.sweep.result import SweepResult
    from labloom.sweep.trials import TrialResult


def run_and_report(plan: Plan) -> int:
    """Run the sweep of ``plan``; exit status 1 when a trial or anything else failed.

    Raises:
        ConfigError: a class or an argument in the config is wrong.
    """
    count = f"{plan.trials} trials" if plan.trials else "trials drawn by the sweeper"
    say(f"sweep over {', '.join(plan.swept) or 'nothing'}: {count}")
    say("loading torch, Lightning and MLflow ...")
    from labloom.sweep.controller import run_sweep

    tell_search = None if plan.line.json else print_search
    result = run_sweep(plan, _TrialRunner(plan.trials), tell_search)
    if plan.line.json:
        print_json(result_as_json(result))
    else:
        print_finals(result)
    return ExitStatus.DONE if result.succeeded else ExitStatus.FAILED


class _TrialRunner:
    """Runs one composed trial and prints one line about it."""

    def __init__(self, trials: int | None) -> None:
        self._total = trials

    def __call__(self, composed: DictConfig) -> Outcome:
        from labloom.record import status_of
        from labloom.run import run
        from labloom.sweep.context import current_trial
        from labloom.sweep.trial_runs import one_line

        trial = current_trial(composed)
        assert trial is not None
        label = self._label(trial.number, trial.purpose)
        words = "  ".join(f"{key}={value}" for key, value in trial.swept.items())
        started = time.perf_counter()
        job = make_job(composed, output_dir=Path(composed.hydra.runtime.output_dir), trial=trial)
        try:
            outcome = run(job)
        except (Exception, SystemExit) as error:
            if status_of(error) == "FAILED":
                say(f"{label}  FAILED  {words}  {one_line(error)}")
            raise
        seconds = time.perf_counter() - started
        score = _score(job.config.task.monitor, outcome, trial.purpose)
        say(f"{label}  {score}  {words}  {seconds:.1f} s")
        return outcome

    def _label(self, number: int, purpose: str) -> str:
        if purpose == "confirm":
            return f"confirm {number}"
        width = len(str(self._total or 0))
        of = f" ({number + 1:>{width}} of {self._total})" if self._total else ""
        return f"trial {number:>{width}}{of}"


def _score(monitor: str | None, outcome: Outcome, purpose: str) -> str:
    tested = f"test/{(monitor or '').partition('/')[2]}"
    if purpose == "confirm" and tested in outcome.metrics:
        return f"{tested} {outcome.metrics[tested]:.4f}"
    if outcome.objective is None:
        return outcome.status
    return f"{monitor} {outcome.objective:.4f}"


def print_search(result: SweepResult) -> None:
    """Print the table of trials, best first, and each chosen trial with its command."""
    from labloom.sweep.report import rerun_command, shown_columns, table_rows

    rows = table_rows(result)
    columns = shown_columns(rows)
    say()
    print_table(
        f"{result.name}: {len(result.trials)} trials, best first",
        columns,
        [[row.get(name) for name in columns] for row in rows],
    )
    _print_failed(result.trials)
    for chosen in result.chosen:
        say()
        run = chosen.run_id[:SHORT_ID]
        say(f"chosen   trial {chosen.number}, {chosen.monitor} {chosen.objective:.4f}, run {run}")
        say(f"again    {rerun_command(chosen)}")


def print_finals(result: SweepResult) -> None:
    """Print tests, confirmation and what failed since ``print_search``, and where to look."""
    from labloom.sweep.report import confirmation_in_words

    if result.confirmation:
        say()  # its trials have printed a line each
    for chosen in result.chosen:
        tested = result.tested.get(chosen.run_id, {})
        if tested:
            of_which = f"trial {chosen.number}: " if len(result.chosen) > 1 else ""
            say(f"test     {of_which}{in_words(tested)}   (tested once, here)")
    if result.confirmation and result.confirmation.values:
        first, second = confirmation_in_words(result.confirmation).splitlines()
        say(f"confirm  {first}")
        say(f"         {second}")
    if result.confirmation:
        _print_failed(result.confirmation.trials)
    say()
    say(f"folder   {shown_path(result.output_dir)}")
    say("look     labloom ui")
    if result.failed:
        complain(f"{len(result.failed)} of {len(result.all_trials)} trials did not finish")
    for problem in result.problems:
        complain(problem)


def _print_failed(trials: Sequence[TrialResult]) -> None:
    failed = [_failure(trial) for trial in trials if not trial.finished]
    if failed:
        say()
        print_table("Failed", ("trial", "run", "why"), failed)


def _failure(trial: TrialResult) -> tuple[int, str | None, str]:
    why = (trial.error or trial.status).splitlines()[0]
    return trial.number, trial.run_id[:SHORT_ID] or None, why


def result_as_json(result: SweepResult) -> dict[str, Any]:
    """What ``--json`` prints in its last line."""
    from labloom.sweep.report import rerun_command, table_rows

    confirmed = result.confirmation
    return {
        "run_id": result.run_id,
        "status": "FINISHED" if result.succeeded else "FAILED",
        "output_dir": result.output_dir,
        "problems": list(result.problems),
        "trials": table_rows(result),
        "chosen": [
            {
                "trial": trial.number,
                "run_id": trial.run_id,
                "objective": trial.objective,
                "checkpoint": trial.checkpoint,
                "test": dict(result.tested.get(trial.run_id, {})),
                "command": rerun_command(trial),
            }
            for trial in result.chosen
        ],
        "confirmed": {
            "metric": confirmed.metric,
            "mean": confirmed.mean,
            "std": confirmed.spread,
            "values": confirmed.values,
        }
        if confirmed and confirmed.values
        else None,
    }
