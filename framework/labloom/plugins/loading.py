"""Load one plugin: import it, register its hooks, ask for its tasks, check its option files."""

from __future__ import annotations

import importlib
import io
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Literal

import pluggy

from labloom.errors import PluginError
from labloom.hookspecs import Task
from labloom.plugins.candidates import Candidate
from labloom.plugins.causes import wrong_entry_point
from labloom.plugins.hooks import (
    HOOKS,
    IMPL,
    refuse_taken_names,
    refuse_unknown_arguments,
    refuse_unknown_hooks,
    refuse_unmarked_hooks,
    registered_tasks,
)
from labloom.plugins.option_files import check_option_files, config_folder

Stage = Literal["discover", "import", "register", "register_tasks", "options"]


@dataclass(frozen=True, kw_only=True)
class Plugin:
    """A plugin that was loaded and has registered its tasks.

    Args:
        candidate: where it was found.
        module: its module of hooks.
        tasks: what it can train.
        printed: what it wrote on standard output while it was loaded.
        hides: other folders with the same distribution and id, which are not loaded.
    """

    candidate: Candidate
    module: ModuleType
    tasks: tuple[Task, ...]
    printed: str = ""
    hides: tuple[Path, ...] = ()

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
    def hooks(self) -> list[str]:
        """Names of the hooks that it implements."""
        return [name for name in HOOKS if hasattr(getattr(self.module, name, None), IMPL)]

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


def load(
    candidate: Candidate, manager: pluggy.PluginManager, loaded: Iterable[Plugin] = ()
) -> Plugin:
    """Import ``candidate`` and register its hooks with ``manager``.

    Args:
        candidate: the plugin.
        manager: knows the hooks.
        loaded: the plugins that are there already, whose names are taken.

    Raises:
        LoadError: at whatever stage it failed; nothing stays registered then.
    """
    others = list(loaded)
    with _stdout_aside() as aside:
        with _stage("discover"):
            _refuse_attribute(candidate)
        with _stage("import"):
            module = _imported(candidate)
        try:
            with _stage("register"):
                refuse_unknown_hooks(module)
                refuse_unmarked_hooks(module)
                refuse_unknown_arguments(module)
                manager.register(module, name=candidate.id)
            with _stage("register_tasks"):
                tasks = registered_tasks(candidate.id, module, manager)
                taken = {task.name: other.candidate for other in others for task in other.tasks}
                refuse_taken_names(candidate, tasks, taken)
            with _stage("options"):
                folders = [(other.candidate, other.config_folder) for other in others]
                check_option_files(candidate, tasks, folders)
        except LoadError:
            if manager.has_plugin(candidate.id):
                manager.unregister(name=candidate.id)
            raise
    return Plugin(candidate=candidate, module=module, tasks=tasks, printed=aside.printed)


def make_importable(candidate: Candidate) -> None:
    """Put an uninstalled plugin's ``src`` on the path, for this process and its children."""
    if candidate.source is None:
        return
    path = str(candidate.source)
    if path not in sys.path:
        sys.path.insert(0, path)
        inherited = os.environ.get("PYTHONPATH", "")
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [path, inherited]))


@contextmanager
def _stage(stage: Stage) -> Iterator[None]:
    """Turn whatever foreign code raises into a LoadError; SystemExit is caught on purpose."""
    try:
        yield
    except (Exception, SystemExit) as error:
        raise LoadError(stage, error) from error


class _Aside(io.TextIOBase):
    """Sends what is printed to standard error, for good: a handler of ``logging`` may keep it.

    Attributes:
        printed: what came so far.
    """

    def __init__(self) -> None:
        self.printed = ""

    def write(self, text: str) -> int:
        self.printed += text
        return sys.stderr.write(text)


@contextmanager
def _stdout_aside() -> Iterator[_Aside]:
    """Send what a plugin prints to standard error: standard output may be JSON for a program."""
    with redirect_stdout(_Aside()) as aside:
        yield aside


def _refuse_attribute(candidate: Candidate) -> None:
    if candidate.attribute:
        raise PluginError(
            f"the entry point says {candidate.entry_point}, but a plugin is a whole module",
            fix=f'write {candidate.id} = "{candidate.module}" in {candidate.project_file}',
        )


def _imported(candidate: Candidate) -> ModuleType:
    make_importable(candidate)
    try:
        module = importlib.import_module(candidate.module)
    except ModuleNotFoundError as error:
        absent = error.name or ""
        if candidate.module == absent or candidate.module.startswith(f"{absent}."):
            raise wrong_entry_point(candidate) from error
        raise
    _refuse_namesake(candidate, module)
    return module


def _refuse_namesake(candidate: Candidate, module: ModuleType) -> None:
    """Two plugins with one package: Python would give the second one the first one's code."""
    file = getattr(module, "__file__", None)
    if candidate.folder is None or file is None:
        return
    if not Path(file).resolve().is_relative_to(candidate.folder.resolve()):
        raise PluginError(
            f"package '{candidate.package}' of {candidate.folder} is hidden by {file}",
            fix=f"rename the folder {candidate.package}, and the entry point with it",
        )
