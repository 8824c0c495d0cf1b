"""Read checkpoints without running what is in them, and rebuild modules from them without data."""

from __future__ import annotations

import math
import os
import pickle
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig, OmegaConf
from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.utilities.model_helpers import is_overridden

from labloom.build.hooks import told_as_hook
from labloom.build.parts import build_module
from labloom.build.targets import TargetRules
from labloom.callbacks.checkpoints import LAST, BestCheckpoint, LastCheckpoint
from labloom.callbacks.run_state import RUN_STATE_KEY
from labloom.errors import CheckpointError, ConfigError, PluginError
from labloom.plugins import Plugin, discover

TRUST_VARIABLE = "LABLOOM_TRUST"


@dataclass(frozen=True)
class Best:
    """The checkpoint that counts.

    Args:
        path: its file; None when none was written.
        objective: the monitored metric at that moment; None without a monitor, NaN when it never
            was a finite number.
        step: optimizer steps done at that moment.
    """

    path: Path | None
    objective: float | None
    step: int


def best_checkpoint(trainer: Trainer) -> Best:
    """The best checkpoint of a fit; without a monitor, or when it diverged, the last one."""
    objective = None
    for callback in trainer.checkpoint_callbacks:
        if isinstance(callback, BestCheckpoint) and callback.best_model_path:
            path, score = Path(callback.best_model_path), callback.best_model_score
            return Best(path, None if score is None else float(score), _step_of(path))
        if isinstance(callback, BestCheckpoint) and callback.diverged:
            objective = math.nan
    for callback in trainer.checkpoint_callbacks:
        if isinstance(callback, LastCheckpoint) and callback.path.exists():
            return Best(callback.path, objective, _step_of(callback.path))
    return Best(None, objective, trainer.global_step)


def resume_point(output_dir: Path) -> Path | None:
    """The checkpoint from which a run in this folder goes on bit for bit; None: from the start."""
    last = output_dir / "checkpoints" / LAST
    return last if last.exists() else None


def read_checkpoint(path: str | Path) -> Mapping[str, Any]:
    """Load a checkpoint onto the CPU. Only plain values and tensors are loaded, never objects.

    Raises:
        CheckpointError: it is missing, corrupt, or holds objects.
    """
    path = Path(path)
    if not path.is_file():
        raise CheckpointError(
            f"there is no checkpoint {path}",
            fix="labloom show RUN   (prints where a run's checkpoints are)",
        )
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise _refused(path, error) from error
    except Exception as error:  # torch, zipfile and pickle each have their own words for it
        raise CheckpointError(
            f"checkpoint {path} cannot be read",
            expected="a file written by Lightning",
            got=f"{type(error).__name__}: {str(error).splitlines()[0]}",
            fix="the file is cut off or damaged: use another checkpoint of the run",
        ) from error
    if not isinstance(checkpoint, Mapping) or "state_dict" not in checkpoint:
        raise CheckpointError(
            f"{path} is no Lightning checkpoint",
            expected="a mapping with a 'state_dict'",
            got=f"a {type(checkpoint).__name__}",
        )
    return checkpoint


def load_module(path: str | Path, trusted_packages: Iterable[str] = ()) -> LightningModule:
    """Rebuild the module of a labloom checkpoint, without its data, on the CPU in eval mode.

    Args:
        path: a checkpoint written by labloom.
        trusted_packages: packages that its config may name by ``_target_``, beside the task's
            plugin and those of the environment variable LABLOOM_TRUST (``package,package``). A
            checkpoint's own word is not enough: anybody can write one.

    Raises:
        CheckpointError: it cannot be read, was not written by labloom, or its plugin or classes
            have changed or are missing.
    """
    checkpoint = read_checkpoint(path)
    state = checkpoint.get(RUN_STATE_KEY)
    if not isinstance(state, Mapping):
        raise CheckpointError(
            f"checkpoint {path} does not say how to rebuild its module",
            expected="a checkpoint written by labloom",
            fix="rebuild it with its class's load_from_checkpoint",
        )
    config = OmegaConf.create(dict(state["config"]))
    plugin = _plugin_of(config, state, path)
    owner = (plugin.package,) if plugin else ()
    rules = TargetRules((*owner, *trusted_packages, *_trusted_by_environment()))
    try:
        module = _rebuild(config, state, plugin, rules)
        _load_weights(module, checkpoint)
    except (ConfigError, RuntimeError) as error:
        raise CheckpointError(
            f"the module of checkpoint {path} cannot be rebuilt",
            expected=f"the code it was trained with: labloom {state['labloom']} {state['plugin']}",
            got=str(error),
            fix=_how_to_trust(config, rules),
        ) from error
    return module.eval()


def _step_of(path: Path) -> int:
    return int(read_checkpoint(path)["global_step"])


def _rebuild(
    config: DictConfig, state: Mapping[str, Any], plugin: Plugin | None, rules: TargetRules
) -> LightningModule:
    if plugin is not None and state.get("built_by"):
        task = next(task for task in plugin.tasks if task.name == config.task.name)
        with told_as_hook("build", plugin):
            module, _ = discover().hooks_of(plugin).build(cfg=config, task=task)
        return module
    return build_module(config, state["spec"], rules)


def _load_weights(module: LightningModule, checkpoint: Mapping[str, Any]) -> None:
    """As Lightning's ``load_from_checkpoint`` does once it has built the module."""
    if is_overridden("configure_model", module):
        module.configure_model()
    module.on_load_checkpoint(dict(checkpoint))
    module.load_state_dict(checkpoint["state_dict"], strict=module.strict_loading)


def _plugin_of(config: DictConfig, state: Mapping[str, Any], path: str | Path) -> Plugin | None:
    if not state["plugin"]:
        return None
    try:
        return discover().find_task(config.task.name)[1]
    except ConfigError as error:
        distribution = state["plugin"].partition(" ")[0]
        broken = isinstance(error, PluginError)
        raise CheckpointError(
            f"checkpoint {path} needs plugin {state['plugin']}",
            got=str(error) if broken else f"no plugin has the task '{config.task.name}'",
            fix=error.fix if broken else f"pip install {distribution}",
        ) from error


def _trusted_by_environment() -> list[str]:
    return [name for name in os.environ.get(TRUST_VARIABLE, "").split(",") if name]


def _how_to_trust(config: DictConfig, rules: TargetRules) -> str | None:
    for node in (config.get("module"), config.get("model")):
        target = (node or {}).get("_target_", "")
        if target and not rules.allow(target):
            package = target.partition(".")[0]
            return (
                f"if you trust its code: {TRUST_VARIABLE}={package} in the environment, or "
                f"load_module(path, trusted_packages=['{package}'])"
            )
    return None


def _refused(path: Path, error: Exception) -> CheckpointError:
    reason = str(error)
    name = reason.partition("GLOBAL ")[2].split(" ", 1)[0] or reason.splitlines()[0]
    return CheckpointError(
        f"checkpoint {path} holds an object, which could run code when loaded",
        expected="tensors and plain values (torch.load with weights_only=True)",
        got=name,
        fix="if you trust the file, load it with torch.load(path, weights_only=False) "
        "and save it again without the object",
    )
