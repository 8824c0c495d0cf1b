"""Load one plugin: import it, register its hooks, ask for its tasks, check its option files."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Literal

import pluggy

from labloom import hookspecs
from labloom.errors import PluginError, listing, nearest
from labloom.hookspecs import Task
from labloom.plugins.candidates import Candidate

Stage = Literal["discover", "import", "register", "register_tasks", "options"]

HOOKS = [name for name, value in vars(hookspecs).items() if hasattr(value, "labloom_spec")]


@dataclass(frozen=True, kw_only=True)
class Plugin:
    """A plugin that was loaded and has registered its tasks."""

    candidate: Candidate
    module: ModuleType
    tasks: tuple[Task, ...]

    @property
    def id(self) -> str:
        """The entry point's name: prefix of the plugin's tasks and option files."""
        return self.candidate.id

    @property
    def package(self) -> str:
        """Top-level package, e.g. ``labloom_vision``."""
        return self.candidate.package

    @property
    def distribution(self) -> str:
        """Name of the pip distribution."""
        return self.candidate.distribution

    @property
    def version(self) -> str:
        """Version of the pip distribution."""
        return self.candidate.version

    @property
    def config_folder(self) -> Path:
        """Folder of the plugin's option files."""
        return config_folder(self.package)


class LoadError(Exception):
    """Where and why loading one plugin failed."""

    def __init__(self, stage: Stage, error: BaseException) -> None:
        super().__init__(str(error))
        self.stage = stage
        self.error = error


def load(candidate: Candidate, manager: pluggy.PluginManager) -> Plugin:
    """Import ``candidate`` and register its hooks with ``manager``.

    Raises:
        LoadError: at whatever stage it failed; nothing stays registered then.
    """
    with _stage("import"):
        make_importable(candidate)
        module = importlib.import_module(candidate.module)
    try:
        with _stage("register"):
            manager.register(module, name=candidate.id)
            _refuse_unknown_hooks(module, manager)
        with _stage("register_tasks"):
            tasks = _registered_tasks(candidate.id, module, manager)
        with _stage("options"):
            _check_option_files(candidate)
    except LoadError:
        if manager.has_plugin(candidate.id):
            manager.unregister(name=candidate.id)
        raise
    return Plugin(candidate=candidate, module=module, tasks=tasks)


def make_importable(candidate: Candidate) -> None:
    """Put an uninstalled plugin's ``src`` on the path, for this process and its children."""
    if candidate.folder is None:
        return
    source = candidate.folder / "src"
    path = str(source if source.is_dir() else candidate.folder)
    if path not in sys.path:
        sys.path.insert(0, path)
        inherited = os.environ.get("PYTHONPATH", "")
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [path, inherited]))


def config_folder(package: str) -> Path:
    """``<package>/conf`` of an importable package."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise PluginError(f"'{package}' is not an importable package")
    return Path(next(iter(spec.submodule_search_locations))) / "conf"


@contextmanager
def _stage(stage: Stage) -> Iterator[None]:
    """Turn whatever foreign code raises into a LoadError; SystemExit is caught on purpose."""
    try:
        yield
    except (Exception, SystemExit) as error:
        raise LoadError(stage, error) from error


def _refuse_unknown_hooks(module: ModuleType, manager: pluggy.PluginManager) -> None:
    for name, function in inspect.getmembers(module, inspect.isroutine):
        if hasattr(function, "labloom_impl") and name not in HOOKS:
            near = nearest(name, HOOKS)
            hint = f"did you mean '{near}'?" if near else f"hooks are {listing(HOOKS)}"
            raise PluginError(f"unknown hook '{name}' in {module.__name__}; {hint}")


def _registered_tasks(
    plugin_id: str, module: ModuleType, manager: pluggy.PluginManager
) -> tuple[Task, ...]:
    others = [other for name, other in manager.list_name_plugin() if name != plugin_id]
    answers = manager.subset_hook_caller("register_tasks", others)()
    tasks = tuple(task for answer in answers for task in answer)
    for task in tasks:
        if not isinstance(task, Task):
            raise PluginError(f"register_tasks returned {task!r} where labloom.Task was expected")
        if not task.name.startswith(f"{plugin_id}_"):
            raise PluginError(f"task '{task.name}' must be called '{plugin_id}_{task.name}'")
        if task.mode not in ("min", "max"):
            raise PluginError(f"task '{task.name}' has mode '{task.mode}', not 'min' or 'max'")
    names = [task.name for task in tasks]
    if len(set(names)) < len(names):
        raise PluginError(f"register_tasks names a task twice: {listing(names)}")
    return tasks


def _check_option_files(candidate: Candidate) -> None:
    """Refuse option files that Hydra would not find, or would take for another plugin's."""
    folder = config_folder(candidate.package)
    options = sorted(folder.rglob("*.yaml"))
    if options and not (folder / "__init__.py").exists():
        raise PluginError(f"{folder} needs an __init__.py, or Hydra does not find it")
    for option in options:
        place = option.relative_to(folder)
        if len(place.parts) < 2 or not option.stem.startswith(f"{candidate.id}_"):
            wanted = place.with_name(f"{candidate.id}_{option.name}")
            raise PluginError(f"option file '{place}' must be called '<group>/{wanted.name}'")
