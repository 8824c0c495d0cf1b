"""``labloom doctor``: every plugin with its origin, and every failure with its whole cause."""

from __future__ import annotations

import traceback

import click

from labloom.cli.output import print_table, say
from labloom.errors import ConfigError, ExitStatus, PluginError, listing, nearest
from labloom.plugins import Failure, Registry, discover, missing_packages

EXAMPLES = """\b
Examples
  labloom doctor
  labloom doctor vision
"""


@click.command("doctor", epilog=EXAMPLES)
@click.argument("plugin", required=False)
def command(plugin: str | None) -> int:
    """Which plugins are there, and why others are not. Exit status 1 if one is broken."""
    registry = discover()
    if plugin is not None:
        _refuse_unknown(plugin, registry)
    healthy = [p for p in registry.plugins.values() if plugin in (None, p.id)]
    broken = [f for f in registry.failures.values() if plugin in (None, f.id)]
    rows = [(p.id, p.candidate.origin, _tasks_in_words(p.tasks)) for p in healthy]
    print_table("Plugins", ("plugin", "from", "tasks"), rows)
    for failure in broken:
        say()
        _print_failure(failure)
    return ExitStatus.FAILED if broken else ExitStatus.DONE


def _tasks_in_words(tasks: tuple) -> str:
    words = [
        f"{task.name} (needs {listing(missing)})"
        if (missing := missing_packages(task))
        else task.name
        for task in tasks
    ]
    return ", ".join(words) or "none"


def _refuse_unknown(plugin: str, registry: Registry) -> None:
    known = {*registry.plugins, *registry.failures, *registry.disabled}
    if plugin not in known:
        near = nearest(plugin, known)
        raise ConfigError(
            f"there is no plugin '{plugin}'",
            expected=f"one of {listing(known)}",
            fix=f"did you mean '{near}'?" if near else None,
        )


def _print_failure(failure: Failure) -> None:
    say(f"BROKEN  {failure.id}  at {failure.stage}")
    for origin in failure.origins:
        say(f"  from {origin}")
    if isinstance(failure.error, PluginError):
        say(f"  {failure.cause}")
    else:
        trace = "".join(traceback.format_exception(failure.error))
        say("  " + trace.rstrip().replace("\n", "\n  "))
    if failure.fix:
        say(f"  {failure.fix}")
