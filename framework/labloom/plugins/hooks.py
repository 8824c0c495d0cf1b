"""The hooks of one plugin: are they hooks, and are the tasks that they register in order?"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pluggy

from labloom import hookspecs
from labloom.errors import PluginError, listing, nearest
from labloom.hookspecs import Task
from labloom.plugins.candidates import Candidate

IMPL = "labloom_impl"  # the attribute by which pluggy knows what @hookimpl has marked
HOOKS = [name for name, value in vars(hookspecs).items() if hasattr(value, "labloom_spec")]


def refuse_unknown_hooks(module: ModuleType) -> None:
    """Refuse what ``@hookimpl`` marks if it is no function, or its name is no hook.

    Raises:
        PluginError: names it, and for a wrong name the nearest hook.
    """
    for name, function in vars(module).items():
        if not isinstance(getattr(function, IMPL, None), dict):
            continue
        if not (inspect.isfunction(function) or inspect.ismethod(function)):
            raise PluginError(
                f"hook '{name}' in {module.__name__} is a {type(function).__name__}",
                expected="a plain function: pluggy calls no other",
                fix=f"put what decorates it inside of it, in {place_of_hook(function)}",
            )
        if name not in HOOKS:
            near = nearest(name, HOOKS)
            hint = f"did you mean '{near}'?" if near else f"hooks are {listing(HOOKS)}"
            raise PluginError(
                f"unknown hook '{name}' in {module.__name__}; {hint}",
                fix=f"rename it in {place_of_hook(function)}",
            )


def refuse_unmarked_hooks(module: ModuleType) -> None:
    """Refuse a function that is called as a hook but lacks ``@hookimpl``: nobody would call it.

    Raises:
        PluginError: names it with its line.
    """
    for name in HOOKS:
        function = vars(module).get(name)
        own = inspect.isfunction(function) and function.__module__ == module.__name__
        if own and not hasattr(function, IMPL):
            place = place_of_hook(function)
            raise PluginError(
                f"{name} in {Path(place).name} lacks @hookimpl",
                fix=f"write @hookimpl above it, in {place}; or rename it, if it is no hook",
            )


def refuse_unknown_arguments(module: ModuleType) -> None:
    """Refuse a hook that asks for an argument which labloom does not pass.

    Raises:
        PluginError: names the argument, and those that there are.
    """
    for name in HOOKS:
        function = vars(module).get(name)
        if not hasattr(function, IMPL):
            continue
        allowed = _needed_arguments(getattr(hookspecs, name))
        for argument in _needed_arguments(function):
            if argument not in allowed:
                near = nearest(argument, allowed)
                place = place_of_hook(function)
                raise PluginError(
                    f"hook '{name}' asks for an argument '{argument}', which it does not get "
                    f"({Path(place).name})",
                    expected=f"none but {', '.join(allowed)}" if allowed else "no argument",
                    fix=(f"did you mean '{near}'? " if near else "")
                    + f"mend def {name} in {place}",
                )


def _needed_arguments(function: Any) -> list[str]:
    """Names without a default, which pluggy takes for those that it has to pass."""
    return [
        parameter.name
        for parameter in inspect.signature(function).parameters.values()
        if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
        and parameter.default is parameter.empty
    ]


def registered_tasks(
    plugin_id: str, module: ModuleType, manager: pluggy.PluginManager
) -> tuple[Task, ...]:
    """What the plugin's ``register_tasks`` returns.

    Raises:
        PluginError: something else than tasks came, or a task is named or described wrongly.
    """
    others = [other for name, other in manager.list_name_plugin() if name != plugin_id]
    answers = manager.subset_hook_caller("register_tasks", others)()
    hook = getattr(module, "register_tasks", None)
    if hasattr(hook, IMPL) and not (answers and isinstance(answers[0], Iterable)):
        raise PluginError(
            f"register_tasks returned {answers[0] if answers else None!r}",
            fix=f"return a list of labloom.Task in {place_of_hook(hook)}",
        )
    tasks = tuple(task for answer in answers for task in answer)
    for task in tasks:
        problem = _problem_of(task, plugin_id)
        if problem:
            raise PluginError(problem, fix=f"mend register_tasks in {place_of_hook(hook)}")
    names = [task.name for task in tasks]
    if len(set(names)) < len(names):
        raise PluginError(
            f"register_tasks names a task twice: {listing(names)}",
            fix=f"give each a name of its own in {place_of_hook(hook)}",
        )
    return tasks


def _problem_of(task: Task, plugin_id: str) -> str | None:
    if not isinstance(task, Task):
        return f"register_tasks returned {task!r} where labloom.Task was expected"
    if not task.name.startswith(f"{plugin_id}_"):
        return f"task '{task.name}' must be called '{plugin_id}_{task.name}'"
    if task.mode not in ("min", "max"):
        return f"task '{task.name}' has mode '{task.mode}', not 'min' or 'max'"
    if isinstance(task.requires, str):
        return f"task '{task.name}' requires a text: write requires=('{task.requires}',)"
    return None


def refuse_taken_names(
    candidate: Candidate, tasks: Iterable[Task], taken: Mapping[str, Candidate]
) -> None:
    """Refuse a task that another plugin has: 'foo' could register one of 'foo_bar'.

    Raises:
        PluginError: names both plugins.
    """
    for task in tasks:
        if task.name in taken:
            other = taken[task.name]
            raise PluginError(
                f"task '{task.name}' of plugin '{candidate.id}' ({candidate.origin}) is also one "
                f"of plugin '{other.id}' ({other.origin})",
                fix=f"rename it in one of them; meanwhile LABLOOM_DISABLE={other.id}",
            )


def place_of_hook(function: Any) -> str:
    """File and line of a hook, below its decorator."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    return f"{code.co_filename}:{code.co_firstlineno}" if code else "plugin.py"
