"""What the parent run shows in MLflow: table, curve, note, best overrides ready to paste."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure

from labloom.record import RunRecord
from labloom.record.masking import mask_command
from labloom.sweep.result import Confirmation, SweepResult
from labloom.sweep.trials import TrialResult, is_better, objective_label, ranked

ROWS_IN_NOTE = 20  # a description may have 8000 characters
HIDDEN = ("run", "error")


def record_search(result: SweepResult, parent: RunRecord) -> None:
    """Record what the search found in the parent run."""
    parent.log_table("trials.csv", table_rows(result))
    parent.set_tags({"mlflow.note.content": note(result)})
    for trial, best in zip(result.trials, best_so_far(result.trials), strict=True):
        if best is not None:
            parent.log_metrics({"best_objective": best}, step=trial.number)
        if trial.objective is not None:
            parent.log_metrics({"trial_objective": trial.objective}, step=trial.number)
    for chosen in result.chosen:
        parent.log_text(f"best-{chosen.task}.txt", rerun_command(chosen) + "\n")
    if any(trial.objective is not None for trial in result.trials):
        parent.log_figure("history", history_figure(result.trials))


def record_finals(result: SweepResult, parent: RunRecord) -> None:
    """Add test, confirmation and problems to what ``record_search`` recorded."""
    parent.set_tags({"mlflow.note.content": note(result)})
    for chosen in result.chosen:
        parent.log_metrics(result.tested.get(chosen.run_id, {}), step=chosen.number)
    if result.confirmation and result.confirmation.values:
        parent.log_metrics(
            {
                f"confirmed/{result.confirmation.metric}/mean": result.confirmation.mean,
                f"confirmed/{result.confirmation.metric}/std": result.confirmation.spread,
            }
        )


def table_rows(result: SweepResult) -> list[dict[str, Any]]:
    """One row a trial, best first; the same columns in every row."""
    label = objective_label(result.trials)
    return [
        {
            "trial": trial.number,
            **{key: trial.swept.get(key) for key in result.swept},
            label: math.nan if trial.diverged else trial.objective,
            "status": trial.status,
            "seconds": trial.seconds,
            "run": trial.run_id,
            "error": trial.error,
        }
        for trial in ranked(result.trials)
    ]


def shown_columns(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """The columns of a table that a person reads."""
    return [
        name for name in dict.fromkeys(key for row in rows for key in row) if name not in HIDDEN
    ]


def best_so_far(trials: Sequence[TrialResult]) -> list[float | None]:
    """After each trial, the best objective until then; None where objectives differ in kind."""
    if len({(trial.task, trial.monitor) for trial in trials if trial.objective is not None}) > 1:
        return [None] * len(trials)
    best: float | None = None
    history: list[float | None] = []
    for trial in trials:
        if trial.objective is not None and is_better(trial.objective, best, trial.mode):
            best = trial.objective
        history.append(best)
    return history


def rerun_command(trial: TrialResult) -> str:
    """The command that runs a trial again, alone and with its test."""
    folder = ("--config-dir", trial.config_dir) if trial.config_dir else ()
    return mask_command(["labloom", "run", *folder, *trial.overrides])


def note(result: SweepResult) -> str:
    """The parent run's description, in Markdown."""
    finished = len(result.trials) - len([t for t in result.trials if not t.finished])
    parts = [f"**{finished} of {len(result.trials)} trials finished.**"]
    parts += [f"Problem: {problem}" for problem in result.problems]
    for chosen in result.chosen:
        tested = result.tested.get(chosen.run_id, {})
        metrics = ", ".join(f"{name} {value:.4f}" for name, value in sorted(tested.items()))
        parts.append(
            f"Chosen by {chosen.monitor} on the validation split: trial {chosen.number}, "
            f"{chosen.monitor} **{chosen.objective:.4f}**"
            + (f". Tested once: {metrics}." if metrics else ".")
            + f"\n\n```\n{rerun_command(chosen)}\n```"
        )
    if result.confirmation and result.confirmation.values:
        parts.append(confirmation_in_words(result.confirmation))
    parts.append(_text_table(table_rows(result)[:ROWS_IN_NOTE]))
    return "\n\n".join(parts)


def confirmation_in_words(confirmation: Confirmation) -> str:
    """Mean, spread and range of the chosen config's repeated runs, in two lines."""
    values = confirmation.values
    return (
        f"{confirmation.metric} {confirmation.mean:.4f} +- {confirmation.spread:.4f} "
        f"over {len(values)} runs ({min(values):.4f} to {max(values):.4f})\n"
        f"{confirmation.override}; mean and standard deviation"
    )


def history_figure(trials: Sequence[TrialResult]) -> Figure:
    """Objective of every trial by its number, and the best until then."""
    figure = Figure(figsize=(6, 3.5), layout="constrained")
    axes = figure.add_subplot()
    scored = [trial for trial in trials if trial.objective is not None]
    axes.plot(
        [t.number for t in scored], [t.objective for t in scored], "o", color="C0", label="trial"
    )
    best = [
        (t.number, b) for t, b in zip(trials, best_so_far(trials), strict=True) if b is not None
    ]
    if best:
        axes.step(*zip(*best, strict=True), where="post", color="C1", label="best so far")
    axes.set_xlabel("trial")
    axes.set_ylabel(objective_label(scored))
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    return figure


def _text_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """An aligned table as text: MLflow draws Markdown tables without space between columns."""
    columns = shown_columns(rows)
    lines = [columns, *([_cell(row.get(name)) for name in columns] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    texts = (
        "  ".join(f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True))
        for line in lines
    )
    return "```\n" + "\n".join(text.rstrip() for text in texts) + "\n```"


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
