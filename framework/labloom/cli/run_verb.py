"""``labloom run``: validate within a second, then train; ``-m`` sweeps."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import click
from omegaconf import DictConfig

from labloom.cli.completing import complete_override
from labloom.cli.output import complain, print_json, print_own_frames, say
from labloom.cli.run_help import print_help
from labloom.cli.summary import outcome_as_json, print_outcome, print_unfinished
from labloom.compose.arguments import CommandLine, free_custom_nodes, parse
from labloom.compose.composing import hydra_ready
from labloom.compose.jobs import make_job
from labloom.compose.launching import launch
from labloom.compose.plan import Plan, check_plan, check_shown
from labloom.errors import ConfigError, ExitStatus, LabloomError
from labloom.hookspecs import Outcome


@click.command(
    "run",
    add_help_option=False,  # --help lists the config groups too, which only Hydra knows
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
)
@click.argument("words", nargs=-1, type=click.UNPROCESSED, shell_complete=complete_override)
def command(words: tuple[str, ...]) -> int:
    """Compose a run, train it, test its best checkpoint, record it in MLflow."""
    line = parse(words or ("--help",))
    if "--help" in line.flags:
        print_help(line.config_dir)
        return ExitStatus.DONE
    if line.shows_only:
        return _show(line)
    if line.resume is not None:
        if line.multirun:
            raise ConfigError("resume=... continues one run, and -m starts a sweep")
        from labloom.resume import resumed

        line = resumed(line)
    plan = _checked(line)
    if plan.line.multirun:
        from labloom.cli.sweep_report import run_and_report

        return run_and_report(plan)
    return _run_once(plan)


def _show(line: CommandLine) -> int:
    """Let Hydra print what was asked for; mistakes are told as for a run."""
    line = replace(line, overrides=free_custom_nodes(line.overrides))
    if "--cfg" in line.flags:
        with hydra_ready(line.config_dir):
            check_shown(line)
    launch(line, on_job=make_job_and_run)
    return ExitStatus.DONE


def _checked(line: CommandLine) -> Plan:
    with hydra_ready(line.config_dir):
        return check_plan(line)


def _run_once(plan: Plan) -> int:
    outcomes: list[Outcome] = []

    def on_job(composed: DictConfig) -> Any:
        return make_job_and_run(composed, plan.line.resume, outcomes.append).objective

    try:
        launch(plan.line, on_job)
    except LabloomError as error:
        if not outcomes:  # refused before a run was opened
            raise
        complain(str(error))  # whoever is to blame, a run is there now, and it failed
        return ExitStatus.FAILED
    except Exception as error:  # noqa: BLE001 - user code failed; they need the whole trace
        print_own_frames(error)
        complain(f"the run failed: {type(error).__name__}: {error}")
        return ExitStatus.FAILED
    finally:
        _print(outcomes, plan.line.json)
    return ExitStatus.DONE


def _print(outcomes: list[Outcome], as_json: bool) -> None:
    for outcome in outcomes:
        if not outcome.run_id:  # a process for a further device; the first one speaks for it
            continue
        if as_json:
            print_json(outcome_as_json(outcome))
        elif outcome.status == "FINISHED":
            print_outcome(outcome)
        else:
            print_unfinished(outcome)


def make_job_and_run(
    composed: DictConfig,
    resume_run_id: str | None = None,
    tell: Callable[[Outcome], None] | None = None,
) -> Outcome:
    """Validate what Hydra composed and run it; imports the heavy rooms once it is valid.

    Args:
        composed: the config with its ``hydra`` node.
        resume_run_id: the MLflow run that is continued.
        tell: called with the outcome however the run ends.
    """
    job = make_job(
        composed, output_dir=composed.hydra.runtime.output_dir, resume_run_id=resume_run_id
    )
    if job.config.callbacks.progress != "none" and "LOCAL_RANK" not in os.environ:
        say(f"{job.task.name}: loading torch, Lightning and MLflow ...")
    from labloom.run import run

    return run(job, tell)
