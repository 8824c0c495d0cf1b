"""A plugin's option files: their names, and whose they are. Nothing is read here."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from labloom.errors import PluginError, nearest
from labloom.hookspecs import Task
from labloom.plugins.candidates import Candidate

# Packages of the core whose option files Hydra finds: the config groups, and the experiments.
CORE_OPTIONS = {"labloom.conf": "", "labloom.experiments": "experiment"}


def config_folder(package: str) -> Path:
    """``<package>/conf`` of an importable package.

    Raises:
        PluginError: there is no such package.
    """
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise PluginError(
            f"'{package}' is no package, so it has no folder for option files",
            fix=f"make a folder {package} with __init__.py, plugin.py and conf",
        )
    return Path(next(iter(spec.submodule_search_locations))) / "conf"


def options_in(folder: Path) -> dict[str, Path]:
    """Option files of a config folder by their names, e.g. ``model/vision_cnn``."""
    return {
        file.relative_to(folder).with_suffix("").as_posix(): file
        for file in sorted(folder.rglob("*.yaml"))
    }


def check_option_files(
    candidate: Candidate, tasks: Sequence[Task], owners: Iterable[tuple[Candidate, Path]]
) -> None:
    """Refuse option files that Hydra would not find, or would take for somebody else's.

    Args:
        candidate: the plugin.
        tasks: what it registered; each needs an option file.
        owners: plugins that were loaded before, with their config folders.

    Raises:
        PluginError: names the file and how to mend it.
    """
    folder = config_folder(candidate.package)
    options = options_in(folder)
    _refuse_other_endings(folder)
    if options and not (folder / "__init__.py").exists():
        raise PluginError(
            f"{folder} needs an __init__.py, or Hydra does not find it",
            fix=f"make an empty file {folder / '__init__.py'}",
        )
    for option, file in options.items():
        _refuse_other_prefix(candidate, option, file)
    for task in tasks:
        if f"task/{task.name}" not in options:
            names = {f"task/{own.name}" for own in tasks}
            free = [option for option in options if option not in names]
            raise _missing_task_file(candidate, task, folder, free, bool(options))
    _refuse_clashes(candidate, options, owners)


def _refuse_other_endings(folder: Path) -> None:
    for file in sorted(folder.rglob("*.yml")):
        raise PluginError(
            f"option file '{file.relative_to(folder)}' is not found by Hydra",
            fix=f"call it {file.stem}.yaml",
        )


def _refuse_other_prefix(candidate: Candidate, option: str, file: Path) -> None:
    group, _, name = option.rpartition("/")
    if not group:
        raise PluginError(
            f"option file '{file.name}' must be called '<group>/{candidate.id}_{name}.yaml'",
            fix=f"move {file} into the folder of its group, such as conf/model",
        )
    if not name.startswith(f"{candidate.id}_"):
        raise PluginError(
            f"option file '{option}.yaml' must be called '{group}/{candidate.id}_{name}.yaml'",
            fix=f"rename {file}",
        )


def _missing_task_file(
    candidate: Candidate, task: Task, folder: Path, free: Iterable[str], others: bool
) -> PluginError:
    """The error for a task without option file.

    Args:
        candidate: the plugin.
        task: the task.
        folder: where the plugin's option files are.
        free: option files that are no registered task's, one of which may be the misnamed one.
        others: whether there is any option file at all.
    """
    wanted = folder / "task" / f"{task.name}.yaml"
    near = nearest(f"task/{task.name}", [name for name in free if name.startswith("task/")])
    if "site-packages" in folder.parts and not others:
        fix = (  # made from a wheel, which setuptools fills by this list
            f"the wheel of {candidate.distribution} lacks it; its author writes "
            f'[tool.setuptools.package-data] {candidate.package} = ["conf/**/*.yaml"] '
            "in pyproject.toml and builds it again"
        )
    elif near:
        fix = f"rename conf/{near}.yaml, or the task"
    elif others:
        fix = f"write {wanted}"
    else:
        fix = f"write {wanted}, and keep it in the wheel by package-data (conf/**/*.yaml)"
    return PluginError(f"task '{task.name}' has no option file conf/task/{wanted.name}", fix=fix)


def _refuse_clashes(
    candidate: Candidate, options: dict[str, Path], owners: Iterable[tuple[Candidate, Path]]
) -> None:
    """Hydra takes the first of two files of one name, and says nothing."""
    known = dict.fromkeys(_core_options(), ("labloom itself", ""))
    for owner, folder in owners:
        whose = f"plugin '{owner.id}' ({owner.origin})"
        known.update(dict.fromkeys(options_in(folder), (whose, owner.id)))
    for option, file in options.items():
        if option in known:
            whose, other_id = known[option]
            meanwhile = f"; meanwhile LABLOOM_DISABLE={other_id}" if other_id else ""
            raise PluginError(
                f"option {option.replace('/', '=')} of plugin '{candidate.id}' "
                f"({candidate.origin}) is also one of {whose}",
                fix=f"rename {file}{meanwhile}",
            )


def _core_options() -> Iterator[str]:
    for package, group in CORE_OPTIONS.items():
        spec = importlib.util.find_spec(package)
        for location in (spec.submodule_search_locations or ()) if spec else ():
            for option in options_in(Path(location)):
                yield f"{group}/{option}" if group else option
