"""Read the experiments' files without Hydra: names, tasks and first lines, for listings."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from labloom.compose.folders import experiment_folders
from labloom.compose.headers import first_comment
from labloom.plugins import discover

GROUP = "experiment"


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """An option of the config group ``experiment``.

    Args:
        name: what is typed behind ``experiment=``.
        task: the task that it chooses; None when the file does not choose one.
        summary: the first line of the file's header.
        file: where it stands.
    """

    name: str
    task: str | None
    summary: str
    file: Path


def find_experiments() -> list[Experiment]:
    """Every experiment in reach, by name; the first folder that has a name wins, as in Hydra."""
    found: dict[str, Experiment] = {}
    of_plugins = [plugin.config_folder / GROUP for plugin in discover().plugins.values()]
    for folder in [*of_plugins, *experiment_folders()]:
        for file in sorted(folder.glob("*.yaml")):
            found.setdefault(file.stem, read_experiment(file))
    return [found[name] for name in sorted(found)]


def find_experiment(name: str) -> Experiment | None:
    """The experiment called ``name``, whether or not its plugin is there."""
    return next((found for found in find_experiments() if found.name == name), None)


def read_experiment(file: Path) -> Experiment:
    """Read one file; a file that is no YAML is an experiment without task."""
    text = file.read_text(encoding="utf-8")
    return Experiment(
        name=file.stem, task=_chosen_task(text), summary=first_comment(text), file=file
    )


def _chosen_task(text: str) -> str | None:
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError:
        return None
    defaults: Any = content.get("defaults", []) if isinstance(content, dict) else []
    for entry in defaults if isinstance(defaults, list) else []:
        if isinstance(entry, dict):
            for key, value in entry.items():
                if str(key).removeprefix("override ").strip() == "/task":
                    return str(value)
    return None
