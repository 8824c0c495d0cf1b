"""What one run needs to know, all of it plain values: handed from composing to running."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from labloom.hookspecs import Task
from labloom.plugins import Plugin

if TYPE_CHECKING:
    from omegaconf import DictConfig


@dataclass(frozen=True, kw_only=True)
class Trial:
    """The place of a run in a sweep.

    Args:
        number: trial number, from 0.
        parent_run_id: MLflow run of the sweep.
        swept: the overrides that differ from trial to trial, e.g. ``{"optimizer.lr": "0.01"}``.
        purpose: ``search`` looks for the best config, ``confirm`` measures the chosen one again.
    """

    number: int
    parent_run_id: str
    swept: Mapping[str, str]
    purpose: Literal["search", "confirm"] = "search"


@dataclass(frozen=True, kw_only=True)
class Job:
    """One run, composed and validated.

    Args:
        config: the composed config; ``config.task`` is filled in, nothing is missing.
        task: what is trained.
        plugin: whose task it is; None for the core's ``task=custom``.
        overrides: what the user typed for this run, sweep values expanded.
        choices: chosen option of every config group, e.g. ``{"model": "vision_cnn"}``.
        output_dir: folder for everything that the run writes; exists.
        trial: place in a sweep; None for a single run.
        resume_run_id: MLflow run that is continued; None for a fresh run.
        trusted_packages: packages that the command line trusts with ``_target_``.
        config_dir: the user's own folder of option files; None without one.
    """

    config: DictConfig
    task: Task
    plugin: Plugin | None
    overrides: tuple[str, ...]
    choices: Mapping[str, str]
    output_dir: Path
    trial: Trial | None = None
    resume_run_id: str | None = None
    trusted_packages: tuple[str, ...] = ()
    config_dir: str | None = None

    @property
    def tests(self) -> bool:
        """Whether the best checkpoint is tested: by default not in the search of a sweep."""
        if self.config.test is not None:
            return bool(self.config.test)
        return self.trial is None or self.trial.purpose == "confirm"

    @property
    def command(self) -> str:
        """The command line that runs this job again, on its own."""
        return shlex.join(["labloom", "run", *self.words])

    @property
    def words(self) -> tuple[str, ...]:
        """What was typed behind ``labloom run``, as far as it makes the config."""
        return (*(("--config-dir", self.config_dir) if self.config_dir else ()), *self.overrides)
