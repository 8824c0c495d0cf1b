"""The last lines of a run: what came out, and where to look at it."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from labloom.cli.output import say
from labloom.hookspecs import Outcome

SHORT_ID = 8  # characters of a run id that are enough to name it


def print_outcome(outcome: Outcome) -> None:
    """Print metrics of the best checkpoint, the run and its folder."""
    say()
    for stage, when in (("val", "last epoch"), ("test", _tested(outcome))):
        values = {name: v for name, v in outcome.metrics.items() if name.startswith(f"{stage}/")}
        if values:
            say(f"{stage:<8}{in_words(values)}   ({when})")
    if outcome.objective is not None and math.isfinite(outcome.objective):
        say(f"best    {outcome.objective:.4f} in validation")
    elif outcome.objective is not None:
        say("best    nan in validation: there is no best checkpoint; the last one counts")
    say(f"run     {outcome.run_id[:SHORT_ID]}   labloom show {outcome.run_id[:SHORT_ID]}")
    say(f"folder  {shown_path(outcome.output_dir)}")


def _tested(outcome: Outcome) -> str:
    """Which checkpoint the test metrics are of."""
    if outcome.objective is not None and math.isfinite(outcome.objective):
        return "best checkpoint"
    return "last checkpoint" if outcome.checkpoint else "last epoch"


def print_unfinished(outcome: Outcome) -> None:
    """Print where a run that failed or was stopped is, and how it goes on."""
    run = outcome.run_id[:SHORT_ID]
    say()
    say(f"run     {run} {outcome.status}   labloom show {run}")
    say(f"folder  {shown_path(outcome.output_dir)}   (run.log has everything)")
    if outcome.status == "KILLED":
        say(f"go on   labloom run resume={run}")


def outcome_as_json(outcome: Outcome) -> dict[str, Any]:
    """What ``--json`` prints in its last line."""
    return {
        "run_id": outcome.run_id,
        "status": outcome.status,
        "objective": outcome.objective,
        "metrics": dict(outcome.metrics),
        "output_dir": outcome.output_dir,
        "checkpoint": outcome.checkpoint,
        "error": outcome.error,
    }


def shown_path(path: str | None) -> str:
    """A path as short as it can be named from here."""
    if path is None:
        return "no checkpoint"
    relative = os.path.relpath(path)
    return path if relative.startswith("..") else str(Path(relative))


def in_words(values: Mapping[str, float]) -> str:
    """Metrics of one stage in one line, their prefix left out."""
    return "  ".join(f"{name.partition('/')[2]} {value:.4f}" for name, value in values.items())
