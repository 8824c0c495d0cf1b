"""Which names a new plugin may have: valid everywhere they are used, and nobody else's."""

from __future__ import annotations

import importlib.util
import keyword
import re
from dataclasses import dataclass

from labloom.errors import ConfigError, listing
from labloom.plugins import CUSTOM, Registry

NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
SPELLING = "words of a-z and 0-9 joined by single underscores, a letter first"
LONGEST = 24  # characters, so that the lines of the written code stay short
RESERVED = (CUSTOM.name, "labloom")
MODULES = ("plugin", "data", "nets", "conf")  # the other modules of the written package


@dataclass(frozen=True, kw_only=True)
class Names:
    """What a new plugin is called.

    Args:
        plugin: its id, e.g. ``speech``.
        task: its first task without the id, e.g. ``detect``; also the name of the task's module.
    """

    plugin: str
    task: str

    @property
    def distribution(self) -> str:
        """Name of the pip distribution, and of its folder."""
        return f"labloom-{self.plugin.replace('_', '-')}"

    @property
    def package(self) -> str:
        """Name of the Python package."""
        return package_of(self.plugin)

    @property
    def full_task(self) -> str:
        """The task as it is typed behind ``task=``."""
        return f"{self.plugin}_{self.task}"


def package_of(plugin: str) -> str:
    """Name of a plugin's Python package."""
    return f"labloom_{plugin}"


def choose_names(plugin: str, task: str, registry: Registry) -> Names:
    """Check the names of a new plugin.

    Args:
        plugin: its id.
        task: its first task, without the id.
        registry: the plugins that are there, in whatever state.

    Raises:
        ConfigError: a name is misspelt, too long, reserved or taken, or would be ambiguous.
    """
    _check_spelling("plugin id", plugin)
    _check_spelling("task", task)
    if plugin in RESERVED:
        raise ConfigError(
            f"the plugin id '{plugin}' is labloom's own", fix="choose another id, e.g. your topic"
        )
    if plugin.startswith("labloom_"):
        raise ConfigError(
            f"the plugin id '{plugin}' begins with labloom's own name",
            expected="the id alone: 'labloom' is put before it",
            fix=f"labloom new {mended(plugin) or 'NAME'}",
        )
    _refuse_taken(plugin, registry)
    if task in MODULES:
        raise ConfigError(
            f"the task cannot be called '{task}'",
            expected=f"another word than {listing(MODULES)}, which the plugin's package has",
            got=f"--task {task}",
            fix="say what is done, e.g. --task classify",
        )
    if task.startswith(f"{plugin}_"):
        short = task.removeprefix(f"{plugin}_")
        raise ConfigError(
            f"the task would be called '{plugin}_{task}'",
            expected="the task without the plugin's id, which is put before it",
            got=f"--task {task}",
            fix=f"--task {short}   (gives task={task})",
        )
    return Names(plugin=plugin, task=task)


def mended(name: str) -> str | None:
    """The valid name that is nearest to ``name``; None when too little is left of it."""
    words = re.findall(r"[a-z0-9]+", name.lower())
    if words[:1] == ["labloom"] and len(words) > 1:  # the distribution's name, not the id
        words = words[1:]
    joined = "_".join(words).lstrip("0123456789_")
    short = joined[:LONGEST].rstrip("_")
    return short if NAME.fullmatch(short) and not keyword.iskeyword(short) else None


def _check_spelling(what: str, name: str) -> None:
    near = mended(name)
    fix = f"for instance '{near}'" if near else "choose another name"
    if not NAME.fullmatch(name):
        raise ConfigError(
            f"'{name}' cannot be used as a {what}", expected=SPELLING, got=repr(name), fix=fix
        )
    if len(name) > LONGEST:
        raise ConfigError(
            f"the {what} '{name}' is too long",
            expected=f"at most {LONGEST} characters",
            got=f"{len(name)} characters",
            fix=fix,
        )
    if keyword.iskeyword(name):
        raise ConfigError(
            f"'{name}' cannot be used as a {what}: it is a word of Python's own",
            fix=f"for instance '{name}s'",
        )


def _refuse_taken(plugin: str, registry: Registry) -> None:
    owners = {
        **{name: found.candidate.origin for name, found in registry.plugins.items()},
        **{name: " and ".join(failure.origins) for name, failure in registry.failures.items()},
        **dict.fromkeys(registry.disabled, "switched off by LABLOOM_DISABLE"),
    }
    for other, origin in owners.items():
        if other == plugin:
            raise ConfigError(
                f"there is a plugin '{plugin}' already", got=origin, fix="choose another id"
            )
        # A task's name begins with its plugin's id: whose would 'foo_bar_classify' be?
        if plugin.startswith(f"{other}_") or other.startswith(f"{plugin}_"):
            raise ConfigError(
                f"the ids '{plugin}' and '{other}' cannot be told apart in the names of tasks",
                expected="an id that does not begin with another plugin's id, nor begin one",
                got=f"'{other}' is {origin}",
                fix=f"for instance '{plugin.replace('_', '')}'"
                if plugin.startswith(other)
                else "choose another id",
            )
    found = importlib.util.find_spec(package_of(plugin))
    if found is not None:
        raise ConfigError(
            f"there is a Python package '{package_of(plugin)}' already",
            got=str(found.origin or "a folder without __init__.py on Python's path"),
            fix="choose another id, or take the package away",
        )
