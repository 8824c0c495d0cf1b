"""What discovery found, and answers to "whose task is this, and can it run?"."""

from __future__ import annotations

import functools
import importlib.util
import os
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace

import pluggy

from labloom import hookspecs
from labloom.errors import ConfigError, PluginError, listing, nearest
from labloom.hookspecs import Task
from labloom.plugins import candidates
from labloom.plugins.candidates import Candidate
from labloom.plugins.causes import bring_packages, place_of, remedy
from labloom.plugins.loading import LoadError, Plugin, Stage, load

CUSTOM = Task(
    name="custom",
    summary="your own LightningModule and LightningDataModule, unedited",
    monitor=None,
    mode="min",
    tags=("core",),
)


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Why a plugin is not there.

    Args:
        id: the plugin's id.
        origins: every distribution that claims the id.
        stage: what was being done.
        error: what went wrong.
        fix: what its author or user can do about it, in one line.
        place: file and line in the plugin's own code, where there is one.
        claimants: what claims the id; empty when a folder could not be read at all.
    """

    id: str
    origins: tuple[str, ...]
    stage: Stage
    error: BaseException
    fix: str
    place: str | None = None
    claimants: tuple[Candidate, ...] = ()

    @property
    def cause(self) -> str:
        """The error in one line."""
        first_line = (str(self.error).strip().splitlines() or [""])[0]
        if isinstance(self.error, PluginError):
            return first_line
        return f"{type(self.error).__name__}: {first_line}"


@dataclass(frozen=True)
class Registry:
    """Healthy plugins, failures and switched-off ids."""

    manager: pluggy.PluginManager
    plugins: Mapping[str, Plugin] = field(default_factory=dict)
    failures: Mapping[str, Failure] = field(default_factory=dict)
    disabled: frozenset[str] = frozenset()

    @property
    def tasks(self) -> dict[str, tuple[Task, Plugin | None]]:
        """Every task that can be asked for, with the plugin that owns it."""
        owned = {
            task.name: (task, plugin) for plugin in self.plugins.values() for task in plugin.tasks
        }
        return {**owned, CUSTOM.name: (CUSTOM, None)}

    def find_task(self, name: str) -> tuple[Task, Plugin | None]:
        """The task called ``name`` and its plugin; None for the core's own task.

        Raises:
            PluginError: the task's plugin is broken, switched off, or lacks a package.
            ConfigError: there is no such task.
        """
        if name not in self.tasks:
            raise self._unknown_task(name)
        task, plugin = self.tasks[name]
        missing = missing_packages(task)
        if missing and plugin is not None:
            raise PluginError(
                f"task '{name}' needs {listing(missing)}, which is not installed",
                fix=bring_packages(missing, plugin.candidate),
            )
        return task, plugin

    def unknown_plugin(self, plugin_id: str) -> ConfigError:
        """The error for an id that no plugin has, whether healthy, broken or switched off."""
        known = {*self.plugins, *self.failures, *self.disabled}
        near = nearest(plugin_id, known)
        return ConfigError(
            f"there is no plugin '{plugin_id}'",
            expected=f"one of {listing(known)}",
            fix=f"did you mean '{near}'?" if near else "name its folder: LABLOOM_PLUGINS=FOLDER",
        )

    def hooks_of(self, plugin: Plugin | None) -> SimpleNamespace:
        """The hooks, each called on ``plugin`` alone; on nobody when it is None."""
        wanted = plugin.id if plugin else None
        others = [module for name, module in self.manager.list_name_plugin() if name != wanted]
        callers = {
            name: self.manager.subset_hook_caller(name, others)
            for name in ("build", "extra_callbacks")
        }
        return SimpleNamespace(**callers)

    def _unknown_task(self, name: str) -> ConfigError:
        broken = _owner_of(name, self.failures)
        if broken is not None:
            failure = self.failures[broken]
            return PluginError(
                f"task '{name}' belongs to plugin '{broken}' ({' and '.join(failure.origins)}), "
                f"which failed at '{failure.stage}'",
                got=f"{failure.cause} ({failure.place})" if failure.place else failure.cause,
                fix=f"{failure.fix}   (labloom doctor {broken} shows the whole error)",
            )
        switched_off = _owner_of(name, self.disabled)
        if switched_off is not None:
            return PluginError(
                f"task '{name}' belongs to plugin '{switched_off}', which is switched off",
                fix=f"take '{switched_off}' out of LABLOOM_DISABLE",
            )
        near = nearest(name, self.tasks)
        unread = [found for found in self.failures.values() if not found.claimants]
        return ConfigError(
            f"there is no task '{name}'",
            expected=f"one of {listing(self.tasks)}",
            got="; ".join(f"plugin not read: {found.cause}" for found in unread) or None,
            fix=f"did you mean task={near}?" if near else "labloom list   (shows every task)",
        )


@functools.cache
def discover() -> Registry:
    """Find and load every plugin; cached for the life of the process."""
    manager = pluggy.PluginManager("labloom")
    manager.add_hookspecs(hookspecs)
    disabled = frozenset(filter(None, os.environ.get("LABLOOM_DISABLE", "").split(",")))
    claims, hidden, failures = _claims()
    plugins: dict[str, Plugin] = {}
    for plugin_id, claimants in sorted(claims.items()):
        if plugin_id in disabled:  # before any import: a switched-off plugin costs nothing
            continue
        try:
            plugin = load(_sole(plugin_id, claimants), manager, plugins.values())
            plugins[plugin_id] = replace(plugin, hides=tuple(hidden[plugin_id]))
        except LoadError as failed:
            failures[plugin_id] = _failure(plugin_id, claimants, failed)
    return Registry(manager, plugins, failures, disabled)


def missing_packages(task: Task) -> list[str]:
    """Modules that the task requires and that cannot be found. Imports none of them."""
    return [name for name in task.requires if not _importable(name)]


def _owner_of(task: str, plugin_ids: Iterable[str]) -> str | None:
    """The plugin whose id is the prefix of a task's name."""
    owners = [found for found in plugin_ids if task.startswith(f"{found}_")]
    return max(owners, key=len, default=None)  # 'foo_bar' before 'foo'


def _importable(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # the parent of a dotted name is missing
        return False


def _claims() -> tuple[dict[str, list[Candidate]], Mapping[str, list[Path]], dict[str, Failure]]:
    """Candidates by id, one for each distribution: a folder comes before an installation.

    Beside them, by id, further folders of a distribution that has one already, and failures.
    """
    found: list[Candidate] = []
    failures: dict[str, Failure] = {}
    for folder, named in candidates.folders():
        try:
            found += candidates.in_folder(folder, named=named)
        except PluginError as error:
            key = str(folder) if folder.name in failures else folder.name
            failures[key] = Failure(
                id=key,
                origins=(str(folder),),
                stage="discover",
                error=error,
                fix=error.fix or f"mend {folder}",
            )
    claims: dict[str, list[Candidate]] = defaultdict(list)
    hidden: dict[str, list[Path]] = defaultdict(list)
    for candidate in [*found, *candidates.installed()]:
        if candidate.distribution not in {claim.distribution for claim in claims[candidate.id]}:
            claims[candidate.id].append(candidate)
        elif candidate.folder is not None:
            hidden[candidate.id].append(candidate.folder)
    return claims, hidden, failures


def _sole(plugin_id: str, claimants: list[Candidate]) -> Candidate:
    if len(claimants) > 1:
        names = " and ".join(claimant.origin for claimant in claimants)
        error = PluginError(
            f"two plugins claim the id '{plugin_id}': {names}",
            fix=f"uninstall one of them, or take it out of LABLOOM_PLUGINS: {names}",
        )
        raise LoadError("discover", error)
    return claimants[0]


def _failure(plugin_id: str, claimants: list[Candidate], failed: LoadError) -> Failure:
    place = place_of(failed.error, claimants[0])
    return Failure(
        id=plugin_id,
        origins=tuple(claimant.origin for claimant in claimants),
        stage=failed.stage,
        error=failed.error,
        fix=remedy(failed.error, claimants[0], place),
        place=place,
        claimants=tuple(claimants),
    )
