"""``labloom list``: what can be run. Imports neither Hydra nor anything heavy."""

from __future__ import annotations

from typing import Any

import click

from labloom.cli.output import print_json, print_table, say
from labloom.compose.experiments import Experiment, find_experiments
from labloom.compose.headers import first_comment
from labloom.plugins import Plugin, Registry, cautions, discover, missing_packages

GROUPS = ("model", "data")


EXAMPLES = """\b
Examples
  labloom list
  labloom list --json | jq -r '.tasks[].name'
"""


@click.command("list", epilog=EXAMPLES)
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of tables.")
def command(as_json: bool) -> None:
    """Tasks, models, data sets and experiments that are there."""
    registry = discover()
    tasks = _tasks(registry)
    options = {group: _options(registry, group) for group in GROUPS}
    experiments = [found for found in find_experiments() if found.task in (None, *registry.tasks)]
    if as_json:
        print_json(_as_json(registry, tasks, options, experiments))
        return
    print_table(
        "Tasks",
        ("task", "what it trains", "objective", "from"),
        [t.values() for t in _brief(tasks)],
    )
    for group, found in options.items():
        say()
        print_table(
            group.capitalize(),
            (f"{group}=", "what it is"),
            [(o["name"], o["summary"]) for o in found],
        )
    say()
    print_table(
        "Experiments", ("experiment=", "what it shows"), [(e.name, e.summary) for e in experiments]
    )
    _print_failures(registry)


def _tasks(registry: Registry) -> list[dict[str, Any]]:
    return [
        {
            "name": task.name,
            "summary": task.summary,
            "monitor": task.monitor,
            "mode": task.mode,
            "plugin": f"{plugin.distribution} {plugin.version}" if plugin else "labloom",
            "missing": missing_packages(task),
        }
        for task, plugin in registry.tasks.values()
    ]


def _brief(tasks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {
            "name": task["name"],
            "summary": f"unavailable: needs {', '.join(task['missing'])}"
            if task["missing"]
            else task["summary"],
            "objective": f"{task['mode']} {task['monitor']}" if task["monitor"] else None,
            "plugin": task["plugin"],
        }
        for task in tasks
    ]


def _options(registry: Registry, group: str) -> list[dict[str, str]]:
    return [option for plugin in registry.plugins.values() for option in _options_of(plugin, group)]


def _options_of(plugin: Plugin, group: str) -> list[dict[str, str]]:
    files = sorted((plugin.config_folder / group).glob("*.yaml"))
    return [
        {"name": file.stem, "summary": first_comment(file.read_text(encoding="utf-8"))}
        for file in files
    ]


def _as_json(
    registry: Registry,
    tasks: list[dict[str, Any]],
    options: dict[str, list[dict[str, str]]],
    experiments: list[Experiment],
) -> dict[str, Any]:
    return {
        "tasks": tasks,
        **options,
        "experiments": [
            {"name": e.name, "task": e.task, "summary": e.summary} for e in experiments
        ],
        "broken": [
            {
                "plugin": f.id,
                "from": list(f.origins),
                "stage": f.stage,
                "cause": f.cause,
                "place": f.place,
                "fix": f.fix,
            }
            for f in registry.failures.values()
        ],
        "warnings": [text for plugin in registry.plugins.values() for text in cautions(plugin)],
        "disabled": sorted(registry.disabled),
    }


def _print_failures(registry: Registry) -> None:
    for failure in registry.failures.values():
        say()
        say(f"BROKEN  {failure.id} ({' and '.join(failure.origins)}) at {failure.stage}")
        say(f"  {failure.cause}")
        if failure.place:
            say(f"  in {failure.place}")
        say(f"  {failure.fix}   (labloom doctor {failure.id} shows the whole error)")
    for plugin in registry.plugins.values():
        for text in cautions(plugin):
            say()
            say(f"warning: {text}")
    if registry.disabled:
        say()
        say(f"switched off by LABLOOM_DISABLE: {', '.join(sorted(registry.disabled))}")
