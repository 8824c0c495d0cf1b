"""What a plugin's option files say, against the classes that they name: read, never imported."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from labloom.compose.option_files import read_option_file
from labloom.compose.schema_classes import INSTANTIATE_KEYS, names_something, read_constructor
from labloom.errors import ConfigError, listing, nearest
from labloom.health.findings import Finding
from labloom.plugins import Plugin
from labloom.plugins.option_files import options_in

BUILT = ("model", "data")


def about_contents(plugin: Plugin) -> Iterator[Finding]:
    """What is wrong inside the files of tasks, models and data sets, each with its file."""
    for option, file in options_in(plugin.config_folder).items():
        group = option.partition("/")[0]
        if group not in ("task", *BUILT):
            continue
        try:
            content = read_option_file(file)
        except ConfigError:  # told as a broken option
            continue
        if group == "task":
            yield from _leaks(content, file)
            yield from _misfits(content.get("module"), file, plugin)
        else:
            yield from _misfits(content, file, plugin)


def _leaks(content: Mapping[str, Any], file: Path) -> Iterator[Finding]:
    for node in BUILT:
        if node in content:
            text = f"{file} sets keys under '{node}', which go to every other {node} too"
            fix = f"move them to a file of its own in conf/{node}, and choose it by /{node}: NAME"
            yield Finding(text, fix, broken=_chooses(content, node))


def _chooses(content: Mapping[str, Any], group: str) -> bool:
    """Whether a defaults list chooses an option of ``group``, for which there may be others."""
    listed = content.get("defaults")
    entries = listed if isinstance(listed, list) else []
    return any(isinstance(entry, Mapping) and f"/{group}" in entry for entry in entries)


def _misfits(node: Any, file: Path, plugin: Plugin) -> Iterator[Finding]:
    """Classes that are not there, and keys that a class does not take."""
    target = node.get("_target_") if isinstance(node, Mapping) else None
    if not isinstance(target, str) or not target.startswith(f"{plugin.package}."):
        return
    package = plugin.config_folder.parent
    if not names_something(target, package):
        yield Finding(f"{file} names {target}, which is not there", f"mend _target_ in {file}")
        return
    constructor = read_constructor(target, package)
    for key in node:
        special = key in ("_target_", "defaults", *INSTANTIATE_KEYS)
        if constructor.open or special or key in constructor.arguments:
            continue
        near = nearest(str(key), constructor.arguments)
        yield Finding(
            f"{file} sets '{key}', and {target} takes {listing(constructor.arguments)}",
            f"did you mean '{near}'?" if near else f"take it out of {file}",
        )
