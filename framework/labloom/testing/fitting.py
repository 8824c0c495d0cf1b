"""What a model or data option trains with: a task, and where its own choices do not fit, others.

A plugin has several tasks, and an option goes with some of them; which, nothing says. A model may
also read what no task's own data has, and then needs another data option of the plugin.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from labloom.build.bindings import MissingArgumentsError
from labloom.compose.checks import MissingValueError
from labloom.errors import ConfigError, ContractError, DataError, LabloomError, NetworkError
from labloom.plugins import Plugin
from labloom.testing.cases import GROUPS, Case
from labloom.testing.foreign import cause_of, missing_package
from labloom.testing.not_checked import NotChecked
from labloom.testing.trained import Trained

NO_TASK = "the plugin has no task to train it with"


@dataclass(frozen=True)
class Setting:
    """What an option is trained with.

    Args:
        task: the task.
        beside: choice of an option of the other group, ``group=name``; empty: the task's own.
    """

    task: str
    beside: tuple[str, ...] = ()


def first_fitting(
    case: Case, plugin: Plugin, attempt: Callable[[Setting], Trained]
) -> tuple[Setting, Trained]:
    """The first setting that an option trains with.

    First come the tasks as they stand. A task that refuses the option with words of its own, and
    does not break with it, is then tried with the plugin's further models or data sets.

    Args:
        case: the option.
        plugin: whose it is.
        attempt: trains the option with a setting.

    Raises:
        NotChecked: the option needs data or a package that is not here.
        LabloomError: it trains with none; the message has a line for each task.
    """
    if not plugin.tasks:
        raise NotChecked(NO_TASK)
    refusals: dict[str, LabloomError] = {}
    for task in plugin.tasks:
        try:
            return Setting(task.name), attempt(Setting(task.name))
        except LabloomError as error:
            refusals[task.name] = error
    for error in refusals.values():
        reason = _unavailable(error, plugin, data=case.group == "data")
        if reason:
            raise NotChecked(reason) from error
    found = _beside_others(case, plugin, attempt, refusals)
    if found:
        return found
    if len(refusals) == 1:
        raise next(iter(refusals.values()))
    raise ContractError(
        f"{case} trains with no task of the plugin",
        got="; ".join(f"{task}: {error.problem}" for task, error in refusals.items()),
        fix=f"labloom run task={next(iter(refusals))} {case} debug=fast",
    )


def _beside_others(
    case: Case,
    plugin: Plugin,
    attempt: Callable[[Setting], Trained],
    refusals: dict[str, LabloomError],
) -> tuple[Setting, Trained] | None:
    """The first setting with another option beside ``case``; None if there is none.

    Raises:
        NotChecked: ``case`` misses what the tasks' own choices do not give it, and what may give
            it is not here.
    """
    group = GROUPS[1 - GROUPS.index(case.group)]
    refusing = [task for task, e in refusals.items() if isinstance(e, ConfigError | DataError)]
    reason: str | None = None
    for name in _options(plugin, group, first=case.option) if refusing else ():
        for task in refusing:
            setting = Setting(task, (f"{group}={name}",))
            try:
                return setting, attempt(setting)
            except LabloomError as error:
                why = _unavailable(error, plugin, data=group == "data")
                reason = reason or (f"with {group}={name}, {why}" if why else None)
    if reason and any(isinstance(error, MissingArgumentsError) for error in refusals.values()):
        raise NotChecked(reason)
    return None


def _options(plugin: Plugin, group: str, first: str) -> list[str]:
    """Names of a group's options; that of the same name as ``first`` probably belongs to it."""
    names = [file.stem for file in (plugin.config_folder / group).glob("*.yaml")]
    return sorted(names, key=lambda name: (name != first, name))


def _unavailable(error: LabloomError, plugin: Plugin, data: bool) -> str | None:
    """What is not here of what an option needs: a file, a package, a value; None if all is.

    Args:
        error: how the training failed.
        plugin: whose option it is.
        data: whether files that are missing may be those of a data option, not of a task.
    """
    if isinstance(error, NetworkError):
        return f"it would be downloaded: {error.problem}"
    no_file = data and cause_of(error, FileNotFoundError)
    if no_file or isinstance(error, DataError):
        return f"its data is not here: {no_file or error.problem}"
    if isinstance(error, MissingValueError):
        return f"it needs {error.fix}"
    missing = missing_package(error, plugin.package)
    return f"it needs {missing}, which is not installed" if missing else None
