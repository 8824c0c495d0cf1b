"""``labloom doctor``: the environment, the store, the disk and every plugin, and what is wrong."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Callable, Iterator, Sequence

import click

from labloom.cli.output import print_json, say
from labloom.errors import ExitStatus
from labloom.health import Finding, Section
from labloom.plugins import Registry, discover

WIDEST = 100  # columns; longer lines are tiring to read

EXAMPLES = """\b
Examples
  labloom doctor
  labloom doctor vision
  labloom doctor --json | jq .problems
"""


@click.command("doctor", epilog=EXAMPLES)
@click.argument("plugin", required=False)
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of text.")
def command(plugin: str | None, as_json: bool) -> int:
    """What is wrong here, and what to do: machine, packages, store, plugins.

    With a plugin's id: that plugin alone, in depth. Changes and makes nothing. Exit status 1 if
    something is broken.
    """
    registry = discover()
    if plugin is None:
        looks = _looks_at_everything(registry)
    else:
        _refuse_unknown(plugin, registry)
        from labloom.health.plugin_in_depth import looks_at

        looks = looks_at(plugin, registry)
    sections = dict(_look(looks, quietly=as_json))
    findings = [found for section in sections.values() for found in section.findings]
    broken = any(found.broken for found in findings)
    if as_json:
        print_json(_as_json(sections, findings))
    else:
        _print_findings(findings)
        if plugin in registry.plugins and not broken:
            say()
            say(f"labloom check {plugin}   (trains it)")
    return ExitStatus.FAILED if broken else ExitStatus.DONE


def _looks_at_everything(registry: Registry) -> Iterator[tuple[str, Callable[[], Section]]]:
    """What is quick comes first: torch and MLflow are imported at the end."""
    from labloom.health import accelerators, disk, environment, plugins, tracking, variables

    yield "Machine", environment.look_at_machine
    yield "Packages", environment.look_at_packages
    yield "Variables", variables.look_at_variables
    yield "Plugins", lambda: plugins.look_at_plugins(registry)
    yield "Disk", disk.look_at_disk
    yield "Store", tracking.look_at_store
    yield "Accelerators", accelerators.look_at_accelerators


def _look(
    looks: Iterator[tuple[str, Callable[[], Section]]], quietly: bool
) -> Iterator[tuple[str, Section]]:
    for title, look in looks:
        if not quietly:
            say(title)  # before looking, which may take seconds
        section = look()
        if not quietly:
            _print_section(section)
        yield title, section


def _print_section(section: Section) -> None:
    width = max((len(name) for name, _ in section.rows), default=0)
    for name, text in section.rows:
        _print_wrapped(text, first=f"  {name:<{width}}  ")
    for block in section.blocks:
        say()
        say(textwrap.indent(block, "  "))
    say()


def _print_findings(findings: Sequence[Finding]) -> None:
    broken = [found for found in findings if found.broken]
    warnings = [found for found in findings if not found.broken]
    if not findings:
        say("everything is in order")
    for name, several in (("problem", broken), ("warning", warnings)):
        if several:
            say(f"{len(several)} {name}{'s' if len(several) > 1 else ''}")
        for number, found in enumerate(several, start=1):
            _print_wrapped(found.text, first=f"  {number}. ")
            if found.fix:
                _print_wrapped(f"fix: {found.fix}", first="     ")


def _print_wrapped(text: str, first: str) -> None:
    """Print a paragraph behind ``first``, in the columns that there are; no path is cut."""
    lines = textwrap.wrap(
        text,
        width=min(shutil.get_terminal_size().columns, WIDEST),
        initial_indent=first,
        subsequent_indent=" " * len(first),
        break_long_words=False,
        break_on_hyphens=False,
    )
    say("\n".join(lines) if lines else first.rstrip())


def _refuse_unknown(plugin: str, registry: Registry) -> None:
    if plugin not in {*registry.plugins, *registry.failures, *registry.disabled}:
        raise registry.unknown_plugin(plugin)


def _as_json(sections: dict[str, Section], findings: Sequence[Finding]) -> dict[str, object]:
    told = [{"problem": found.text, "fix": found.fix} for found in findings if found.broken]
    warned = [{"warning": found.text, "fix": found.fix} for found in findings if not found.broken]
    looked = {
        title.lower(): dict(section.rows) if section.facts is None else section.facts
        for title, section in sections.items()
    }
    return {**looked, "problems": told, "warnings": warned}
