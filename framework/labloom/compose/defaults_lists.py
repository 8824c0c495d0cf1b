"""Find what is wrong in the defaults lists of the chosen option files, and name the file.

Hydra names the file that it was reading, which may be another than the one that has to be mended,
and none at all for an ``override`` that is missing or one too many.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labloom.compose.groups import group_options, is_group, known_groups
from labloom.compose.option_files import (
    GLOBAL_GROUPS,
    check_option_file,
    find_option_file,
    read_option_file,
)
from labloom.errors import ConfigError, listing, nearest

ROOT = "config"
IN_ORDER = ("task", "experiment", "debug")  # as the root reads them
_FORGOTTEN_COLON = re.compile(r"^(override )?/?[\w/@]+ +\w+$")


@dataclass(frozen=True)
class Entry:
    """One entry of a defaults list.

    Args:
        file: where it stands.
        parent: group of the option whose file that is, e.g. ``task``.
        text: as it is written, e.g. ``override /model: vision_cnn``.
        group: the config group, without a leading slash, e.g. ``model``.
        package: what stands behind ``@``; empty as a rule.
        choice: the chosen option; None for ``null`` and for what only Hydra can work out.
        override: whether it changes a choice instead of adding one.
        absolute: whether the group was written with a slash in front.
        alone: whether it is an option's name without a group: a neighbour in the same folder.
    """

    file: Path
    parent: str
    text: str
    group: str
    package: str
    choice: str | None
    override: bool
    absolute: bool
    alone: bool = False

    @property
    def corrected(self) -> str:
        """The start of the entry as it has to be written in an experiment or task file."""
        return f"/{self.group}{'@' if self.package else ''}{self.package}"


def wrong_default(chosen: Mapping[str, str]) -> ConfigError | None:
    """The first mistake in a defaults list that the chosen options reach; None if there is none.

    Args:
        chosen: typed choices by group; an experiment's and a task's own choices are followed.
    """
    try:
        present = {entry.group for entry in _entries(ROOT, "") if not entry.package}
        for group in IN_ORDER:
            if group in chosen:
                _check(f"{group}/{chosen[group]}", present, chosen)
        for group, choice in chosen.items():
            if group not in IN_ORDER:
                _check(f"{group}/{choice}", present, {})
    except ConfigError as error:
        return error
    return None


def task_of_defaults(experiment: str) -> str | None:
    """The task that an experiment's defaults list chooses, if it does."""
    entries = _entries(f"experiment/{experiment}", "experiment")
    return next((e.choice for e in entries if e.group == "task" and e.override), None)


def _check(
    option: str, present: set[str], chosen: Mapping[str, str], path: tuple[str, ...] = ()
) -> None:
    """Check the defaults list of ``option``, and of what it brings; notes what is present."""
    if option in path:
        raise ConfigError(
            f"option files stand on one another in a circle: {' -> '.join((*path, option))}",
            expected="defaults lists that lead to an end",
            fix=f"take one of them out of the defaults list of {find_option_file(option)}",
        )
    path = (*path, option)
    _refuse_absent_header(option)
    entries = list(_entries(option, option.rpartition("/")[0]))
    experiment = option.startswith("experiment/")
    task = next((e for e in entries if e.group == "task" and e.override and e.choice), None)
    if experiment and task and "task" not in chosen:
        _refuse_absent_option(task)
        _check(f"task/{task.choice}", present, chosen, path)
    overriding: Entry | None = None
    for entry in entries:
        _refuse_absent_group(entry)
        _refuse_wrong_kind(entry, present)
        _refuse_absent_option(entry)
        if overriding is not None and not entry.override:
            raise ConfigError(
                f"in {entry.file}, '{entry.text}' stands behind '{overriding.text}'",
                expected="overrides at the end of the defaults list",
                fix=f"move '{entry.text}' up",
            )
        overriding = entry if entry.override else overriding
        if not entry.package and not entry.alone:
            present.add(entry.group)
        if entry.choice is not None and (entry.alone or entry.group != "task"):
            _check(f"{entry.group}/{entry.choice}", present, {}, path)


def _entries(option: str, parent: str) -> Iterator[Entry]:
    """The defaults list of an option, entry by entry; nothing for an option without a file."""
    file = find_option_file(option)
    if file is None:
        return
    listed = read_option_file(file).get("defaults", [])
    if not isinstance(listed, list):
        raise ConfigError(
            f"'defaults' in {file} is no list",
            expected="lines such as - /model: vision_cnn",
            got=f"a {type(listed).__name__}",
            fix=f"begin each line under defaults with a dash, in {file}",
        )
    for written in listed:
        yield from _entry(written, file, parent)


def _entry(written: Any, file: Path, parent: str) -> Iterator[Entry]:
    if isinstance(written, str):
        if _FORGOTTEN_COLON.match(written):
            first, _, last = written.rpartition(" ")
            raise ConfigError(
                f"'{written}' in the defaults list of {file} lacks a colon",
                fix=f"write - {first.rstrip()}: {last}",
            )
        if written != "_self_" and parent:
            yield _neighbour(written, file, parent)
        return
    if not isinstance(written, Mapping) or len(written) != 1:
        raise ConfigError(
            f"an entry in the defaults list of {file} is no pair of group and option",
            expected="one pair in each line, such as - /model: vision_cnn",
            got=str(written),
            fix=f"give each pair a line of its own in {file}",
        )
    key, choice = next(iter(written.items()))
    words = str(key).split()
    path, _, package = words[-1].partition("@")
    absolute = path.startswith("/")
    group = path.strip("/") if absolute or not parent else f"{parent}/{path}"
    for one in choice if isinstance(choice, list) else [choice]:
        plain = isinstance(one, str | int) and not str(one).startswith(("${", "???"))
        yield Entry(
            file=file,
            parent=parent,
            text=f"{key}: {one}",
            group=group,
            package=package,
            choice=str(one) if plain and "optional" not in words else None,
            override="override" in words,
            absolute=absolute,
        )


def _neighbour(written: str, file: Path, parent: str) -> Entry:
    """The entry of a file that stands on another one of its group: ``- vision_cnn``."""
    words = written.split()
    path, _, package = words[-1].partition("@")
    absolute = path.startswith("/")
    group, _, name = (path.strip("/") if absolute else f"{parent}/{path}").rpartition("/")
    return Entry(
        file=file,
        parent=parent,
        text=written,
        group=group,
        package=package,
        choice=name if "optional" not in words and "${" not in name else None,
        override=False,
        absolute=absolute,
        alone=True,
    )


def _refuse_absent_header(option: str) -> None:
    """A task file without its header chooses everything in a package of its own."""
    file = find_option_file(option)
    group = option.partition("/")[0]
    if file is not None and group in GLOBAL_GROUPS:
        check_option_file(file, group)


def _refuse_absent_group(entry: Entry) -> None:
    if is_group(entry.group) or entry.choice is None:
        return
    bare = entry.group.removeprefix(f"{entry.parent}/")
    if not entry.absolute and is_group(bare):
        fix = f"write '{entry.text.replace(bare, '/' + bare, 1)}'"
    else:
        near = nearest(bare, known_groups())
        fix = f"did you mean /{near}?" if near else None
    raise ConfigError(
        f"'{entry.text}' in the defaults list of {entry.file} names no config group",
        expected=f"one of {listing((f'/{name}' for name in known_groups()), limit=20)}",
        fix=fix,
    )


def _refuse_wrong_kind(entry: Entry, present: Iterable[str]) -> None:
    """``override`` is for a group that something before has chosen, and only for that."""
    if entry.package or entry.alone or entry.group.startswith("hydra/") or not entry.absolute:
        return
    if entry.parent not in GLOBAL_GROUPS:  # in a model's file, /optimizer is model.optimizer
        return
    if entry.override and entry.group not in present:
        raise ConfigError(
            f"'{entry.text}' in {entry.file} overrides what nothing has chosen before",
            expected="override only for a group that the core or the task has chosen",
            fix=f"write '{entry.corrected}: {entry.choice}'",
        )
    if not entry.override and entry.group in present:
        raise ConfigError(
            f"'{entry.text}' in {entry.file} chooses {entry.group} a second time",
            expected="override, because the core or the task has chosen it already",
            fix=f"write 'override {entry.corrected}: {entry.choice}'",
        )


def _refuse_absent_option(entry: Entry) -> None:
    options = group_options(entry.group)
    if entry.choice is None or entry.choice in options:
        return
    near = nearest(entry.choice, options)
    path = f"{entry.group}/{entry.choice}.yaml"
    flat = entry.parent == "experiment"  # the folder of experiments has no others beside it
    write = f"write an option file {path}" if flat else f"write {_beside(entry) / path}"
    raise ConfigError(
        f"'{entry.text}' in {entry.file} names no option of {entry.group}",
        expected=f"one of {listing(options, limit=30)}",
        fix=f"did you mean '{near}'? Or {write}" if near else write,
    )


def _beside(entry: Entry) -> Path:
    """The folder that the groups are in, of which the entry's file is in one."""
    return entry.file.parents[entry.parent.count("/") + 1]
