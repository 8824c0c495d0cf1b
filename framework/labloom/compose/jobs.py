"""Make a validated Job out of a composed config."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra.core.override_parser.types import Override
from omegaconf import MISSING, DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from labloom.compose.arguments import FREE_NODES, parse_overrides, trusted_packages
from labloom.compose.checks import check_config
from labloom.compose.job import Job, Trial
from labloom.compose.searchpath import LabloomSearchPath
from labloom.errors import ConfigError
from labloom.hookspecs import Task
from labloom.plugins import discover

FREE_NODE_ADDITIONS = tuple(f"++{node}" for node in FREE_NODES)


def make_job(
    composed: DictConfig,
    *,
    output_dir: str | os.PathLike[str],
    trial: Trial | None = None,
    resume_run_id: str | None = None,
) -> Job:
    """Validate a composed config and put together what its run needs.

    Args:
        composed: what Hydra composed, the ``hydra`` node included; it is not changed.
        output_dir: folder for everything that the run writes.
        trial: the run's place in a sweep.
        resume_run_id: the MLflow run that is continued.

    Raises:
        ConfigError: the config is wrong; nothing heavy has been imported by then.
    """
    typed = parse_overrides(typed_overrides(composed))
    choices = OmegaConf.to_container(composed.hydra.runtime.choices)
    config = resolved_config(composed)
    if OmegaConf.is_missing(config.task, "name"):  # a task file may leave it out
        config.task.name = choices["task"]
    task, plugin = discover().find_task(config.task.name)
    config.paths.code = _code_folder(config.paths.code)
    _fill_in_task(config, task, typed)
    check_config(config, choices, typed)
    return Job(
        config=config,
        task=task,
        plugin=plugin,
        overrides=_as_typed(typed_overrides(composed)),
        choices={group: str(option) for group, option in choices.items() if option is not None},
        output_dir=Path(output_dir),
        trial=trial,
        resume_run_id=resume_run_id,
        trusted_packages=trusted_packages(typed),
        config_dir=LabloomSearchPath.config_dir,
    )


def typed_overrides(composed: DictConfig) -> list[str]:
    """The overrides of a composed config, Hydra's own left out, interpolations as written."""
    return OmegaConf.to_container(composed.hydra.overrides.task, resolve=False)


def resolved_config(composed: DictConfig) -> DictConfig:
    """What a task sees: a copy without the ``hydra`` node, every interpolation worked out.

    Raises:
        ConfigError: an interpolation leads nowhere.
    """
    try:
        values = {key: _resolved(composed, str(key)) for key in composed if key != "hydra"}
    except OmegaConfBaseException as error:
        raise ConfigError(
            f"the value of '{error.full_key}' cannot be worked out",
            got=str(error).splitlines()[0],
            fix="labloom run ... --cfg job   (shows the values as they are written)",
        ) from error
    return OmegaConf.create(values)


def _resolved(composed: DictConfig, key: str) -> Any:
    if OmegaConf.is_missing(composed, key):
        return MISSING
    value = composed[key]
    return OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value


def _code_folder(path: str | None) -> str | None:
    """The absolute folder of ``paths.code``, so that another directory finds it again."""
    if path is None:
        return None
    if not Path(path).is_dir():
        raise ConfigError(
            f"paths.code: there is no folder '{path}'",
            expected="the folder that holds your modules",
        )
    return str(Path(path).resolve())


def _as_typed(overrides: Sequence[str]) -> tuple[str, ...]:
    """Undo ``free_custom_nodes``: people typed ``module.hidden=64`` without ``++``."""
    return tuple(
        text.removeprefix("++") if text.startswith(FREE_NODE_ADDITIONS) else text
        for text in overrides
    )


def _fill_in_task(config: DictConfig, task: Task, typed: Sequence[Override]) -> None:
    """Take monitor and mode from the task, where nobody has set them."""
    typed_keys = {override.key_or_group for override in typed}
    own_monitor = config.task.monitor is not None or "task.monitor" in typed_keys
    if not own_monitor:
        config.task.monitor = task.monitor
    if config.task.mode is None and not (own_monitor and config.task.monitor != task.monitor):
        config.task.mode = task.mode
