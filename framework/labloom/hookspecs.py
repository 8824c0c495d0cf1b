"""The contract between labloom and a task plugin, on one screen: ``Task`` and five hooks.

A plugin is a pip distribution with an entry point in the group ``labloom.plugins``. The entry
point's name is the plugin's id; it names a light module that implements these hooks with
``@hookimpl``. Everything heavy is named by ``_target_`` in the plugin's YAML.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import pluggy

if TYPE_CHECKING:
    from omegaconf import DictConfig
    from pytorch_lightning import Callback, LightningDataModule, LightningModule

    from labloom.record import RunRecord

ENTRY_POINT_GROUP = "labloom.plugins"

hookspec = pluggy.HookspecMarker("labloom")
hookimpl = pluggy.HookimplMarker("labloom")


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One thing that a plugin can train.

    Args:
        name: the plugin's id, ``_`` and a word, e.g. ``vision_classify``; also the option in the
            config group ``task``.
        summary: one line for ``labloom list``.
        monitor: the validation metric that chooses the best checkpoint and is the objective of a
            sweep, e.g. ``val/acc``; None: the last checkpoint counts and there is no objective.
        mode: whether a smaller or a larger ``monitor`` is better.
        requires: importable modules without which the task is shown as unavailable.
        tags: free words, for listings.
    """

    name: str
    summary: str
    monitor: str | None
    mode: Literal["min", "max"]
    requires: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a run ended.

    Args:
        run_id: id of the MLflow run.
        status: FINISHED, FAILED or KILLED, as recorded in MLflow.
        objective: monitored metric of the best checkpoint; None without ``task.monitor``.
        metrics: last value of every metric that was logged.
        checkpoint: path of the best checkpoint; None if none was written.
        output_dir: folder that holds everything the run wrote.
        error: the error's text, when the run failed.
    """

    run_id: str
    status: Literal["FINISHED", "FAILED", "KILLED"]
    objective: float | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    checkpoint: str | None = None
    output_dir: str = ""
    error: str | None = None


@hookspec
def register_tasks() -> Iterable[Task]:
    """Return the plugin's tasks. Called once, at discovery: import nothing heavy."""


@hookspec(firstresult=True)
def build(cfg: DictConfig, task: Task) -> tuple[LightningModule, LightningDataModule] | None:
    """Build module and datamodule of a task of this plugin; None leaves it to the core.

    Only the plugin that owns the task is asked, then the core.
    """


@hookspec
def extra_callbacks(cfg: DictConfig, task: Task) -> Iterable[Callback]:
    """Return callbacks for a task of this plugin, e.g. ones that record figures."""


@hookspec
def run_started(run: RunRecord, cfg: DictConfig, task: Task) -> None:
    """Observe that a run of any plugin has been opened. An error here is logged, not raised."""


@hookspec
def run_finished(run: RunRecord, cfg: DictConfig, task: Task, outcome: Outcome) -> None:
    """Observe how a run of any plugin ended. An error here is logged, not raised."""
