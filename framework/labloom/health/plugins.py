"""Every plugin: where it comes from, which labloom it asks for, what it offers, what is wrong."""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Sequence
from typing import Any

from labloom import __version__
from labloom.compose.option_files import check_option_file
from labloom.errors import ConfigError, PluginError, listing
from labloom.health.findings import Finding, Section, finding_of
from labloom.plugins import Candidate, Failure, Plugin, Registry, cautions, missing_packages
from labloom.plugins.causes import bring_packages
from labloom.plugins.compatibility import core_range, fits_core
from labloom.plugins.option_files import options_in

FRAMES = 12  # of a traceback, at either end: an endless recursion has a thousand


def look_at_plugins(registry: Registry) -> Section:
    """All plugins in short, and every failure with its whole cause."""
    parts = [about_plugin(plugin) for plugin in registry.plugins.values()]
    parts += [about_failure(failure) for failure in registry.failures.values()]
    rows = [row for part in parts for row in part.rows]
    rows += [(name, "switched off by LABLOOM_DISABLE") for name in sorted(registry.disabled)]
    return Section(
        rows or [("none", "no plugin is installed")],
        [part.facts for part in parts],
        [block for part in parts for block in part.blocks],
        [finding for part in parts for finding in part.findings],
    )


def about_plugin(plugin: Plugin) -> Section:
    """A plugin that was loaded."""
    candidate = plugin.candidate
    findings = [*_range_findings(candidate), *_option_findings(plugin), *_missing(plugin)]
    findings += [Finding(text, broken=False) for text in cautions(plugin)]
    tasks = [task.name for task in plugin.tasks]
    rows = [
        (plugin.id, candidate.origin),
        ("", f"asks for {range_in_words(candidate)}; tasks: {listing(tasks)}"),
    ]
    missing = {task.name: missing_packages(task) for task in plugin.tasks}
    facts = {**_origin_facts(candidate), "tasks": tasks, "missing": missing}
    return Section(rows, {"plugin": plugin.id, "loaded": True, **facts}, (), findings)


def about_failure(failure: Failure) -> Section:
    """A plugin that was not loaded, with its whole cause."""
    facts: dict[str, Any] = {
        "plugin": failure.id,
        "loaded": False,
        "from": list(failure.origins),
        "stage": failure.stage,
        "cause": failure.cause,
        "place": failure.place,
        "fix": failure.fix,
    }
    text = f"plugin '{failure.id}' failed at '{failure.stage}': {failure.cause}"
    findings = [Finding(text, failure.fix)]
    sole = failure.claimants[0] if len(failure.claimants) == 1 else None
    rows = [(failure.id, f"BROKEN at '{failure.stage}', from {' and '.join(failure.origins)}")]
    if sole is not None:
        findings += _range_findings(sole)
        rows.append(("", f"asks for {range_in_words(sole)}"))
    return Section(rows, facts, ["\n".join(_cause_lines(failure))], findings)


def range_in_words(candidate: Candidate) -> str:
    """Which labloom a plugin asks for."""
    try:
        wanted = core_range(candidate)
    except PluginError:
        return "a labloom that cannot be read"
    if wanted is None:
        return "no labloom"
    return f"labloom {wanted}" if wanted else "any labloom"


def broken_options(plugin: Plugin) -> Iterator[tuple[str, ConfigError]]:
    """Option files that cannot be read or stand in the wrong place, with what is wrong."""
    for option, file in options_in(plugin.config_folder).items():
        try:
            check_option_file(file, option.partition("/")[0])
        except ConfigError as error:
            yield option, error


def _origin_facts(candidate: Candidate) -> dict[str, Any]:
    return {
        "distribution": candidate.distribution,
        "version": candidate.version,
        "folder": candidate.folder,
        "asks_for": range_in_words(candidate),
    }


def _range_findings(candidate: Candidate) -> list[Finding]:
    try:
        if fits_core(candidate):
            return []
    except PluginError as error:
        return [finding_of(error)]
    upgrade = "another version of the plugin, or of labloom"
    return [
        Finding(
            f"plugin '{candidate.id}' {candidate.version} asks for labloom "
            f"{core_range(candidate)}, and this is {__version__}",
            f"install {upgrade}: pip install -U {candidate.distribution}"
            if candidate.folder is None
            else f"install {upgrade}, or widen the range in {candidate.project_file}",
        )
    ]


def _option_findings(plugin: Plugin) -> list[Finding]:
    return [finding_of(error, f"plugin '{plugin.id}': ") for _, error in broken_options(plugin)]


def _missing(plugin: Plugin) -> Iterator[Finding]:
    for task in plugin.tasks:
        names = missing_packages(task)
        if names:
            text = f"task '{task.name}' needs {listing(names)}, which is not installed"
            yield Finding(text, bring_packages(names, plugin.candidate), broken=False)


def _cause_lines(failure: Failure) -> Iterator[str]:
    yield f"BROKEN  {failure.id}  at '{failure.stage}'"
    if isinstance(failure.error, PluginError):
        yield from (f"  {line}" for line in str(failure.error).splitlines())
    else:
        yield from (f"  {line}" for line in _traceback(failure.error, failure))
        if failure.place:
            yield f"  place:    {failure.place}"
        yield f"  fix:      {failure.fix}"


def _traceback(error: BaseException, failure: Failure) -> Sequence[str]:
    """The traceback from the plugin's own code on, shortened in its middle."""
    whole = traceback.TracebackException.from_exception(error)
    whole.stack = traceback.StackSummary.from_list(_own_frames(whole.stack, failure))
    return "".join(whole.format()).rstrip().splitlines()


def _own_frames(
    frames: traceback.StackSummary, failure: Failure
) -> Sequence[traceback.FrameSummary]:
    """Without the frames of importing, which lead to the plugin's first line."""
    own = (failure.place or "").rpartition(":")[0]
    start = next((i for i, frame in enumerate(frames) if frame.filename == own), 0)
    shown = list(frames[start:])
    return shown if len(shown) <= 2 * FRAMES else shown[:FRAMES] + shown[-FRAMES:]
