"""``resume=RUN``: continue a run, with its config, checkpoint, MLflow run and output folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from labloom.compose.arguments import CommandLine, parse_overrides, quoted
from labloom.errors import CheckpointError, ConfigError, StoreError, listing
from labloom.record import is_lost, open_existing_store
from labloom.record.masking import MASK
from labloom.recorded import find_training_run, flat, job_of, recorded_config, restored_overrides

if TYPE_CHECKING:
    from mlflow.entities import Run
    from omegaconf import DictConfig

    from labloom.record import Store

# What may differ when a run is continued: how long, on what, where. Everything else would make
# the second half of a run another experiment than the first.
MAY_CHANGE = (
    "trainer.max_epochs",
    "trainer.max_steps",
    "trainer.max_time",
    "trainer.accelerator",
    "trainer.devices",
    "trainer.num_nodes",
    "trainer.strategy",
    "callbacks.progress",
    "paths",
    "tracking",
    "test",
)


def resumed(line: CommandLine) -> CommandLine:
    """The command line that continues ``line.resume``: the run's overrides, then the typed ones.

    Raises:
        ConfigError: a typed or an edited setting may not change, or the run has been trained for
            longer than it is to be.
        StoreError: there is no such run, or it is still running.
        CheckpointError: the run's folder is gone.
    """
    assert line.resume is not None
    _refuse_changes(line.overrides)
    store = open_existing_store(_typed_uri(line.overrides))
    run = find_training_run(store, line.resume)
    folder = _folder_of(run)
    _refuse_running(run)
    overrides = restored_overrides(store, run, line.overrides)
    config = job_of(store, run, line.overrides).config
    _refuse_edited_config(store, run, config)
    _refuse_shorter(run, folder, config)
    return replace(
        line,
        overrides=(*overrides, quoted("hydra.run.dir", str(folder))),
        resume=run.info.run_id,
        config_dir=run.data.tags.get("labloom.config_dir"),
    )


def may_change(key: str) -> bool:
    """Whether a setting may differ between the halves of a continued run."""
    return any(key == allowed or key.startswith(f"{allowed}.") for allowed in MAY_CHANGE)


def _refuse_changes(typed: Sequence[str]) -> None:
    for override in parse_overrides(typed):
        if not may_change(override.key_or_group):
            raise ConfigError(
                f"'{override.input_line}' would make the resumed run another experiment",
                expected=f"only {listing(MAY_CHANGE)} may change",
                fix="start a new run with it instead",
            )


def _typed_uri(typed: Sequence[str]) -> str | None:
    values = [o.value() for o in parse_overrides(typed) if o.key_or_group == "tracking.uri"]
    return str(values[-1]) if values else None


def _folder_of(run: Run) -> Path:
    folder = run.data.tags.get("labloom.output_dir")
    if folder is None:
        raise StoreError(f"run {run.info.run_id} was not made by labloom and cannot be resumed")
    if not Path(folder).is_dir():
        raise CheckpointError(
            f"the folder of run {run.info.run_id} is gone",
            expected=folder,
            fix=f"start it again: labloom show {run.info.run_id[:8]}   (prints the command)",
        )
    return Path(folder)


def _refuse_running(run: Run) -> None:
    if run.info.status == "RUNNING" and is_lost(run) is False:
        raise StoreError(
            f"run {run.info.run_id} is still running (process {run.data.tags.get('labloom.pid')})",
            fix="wait for it, or stop it first",
        )


def _refuse_edited_config(store: Store, run: Run, config: DictConfig) -> None:
    """Refuse when a YAML file was edited since, so that the same overrides compose otherwise."""
    before = flat(recorded_config(store, run))
    now = flat(config)
    changed = [
        f"{key}: {before.get(key)} -> {now.get(key)}"
        for key in sorted({*before, *now})
        if before.get(key) != now.get(key)
        and not may_change(key)
        and MASK not in str(before.get(key))
    ]
    if changed:
        raise ConfigError(
            f"the config of run {run.info.run_id[:8]} has changed since it was recorded",
            expected="the YAML files as they were",
            got="; ".join(changed[:5]) + (" ..." if len(changed) > 5 else ""),
            fix="restore the files (the run's config.yaml and git commit are in MLflow), "
            "or start a new run",
        )


def _refuse_shorter(run: Run, folder: Path, config: DictConfig) -> None:
    """Refuse to go on to an end that the run has passed; Lightning would say so in mid-run."""
    from labloom.build.checkpoints import read_checkpoint, resume_point

    last = resume_point(folder)
    if last is None:
        return
    checkpoint = read_checkpoint(last)
    done = {
        "max_epochs": (checkpoint["epoch"] + 1, "epochs"),  # it is written as an epoch ends
        "max_steps": (checkpoint["global_step"], "steps"),
    }
    for setting, (count, unit) in done.items():
        wanted = config.trainer.get(setting)
        if wanted is not None and 0 <= wanted < count:  # -1: without an end
            raise ConfigError(
                f"run {run.info.run_id[:8]} has {count} {unit} already",
                got=f"trainer.{setting}={wanted}",
                fix=f"trainer.{setting}=N with N > {count}",
            )
