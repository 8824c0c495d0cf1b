"""What the suite looks at: every task as it stands, and every further model and data option."""

from __future__ import annotations

from dataclasses import dataclass

from labloom.compose.composing import compose_config, hydra_ready
from labloom.errors import ConfigError
from labloom.plugins import Plugin

GROUPS = ("model", "data")


@dataclass(frozen=True, kw_only=True)
class Case:
    """One thing to check.

    Args:
        task: the task, which stands with its own model and data; None for an option.
        group: config group of the option, ``model`` or ``data``; empty for a task.
        option: name of the option; empty for a task.
    """

    task: str | None = None
    group: str = ""
    option: str = ""

    def __str__(self) -> str:
        return self.task or f"{self.group}={self.option}"


def tasks_of(plugin: Plugin) -> list[Case]:
    """A case for every task of a plugin."""
    return [Case(task=task.name) for task in plugin.tasks]


def options_of(plugin: Plugin) -> list[Case]:
    """A case for every model and data option of a plugin that is not some task's own."""
    own = {chosen for task in plugin.tasks for chosen in _chosen_by(task.name)}
    options = [
        (group, file.stem)
        for group in GROUPS
        for file in sorted((plugin.config_folder / group).glob("*.yaml"))
    ]
    return [Case(group=group, option=name) for group, name in options if (group, name) not in own]


def cases_of(plugin: Plugin) -> list[Case]:
    """Every task, then every further option."""
    return [*tasks_of(plugin), *options_of(plugin)]


def own_choices(task: str) -> dict[str, str]:
    """Group -> option that a task chooses; empty if it does not compose. Hydra must be ready."""
    try:
        choices = compose_config([f"task={task}"]).hydra.runtime.choices
    except ConfigError:
        return {}
    return {group: str(choices[group]) for group in GROUPS if group in choices}


def _chosen_by(task: str) -> list[tuple[str, str]]:
    with hydra_ready():
        return [*own_choices(task).items()]
