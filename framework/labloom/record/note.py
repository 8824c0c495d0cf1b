"""The note of a run: what MLflow shows as its description, in Markdown."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from labloom.record.masking import mask_command
from labloom.record.names import MAX_TAG_VALUE, cut

CORE_GROUPS = frozenset({"task", "trainer", "callbacks", "tracking", "paths", "debug"})


@dataclass(frozen=True, kw_only=True)
class NoteFacts:
    """What a note tells.

    Args:
        run_id: of the run, for the commands.
        summary: one line about the task.
        overrides: what the user typed, secrets hidden.
        choices: chosen option of every config group.
        plugin: e.g. ``labloom-vision 0.1.0``; empty for the core.
        output_dir: where the run writes.
        monitor: name of the objective; None without one.
        objective: its value at the best checkpoint, when known.
        step: step of the best checkpoint.
        metrics: last values.
        status: how the run ended; None while it runs.
        error: why it failed.
        drift: what changed since a resumed run was started.
    """

    run_id: str
    summary: str
    overrides: Sequence[str]
    choices: Mapping[str, str]
    output_dir: str
    plugin: str = ""
    monitor: str | None = None
    objective: float | None = None
    step: int | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    status: str | None = None
    error: str | None = None
    drift: Sequence[str] = ()


def run_note(facts: NoteFacts) -> str:
    """The whole note, short enough for MLflow's 8000 characters."""
    sections = [
        _headline(facts),
        _error(facts),
        _code("Run it again", mask_command(["labloom", "run", *facts.overrides])),
        _difference(facts),
        _drift(facts),
        _code(
            "Work with it",
            f"labloom show {facts.run_id}\nlabloom run resume={facts.run_id}",
        ),
        f"Files: `{facts.output_dir}`",
    ]
    return cut("\n\n".join(section for section in sections if section), MAX_TAG_VALUE)


def experiment_note(summary: str) -> str:
    """The note above the list of runs of an experiment."""
    return (
        f"{summary}\n\n"
        "Each sweep is one parent run (unfold it with **+**) that holds the table of its trials; "
        "**Views** opens a sweep as a leaderboard."
    )


def _headline(facts: NoteFacts) -> str:
    """Objective and test metrics in one line: MLflow folds all but the first lines away."""
    parts = []
    if facts.objective is not None and facts.monitor:
        at = f" at step {facts.step}" if facts.step is not None else ""
        if math.isfinite(facts.objective):
            parts.append(f"**{facts.monitor} {facts.objective:.4f}**{at}")
        else:
            parts.append(f"**{facts.monitor} was never a finite number**")
    tested = sorted(name for name in facts.metrics if name.startswith("test/"))
    parts += [f"{name} {facts.metrics[name]:.4f}" for name in tested[:6]]
    return ", ".join(parts) or facts.summary


def _error(facts: NoteFacts) -> str:
    if not facts.error:
        return ""
    quoted = "\n".join(f"> {line}" for line in facts.error.strip().splitlines()[:12])
    return f"**{facts.status or 'FAILED'}**\n{quoted}"


def _difference(facts: NoteFacts) -> str:
    """What this run chose: its options, and the values that the user set, aligned as text.

    MLflow draws tables without space between the columns.
    """
    rows = {
        group: option
        for group, option in sorted(facts.choices.items())
        if option not in (None, "default", "none")
        and group not in CORE_GROUPS
        and not group.startswith("hydra")
    }
    for override in facts.overrides:
        key, _, value = override.partition("=")
        if value and key.lstrip("+~") not in facts.choices:
            rows[key] = value
    if facts.plugin:
        rows["plugin"] = facts.plugin
    width = max(map(len, rows), default=0)
    lines = "\n".join(f"{key:<{width}}  {value}" for key, value in rows.items())
    return f"```\n{lines}\n```" if rows else ""


def _drift(facts: NoteFacts) -> str:
    if not facts.drift:
        return ""
    return "**Changed since this run was started**\n" + "\n".join(f"- {d}" for d in facts.drift)


def _code(title: str, text: str) -> str:
    return f"**{title}**\n```bash\n{text}\n```"
