"""Mistakes in the chosen option files that Hydra takes for settings: told with the file.

What stands in a file has not been typed, so the message says where to mend it, not what to type.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from labloom.compose.groups import group_options
from labloom.compose.option_files import (
    GLOBAL_GROUPS,
    check_option_file,
    find_option_file,
    read_option_file,
)
from labloom.errors import ConfigError, PluginError, listing, nearest
from labloom.plugins import CUSTOM, discover

NODES = ("module", "data")  # what every run needs beside the core's own groups


def check_chosen_files(choices: Mapping[str, Any]) -> None:
    """Refuse a global option file without its header, and a task file that names another task.

    Args:
        choices: chosen option of every group.

    Raises:
        ConfigError: names the file.
    """
    for group in GLOBAL_GROUPS:
        file = chosen_file(group, choices)
        if file is not None:
            check_option_file(file, group)
    file = chosen_file("task", choices)
    if file is not None:
        _check_task_name(file, str(choices["task"]))


def check_nodes(config: Mapping[str, Any], choices: Mapping[str, Any]) -> None:
    """Refuse a task file that brings no ``module`` or no ``data``, or under another name.

    Raises:
        ConfigError: names the file and what to write there.
    """
    file = chosen_file("task", choices)
    if file is None or choices.get("task") == CUSTOM.name:
        return
    for node in NODES:
        if node in config:
            continue
        near = nearest(node, (str(key) for key in read_option_file(file)))
        if near is not None:
            raise ConfigError(
                f"'{node}' is not there",
                got=f"{near}: in {file}",
                fix=f"write {node}: instead of {near}: in {file}",
            )
        raise _absent(node, file)


def chosen_file(group: str, choices: Mapping[str, Any]) -> Path | None:
    """The file of the chosen option of ``group``; None when none is chosen."""
    choice = choices.get(group)
    return find_option_file(f"{group}/{choice}") if choice is not None else None


def file_that_sets(key: str, choices: Mapping[str, Any]) -> Path | None:
    """The chosen option file that sets a dotted key; None for a key that no file sets."""
    for file, path in _places(key, choices):
        node: Any = read_option_file(file)
        for name in path:
            node = node.get(name, KeyError) if isinstance(node, Mapping) else KeyError
        if node is not KeyError:
            return file
    return None


def _places(key: str, choices: Mapping[str, Any]) -> Iterator[tuple[Path, list[str]]]:
    """Files that may set a key, the last word first, each with the key's names inside the file."""
    group, *inside = names = key.split(".")
    for overlay in reversed(GLOBAL_GROUPS):
        file = chosen_file(overlay, choices)
        if file is not None:
            yield file, names
    file = chosen_file(group, choices) if group not in GLOBAL_GROUPS else None
    if file is not None and inside:
        yield file, inside


def _check_task_name(file: Path, choice: str) -> None:
    """``task: {name: ...}`` decides whose task is run, whatever the file is called."""
    node = read_option_file(file).get("task")
    name = node.get("name") if isinstance(node, Mapping) else None
    if name is None or name == choice or "$" in str(name) or name == "???":
        return
    if choice in discover().tasks:
        raise ConfigError(
            f"{file} is the option file of task '{choice}', and names task '{name}'",
            expected=f"task: {{name: {choice}}}",
            fix=f"write name: {choice} under task: in {file}",
        )
    try:
        discover().find_task(str(name))
    except PluginError:
        raise
    except ConfigError as error:
        raise ConfigError(
            f"{file} names task '{name}', which is not there",
            expected=error.expected,
            fix=f"mend name: under task: in {file}",
        ) from error


def _absent(node: str, file: Path) -> ConfigError:
    if node == "module":
        return ConfigError(
            f"'module' is not there: {file} does not set it",
            expected="module: with the _target_ of a LightningModule",
            fix=f"write module: and below it _target_: package.module.Class in {file}",
        )
    return ConfigError(
        f"'{node}' is not there: {file} chooses none",
        expected=f"{node}=... with one of {listing(group_options(node))}",
        fix=f"add - /{node}: NAME to the defaults list of {file}, or type {node}=NAME",
    )
