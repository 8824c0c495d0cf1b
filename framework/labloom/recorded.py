"""Compose again what an MLflow run was started with, with a few overrides changed."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from omegaconf import OmegaConf

from labloom.compose.arguments import free_custom_nodes, parse_overrides, quoted
from labloom.compose.composing import compose_config, hydra_ready
from labloom.compose.job import Job
from labloom.compose.jobs import make_job
from labloom.errors import CheckpointError, StoreError
from labloom.record.lookup import LAST, recorded_overrides
from labloom.record.model import fetch_checkpoint

if TYPE_CHECKING:
    from mlflow.entities import Run

    from labloom.record import Store


def find_training_run(store: Store, reference: str) -> Run:
    """The run that ``reference`` means; ``last`` is the last one that trained.

    Raises:
        StoreError: there is none, or it is a sweep or an evaluation.
    """
    if reference == LAST:
        return store.find_run(reference, kind="run")
    try:
        return store.find_run(reference, kind="run")
    except StoreError:  # not there; what else has the name is worth knowing
        run = store.find_run(reference)
    kind = run.data.tags.get("labloom.kind")
    if kind == "sweep":
        raise StoreError(
            f"'{reference}' is a sweep, not a run",
            fix="choose one of its trials: labloom ui",
        )
    if kind != "run":
        raise StoreError(
            f"run {run.info.run_id[:8]} was not trained by labloom",
            expected="a run of labloom run",
            got=f"kind {kind}" if kind else "a run of another tool",
            fix=f"labloom show {run.data.tags['labloom.evaluates'][:8]}"
            if "labloom.evaluates" in run.data.tags
            else None,
        )
    return run


def best_checkpoint_of(run: Run) -> str:
    """Path of a run's best checkpoint, as recorded.

    Raises:
        CheckpointError: the run has none.
    """
    path = run.data.tags.get("labloom.checkpoint")
    if path is None:
        raise CheckpointError(
            f"run {run.info.run_id[:8]} has no best checkpoint",
            got=f"status {run.info.status}",
            fix="choose a run that was trained to its end",
        )
    return path


def checkpoint_of(store: Store, run: Run) -> Path:
    """The run's best checkpoint: in its folder or, where that is gone, fetched from MLflow.

    Raises:
        CheckpointError: the run has none, or it is gone in both places.
    """
    local = Path(best_checkpoint_of(run))
    return local if local.exists() else fetch_checkpoint(store, run)


def merged_overrides(recorded: Iterable[str], typed: Iterable[str]) -> tuple[str, ...]:
    """The recorded overrides, then the typed ones; a typed key replaces a recorded one."""
    typed = tuple(typed)
    replaced = keys_of(typed)
    kept = [o for o in parse_overrides(recorded) if o.key_or_group not in replaced]
    return (*(str(override.input_line) for override in kept), *typed)


def restored_overrides(store: Store, run: Run, typed: Sequence[str] = ()) -> tuple[str, ...]:
    """What a run was started with, then the typed overrides.

    Raises:
        StoreError: the run was not made by labloom.
        ConfigError: a value was hidden when it was recorded, and is not among the typed ones.
    """
    recorded = recorded_overrides(store.client, run, replaced=keys_of(typed))
    return merged_overrides(merged_overrides(recorded, _absolute_code(store, run)), typed)


def _absolute_code(store: Store, run: Run) -> list[str]:
    """``paths.code`` as an absolute folder: the typed one was relative to another directory."""
    code = recorded_config(store, run)["paths"]["code"]
    return [quoted("paths.code", code)] if code is not None else []


def keys_of(overrides: Iterable[str]) -> set[str]:
    """The keys that overrides set."""
    return {override.key_or_group for override in parse_overrides(overrides)}


def job_of(
    store: Store, run: Run, typed: Sequence[str] = (), output_dir: Path | None = None
) -> Job:
    """The job of a recorded run, composed again.

    Args:
        store: where the run is.
        run: a run made by labloom.
        typed: overrides that change it.
        output_dir: folder of the new job; None: the recorded run's own.

    Raises:
        ConfigError: the config cannot be composed any more.
        StoreError: the run was not made by labloom.
    """
    overrides = restored_overrides(store, run, typed)
    folder = output_dir or Path(run.data.tags["labloom.output_dir"])
    with hydra_ready(run.data.tags.get("labloom.config_dir")):
        return make_job(compose_config(free_custom_nodes(overrides)), output_dir=folder)


def recorded_config(store: Store, run: Run) -> dict[str, Any]:
    """The resolved config that was recorded with a run; secrets are masked in it.

    Raises:
        StoreError: the run has none.
    """
    with tempfile.TemporaryDirectory() as folder:
        try:
            path = store.client.download_artifacts(run.info.run_id, "config.yaml", folder)
        except Exception as error:  # each artifact store has errors of its own
            raise StoreError(
                f"run {run.info.run_id} has no recorded config",
                expected="config.yaml among its artifacts",
                got=str(error).splitlines()[0],
            ) from error
        return yaml.safe_load(Path(path).read_text(encoding="utf-8"))


def flat(config: Any, prefix: str = "") -> dict[str, Any]:
    """Dotted keys and values of a nested config."""
    if OmegaConf.is_config(config):
        config = OmegaConf.to_container(config)
    leaves: dict[str, Any] = {}
    for key, value in config.items():
        name = f"{prefix}{key}"
        leaves |= flat(value, f"{name}.") if isinstance(value, dict) and value else {name: value}
    return leaves
