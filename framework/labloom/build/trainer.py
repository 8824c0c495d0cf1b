"""Build the Trainer of a run: Lightning's own arguments, our logger, checkpoints and callbacks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from omegaconf import OmegaConf
from pytorch_lightning import Callback, Trainer
from pytorch_lightning.callbacks import LearningRateMonitor
from pytorch_lightning.utilities.exceptions import MisconfigurationException

from labloom import __version__
from labloom.build import bindings
from labloom.build.hooks import plugin_callbacks
from labloom.build.optimizers import refuse_accumulation_with_full_batch, uses_full_batch
from labloom.build.profilers import make_profiler
from labloom.build.targets import TargetRules, instantiate, plain
from labloom.build.without_gpu import stop_asking_for_gpu
from labloom.callbacks.checkpoints import (
    BestCheckpoint,
    LastCheckpoint,
    PatientStopping,
)
from labloom.callbacks.full_batch import FullBatchGradient
from labloom.callbacks.progress import make_progress
from labloom.callbacks.quiet import quiet_lightning
from labloom.callbacks.run_state import RunState
from labloom.errors import ConfigError
from labloom.record.masking import mask_value

if TYPE_CHECKING:
    from labloom.build.parts import Parts
    from labloom.compose.job import Job
    from labloom.record import RunRecord

CHECKPOINT_FOLDER = "checkpoints"
OURS = {
    "callbacks": "callbacks.extra.NAME._target_=pytorch_lightning.callbacks.CLASS",
    "logger": "tracking.uri=URI",
}


def build_trainer(
    job: Job, run: RunRecord | None, parts: Parts, watchers: Sequence[Callback] = ()
) -> Trainer:
    """Build the Trainer.

    Args:
        job: the run; keys of ``job.config.trainer`` go to the Trainer as they are.
        run: receives what is logged; None: nothing is logged anywhere.
        parts: what will be trained.
        watchers: further callbacks, of the program rather than of the config.

    Raises:
        ConfigError: Lightning refuses the settings, or settings contradict each other.
    """
    quiet_lightning()
    stop_asking_for_gpu()
    settings = plain(job.config.trainer)
    for name, instead in OURS.items():
        if name in settings:
            raise ConfigError(f"trainer.{name} is not set by name", fix=instead)
    bindings.check_arguments(Trainer, settings, "trainer")
    refuse_accumulation_with_full_batch(job)
    arguments = {
        "accelerator": "auto",
        "devices": 1,
        "enable_model_summary": False,
        "enable_progress_bar": False,  # ours is a plain callback
        "enable_autolog_hparams": False,  # the whole config is recorded
        "default_root_dir": str(job.output_dir),
        **settings,
        "logger": run.logger if run is not None else False,
        "callbacks": [*watchers, *build_callbacks(job, run, parts)],
        "profiler": make_profiler(settings.get("profiler"), job.output_dir),
    }
    arguments["enable_checkpointing"] = any(
        isinstance(callback, BestCheckpoint | LastCheckpoint) for callback in arguments["callbacks"]
    )
    try:
        return Trainer(**arguments)
    except (MisconfigurationException, ValueError, TypeError, RuntimeError, ImportError) as error:
        raise ConfigError(
            "Lightning refuses the trainer's settings",
            got=str(error).strip(),
            fix="labloom run ... --cfg job --package trainer   (prints them)",
        ) from error


def build_callbacks(job: Job, run: RunRecord | None, parts: Parts) -> list[Callback]:
    """The callbacks of a run: the core's, the plugin's and the user's.

    Raises:
        ConfigError: early stopping without a monitor, or a target that is refused.
    """
    config, rules = job.config.callbacks, TargetRules.of(job)
    extra = [
        instantiate(node, f"callbacks.extra.{name}", rules)
        for name, node in (config.get("extra") or {}).items()
    ]
    chosen = [
        _progress(job),
        _early_stopping(job),
        LearningRateMonitor() if _watches_learning_rate(job, run, parts) else None,
        FullBatchGradient() if uses_full_batch(job.config) and _is_supplied(parts) else None,
    ]
    optional = [callback for callback in chosen if callback is not None]
    state = RunState(run_state(job, run, parts))
    return [*optional, *plugin_callbacks(job), *extra, state, *_checkpoints(job)]


def run_state(job: Job, run: RunRecord | None, parts: Parts) -> Mapping[str, Any]:
    """What a checkpoint says about its run: enough, with the plugin, to rebuild the module."""
    plugin = job.plugin
    config = OmegaConf.to_container(job.config, resolve=True, enum_to_str=True)
    return {
        "config": {key: mask_value(key, value) for key, value in config.items()},
        "spec": dict(parts.spec),
        "run_id": run.id if run is not None else "",
        "labloom": __version__,
        "plugin": f"{plugin.distribution} {plugin.version}" if plugin else "",
        "built_by": parts.built_by,
        "trusted_packages": list(job.trusted_packages),
    }


def _checkpoints(job: Job) -> list[Callback]:
    settings = job.config.callbacks.checkpoint
    if not settings.enabled:
        return []
    folder = job.output_dir / CHECKPOINT_FOLDER
    last = LastCheckpoint(folder)
    task = job.config.task
    if task.monitor is None or settings.save_top_k == 0:
        return [last]
    best = BestCheckpoint(
        folder,
        task.monitor,
        task.mode,
        save_top_k=settings.save_top_k,
        every_n_epochs=settings.every_n_epochs,
    )
    return [best, last]  # the last one holds the state of the best one, so it comes after it


def _early_stopping(job: Job) -> Callback | None:
    settings, task = job.config.callbacks.get("early_stopping"), job.config.task
    if settings is None:
        return None
    if task.monitor is None:
        raise ConfigError(
            "callbacks.early_stopping needs a metric to watch, but task.monitor is null",
            expected="a metric that the module logs in validation",
            fix="task.monitor=val/loss task.mode=min, or callbacks.early_stopping=null",
        )
    given = plain(settings)
    bindings.check_arguments(
        PatientStopping, given, "callbacks.early_stopping", supplied=("monitor",)
    )
    return PatientStopping(task.monitor, mode=task.mode, **given)


def _progress(job: Job) -> Callback | None:
    choice = job.config.callbacks.progress
    if job.trial is not None and choice == "auto":  # a sweep prints one line a trial
        return None
    return make_progress(choice, job.config.task.monitor)


def _watches_learning_rate(job: Job, run: RunRecord | None, parts: Parts) -> bool:
    constant = _is_supplied(parts) and job.config.scheduler.name == "none"
    return bool(job.config.callbacks.lr_monitor) and run is not None and not constant


def _is_supplied(parts: Parts) -> bool:
    """Whether ``configure_optimizers`` is the one that we bound on the instance."""
    return "configure_optimizers" in vars(parts.module)
