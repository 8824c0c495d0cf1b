"""Supply ``configure_optimizers`` to a module that does not define it, as LightningCLI does.

The optimizer is any class of ``torch.optim``, the scheduler one of six that know how many steps
the run will take. Both come from the config groups of these names.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import torch
from omegaconf import DictConfig
from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.utilities.model_helpers import is_overridden
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, ReduceLROnPlateau, StepLR

from labloom.build.schedules import one_cycle, warmup_cosine, warmup_linear
from labloom.build.targets import TargetRules, instantiate, plain
from labloom.build.typed import typed
from labloom.errors import ConfigError, LabloomError, listing, nearest

if TYPE_CHECKING:
    from labloom.compose.job import Job

# The name under which Lightning's LearningRateMonitor logs; its own would be "lr-Adam".
LEARNING_RATE = "train/lr"


class GradientDescent(torch.optim.SGD):
    """Gradient descent on the whole training set: one step an epoch.

    The trainer accumulates gradients over the epoch; ``callbacks.full_batch`` weights each batch
    by its size, so that the result is the gradient of the mean loss over all samples.
    """

    full_batch = True


def refuse_ignored_choices(module_class: type, job: Job) -> None:
    """Refuse a typed optimizer or scheduler that a module with its own would silently ignore.

    Raises:
        ConfigError: with what was typed and the module's name.
    """
    if module_class.configure_optimizers is LightningModule.configure_optimizers:
        refuse_accumulation_with_full_batch(job)
        return
    for group in ("optimizer", "scheduler"):
        for text in typed(job.overrides, group):
            raise ConfigError(
                f"{module_class.__name__} defines configure_optimizers, "
                f"so '{text}' would be ignored",
                expected=f"a module that leaves its {group} to the config",
                fix=f"leave '{text}' out, or take configure_optimizers out of the module",
            )


def refuse_accumulation_with_full_batch(job: Job) -> None:
    """Refuse a typed accumulation beside an optimizer that accumulates the whole epoch.

    Raises:
        ConfigError: naming both.
    """
    typed_here = typed(job.overrides, "trainer.accumulate_grad_batches")
    if uses_full_batch(job.config) and typed_here:
        raise ConfigError(
            f"'{typed_here[0]}' contradicts optimizer {job.config.optimizer._target_}",
            expected="one of the two: full-batch gradient descent accumulates the whole epoch",
            got=f"{typed_here[0]} and optimizer={job.choices.get('optimizer', 'gd')}",
            fix="leave one of them out, e.g. optimizer=sgd",
        )


def uses_full_batch(config: DictConfig) -> bool:
    """Whether the config's optimizer takes one step for the whole training set."""
    named = config.optimizer.get("_target_")
    return named == f"{GradientDescent.__module__}.{GradientDescent.__qualname__}"


def supply_optimizers(module: LightningModule, job: Job) -> None:
    """Give ``module`` a ``configure_optimizers``, unless it defines its own.

    Raises:
        ConfigError: a typed optimizer or scheduler would be ignored, or the scheduler's settings
            are wrong.
    """
    refuse_ignored_choices(type(module), job)
    if is_overridden("configure_optimizers", module):
        return
    scheduler, task = plain(job.config.scheduler), job.config.task
    check_scheduler(scheduler, task.monitor)
    # A partial of a plain function: Lightning's is_overridden sees through it, and it pickles.
    module.configure_optimizers = functools.partial(
        configure_optimizers,
        module,
        job.config.optimizer,
        scheduler,
        TargetRules.of(job),
        monitor=task.monitor,
        mode=task.mode,
    )


def configure_optimizers(
    module: LightningModule,
    optimizer_node: DictConfig,
    scheduler: Mapping[str, Any],
    rules: TargetRules,
    *,
    monitor: str | None,
    mode: str | None,
) -> dict[str, Any]:
    """What Lightning asks of a module: its optimizer and, unless the name is none, a scheduler.

    Raises:
        ConfigError: the optimizer or the scheduler cannot work with this trainer or module.
    """
    trainable = [weight for weight in module.parameters() if weight.requires_grad]
    if not trainable:
        raise LabloomError(
            f"{type(module).__name__} has nothing to train: every parameter is frozen",
            expected="at least one parameter with requires_grad",
        )
    optimizer = instantiate(optimizer_node, "optimizer", rules, params=trainable)
    if getattr(optimizer, "full_batch", False):
        _accumulate_whole_epoch(module)
    make = SCHEDULERS[scheduler["name"]]
    settings = {name: value for name, value in scheduler.items() if name != "name"}
    plan = make(optimizer, module.trainer, monitor, mode, **settings)
    return {"optimizer": optimizer, **({"lr_scheduler": plan} if plan else {})}


def check_scheduler(scheduler: Mapping[str, Any], monitor: str | None) -> None:
    """Check name and settings of the scheduler before anything is built.

    Raises:
        ConfigError: an unknown scheduler or setting; a plateau without a monitor.
    """
    name = scheduler.get("name")
    if name not in SCHEDULERS:
        near = nearest(str(name), SCHEDULERS)
        raise ConfigError(
            f"there is no scheduler '{name}'",
            expected=f"one of {listing(SCHEDULERS)}",
            fix=f"did you mean scheduler={near}?" if near else None,
        )
    known = SCHEDULERS[name].__kwdefaults__ or {}
    for setting in scheduler:
        if setting != "name" and setting not in known:
            near = nearest(setting, known)
            raise ConfigError(
                f"scheduler '{name}' has no setting '{setting}'",
                expected=f"one of {listing(known)}",
                fix=f"did you mean scheduler.{near}?" if near else None,
            )
    if name == "plateau" and monitor is None:
        raise ConfigError(
            "scheduler=plateau needs a metric to watch, but task.monitor is null",
            expected="a metric that the module logs in validation",
            fix="task.monitor=val/loss task.mode=min, or another scheduler",
        )


def _no_schedule(
    optimizer: Optimizer, trainer: Trainer, monitor: str | None, mode: str | None
) -> None:
    return None


def _cosine(
    optimizer: Optimizer,
    trainer: Trainer,
    monitor: str | None,
    mode: str | None,
    *,
    warmup: float = 0.05,
    final: float = 0.0,
) -> dict[str, Any]:
    total = _total_steps(trainer, "cosine")
    factor = functools.partial(warmup_cosine, total=total, warmup=warmup, final=final)
    return _every_step(optimizer, factor)


def _linear(
    optimizer: Optimizer,
    trainer: Trainer,
    monitor: str | None,
    mode: str | None,
    *,
    warmup: float = 0.0,
    final: float = 0.0,
) -> dict[str, Any]:
    total = _total_steps(trainer, "linear")
    factor = functools.partial(warmup_linear, total=total, warmup=warmup, final=final)
    return _every_step(optimizer, factor)


def _onecycle(
    optimizer: Optimizer,
    trainer: Trainer,
    monitor: str | None,
    mode: str | None,
    *,
    warmup: float = 0.3,
    start: float = 0.04,
    final: float = 4e-6,
) -> dict[str, Any]:
    total = _total_steps(trainer, "onecycle")
    factor = functools.partial(one_cycle, total=total, warmup=warmup, start=start, final=final)
    return _every_step(optimizer, factor)


def _step(
    optimizer: Optimizer,
    trainer: Trainer,
    monitor: str | None,
    mode: str | None,
    *,
    every: int = 10,
    gamma: float = 0.1,
) -> dict[str, Any]:
    plan = StepLR(optimizer, step_size=every, gamma=gamma)
    return {"scheduler": plan, "interval": "epoch", "name": LEARNING_RATE}


def _plateau(
    optimizer: Optimizer,
    trainer: Trainer,
    monitor: str | None,
    mode: str | None,
    *,
    factor: float = 0.1,
    patience: int = 5,
    min_delta: float = 1e-4,
    min_lr: float = 0.0,
) -> dict[str, Any]:
    plan = ReduceLROnPlateau(
        optimizer,
        mode=mode,
        factor=factor,
        patience=patience,
        threshold=min_delta,
        threshold_mode="abs",
        min_lr=min_lr,
    )
    # Validated every few epochs, the schedule counts validations, not epochs.
    every = trainer.check_val_every_n_epoch or 1
    return {
        "scheduler": plan,
        "interval": "epoch",
        "frequency": every,
        "monitor": monitor,
        "name": LEARNING_RATE,
    }


SCHEDULERS: Mapping[str, Callable[..., dict[str, Any] | None]] = {
    "none": _no_schedule,
    "cosine": _cosine,
    "linear": _linear,
    "onecycle": _onecycle,
    "step": _step,
    "plateau": _plateau,
}


def _every_step(optimizer: Optimizer, factor: Callable[[int], float]) -> dict[str, Any]:
    # `factor` is a partial, not a callable object: LambdaLR would write the attributes of an object
    # into checkpoints, and a run continued with more epochs would keep the old number of steps.
    plan = LambdaLR(optimizer, lr_lambda=factor)
    return {"scheduler": plan, "interval": "step", "name": LEARNING_RATE}


def _total_steps(trainer: Trainer, name: str) -> int:
    total = trainer.estimated_stepping_batches
    if total == float("inf") or total < 1:
        raise ConfigError(
            f"scheduler={name} must know how many steps the run takes",
            expected="a number of epochs and a train loader with a length, or trainer.max_steps",
            got=f"trainer.max_epochs={trainer.max_epochs}, trainer.max_steps={trainer.max_steps}",
            fix="trainer.max_epochs=20, or trainer.max_steps=10000 for a stream without length",
        )
    return int(total)


def _accumulate_whole_epoch(module: LightningModule) -> None:
    trainer = module.trainer
    if not module.automatic_optimization:
        raise ConfigError(
            f"{type(module).__name__} optimizes by hand, so gradients cannot be accumulated for it",
            got="optimizer=gd",
            fix="optimizer=sgd",
        )
    trainer.fit_loop.setup_data()  # as Trainer.estimated_stepping_batches does
    batches = trainer.num_training_batches
    if batches == float("inf"):
        raise ConfigError(
            "full-batch gradient descent needs a training set with an end",
            got="a train loader without length",
            fix="trainer.limit_train_batches=100, or optimizer=sgd",
        )
    trainer.accumulate_grad_batches = int(batches)
