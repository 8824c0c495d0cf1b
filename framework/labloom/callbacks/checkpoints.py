"""Three kinds of checkpoint: the best one, the last one to resume from, and the interrupted one.

Lightning calls every hook of every callback at every batch, so there are as few as can be.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import Checkpoint, EarlyStopping, ModelCheckpoint
from pytorch_lightning.trainer.states import TrainerFn
from pytorch_lightning.utilities.exceptions import MisconfigurationException
from torch import Tensor

from labloom.errors import ConfigError, listing, nearest

LAST = "last.ckpt"
INTERRUPTED = "interrupted.ckpt"

log = logging.getLogger(__name__)


class BestCheckpoint(ModelCheckpoint):
    """Lightning's checkpoint of the best monitored value, with a better word when it is missing.

    Lightning takes NaN for the worst value there is, infinity, and keeps it as the best one as long
    as there is no other. Here a value that is no finite number is never among the best.

    Args:
        folder: where the files go.
        monitor: metric that chooses.
        mode: ``min`` or ``max``.
        save_top_k: how many of the best are kept; -1 keeps all.
        every_n_epochs: how often it is looked at.
    """

    def __init__(
        self, folder: Path, monitor: str, mode: str, save_top_k: int = 1, every_n_epochs: int = 1
    ) -> None:
        super().__init__(
            dirpath=folder,
            filename="best-epoch{epoch:03d}",
            auto_insert_metric_name=False,
            monitor=monitor,
            mode=mode,
            save_top_k=save_top_k,
            every_n_epochs=every_n_epochs,
        )
        self._refused = False

    @property
    def diverged(self) -> bool:
        """Whether there is no best checkpoint because the metric was never a finite number."""
        return self._refused and not self.best_model_path

    def check_monitor_top_k(self, trainer: Trainer, current: Tensor | None = None) -> bool:
        """Whether a value is among the best; all devices agree on it."""
        if current is None:
            return super().check_monitor_top_k(trainer, current)
        if not trainer.strategy.reduce_boolean_decision(math.isfinite(current)):
            self._refused = True
            return False
        return super().check_monitor_top_k(trainer, current)

    def format_checkpoint_name(self, metrics: dict[str, Tensor], *args: Any, **kwargs: Any) -> str:
        """The file's name, with epochs counted from 1 as in what is printed."""
        return super().format_checkpoint_name(
            {**metrics, "epoch": metrics["epoch"] + 1}, *args, **kwargs
        )

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save if the metric is among the best."""
        with explained_monitor(trainer, self.monitor):
            super().on_validation_end(trainer, pl_module)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save if the metric is among the best.

        Raises:
            ConfigError: the metric was not logged and no validation will log it.
        """
        if self.monitor not in trainer.callback_metrics and not _may_validate(trainer):
            raise missing_monitor(trainer, self.monitor)
        with explained_monitor(trainer, self.monitor):
            super().on_train_epoch_end(trainer, pl_module)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Warn when there was nothing to choose from."""
        if self.monitor not in trainer.callback_metrics:
            log.warning(
                "training ended before task.monitor=%s was logged: there is no best checkpoint, "
                "the last one counts",
                self.monitor,
            )
        elif self.diverged:
            log.warning(
                "%s was never a finite number: there is no best checkpoint; the last one counts",
                self.monitor,
            )
        super().on_train_end(trainer, pl_module)


class PatientStopping(EarlyStopping):
    """Lightning's early stopping, with a better word when the metric is missing."""

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stop the fit if the metric has not improved for long enough."""
        with explained_monitor(trainer, self.monitor):
            super().on_validation_end(trainer, pl_module)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stop the fit if the metric has not improved for long enough."""
        with explained_monitor(trainer, self.monitor):
            super().on_train_epoch_end(trainer, pl_module)


class LastCheckpoint(Checkpoint):
    """Saves ``last.ckpt``, to resume from, and ``interrupted.ckpt``, the weights of a bad moment.

    The last one is written at the end of every training epoch. A plateau schedule steps only after
    Lightning has called its callbacks, so the file misses that step, and so would the resumed run.
    The value it is waiting for is therefore kept in this callback's state, and the step is made
    when training starts again.

    The interrupted one is written when training is stopped or fails. It is for looking at and
    predicting with: in mid-epoch, a run could not be continued exactly.

    Args:
        folder: where the files go.
    """

    def __init__(self, folder: Path) -> None:
        self.path = Path(folder) / LAST
        self._plateau_values: list[float | None] = []

    def state_dict(self) -> dict[str, Any]:
        """The monitored values that plateau schedules had not seen yet, one for each schedule."""
        return {"plateau_values": list(self._plateau_values)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up what ``state_dict`` said."""
        self._plateau_values = list(state_dict["plateau_values"])

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Make the plateau steps that came after the checkpoint was written."""
        for plan, value in zip(trainer.lr_scheduler_configs, self._plateau_values, strict=False):
            if value is not None:
                pl_module.lr_scheduler_step(plan.scheduler, value)
        self._plateau_values = []

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Forget the values of the last epoch, which the schedules have seen by now."""
        self._plateau_values = []

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save."""
        self._plateau_values = [
            _plateau_value(trainer, plan) for plan in trainer.lr_scheduler_configs
        ]
        if trainer.fast_dev_run:
            return
        save_whole(trainer, self.path)
        if trainer.is_global_zero:  # what an earlier, interrupted attempt left is older than this
            self.path.with_name(INTERRUPTED).unlink(missing_ok=True)

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        """Save the weights of the moment. What goes wrong here must not hide ``exception``."""
        if trainer.global_step == 0 or trainer.fast_dev_run:
            return
        if trainer.state.fn != TrainerFn.FITTING:
            return
        if trainer.world_size > 1:  # saving waits for every rank, and the others may be gone
            return
        path = self.path.with_name(INTERRUPTED)
        try:
            save_whole(trainer, path)
        except Exception as error:  # noqa: BLE001  whatever it is, `exception` matters more
            log.warning("could not save %s: %s: %s", path, type(error).__name__, error)


def save_whole(trainer: Trainer, path: Path) -> None:
    """Save a checkpoint so that a process killed while writing leaves the old file whole.

    Lightning writes to the system's temporary folder and moves the file, which copies it when that
    folder is on another disk; renaming within one folder is atomic.
    """
    partial = path.with_name(f"{path.name}.part")
    trainer.save_checkpoint(partial, weights_only=False)  # without it Lightning says so each time
    if trainer.is_global_zero:
        partial.replace(path)


@contextmanager
def explained_monitor(trainer: Trainer, monitor: str) -> Iterator[None]:
    """Turn Lightning's error about a missing metric into ours.

    Raises:
        ConfigError: ``monitor`` has not been logged.
    """
    try:
        yield
    except (MisconfigurationException, RuntimeError) as error:
        if monitor in trainer.callback_metrics:
            raise
        raise missing_monitor(trainer, monitor) from error


def missing_monitor(trainer: Trainer, monitor: str) -> ConfigError:
    """The error for a metric that chooses checkpoints and was never logged."""
    logged = [name for name in trainer.callback_metrics if not name.endswith(("_step", "_epoch"))]
    near = nearest(monitor, logged)
    return ConfigError(
        f"task.monitor={monitor} was never logged",
        expected=f"one of the logged metrics: {listing(logged)}",
        fix=f"task.monitor={near}"
        if near
        else f"self.log('{monitor}', value) in the module, or task.monitor=null",
    )


def _plateau_value(trainer: Trainer, plan: Any) -> float | None:
    due = plan.interval == "epoch" and (trainer.current_epoch + 1) % plan.frequency == 0
    value = trainer.callback_metrics.get(plan.monitor) if plan.reduce_on_plateau and due else None
    return None if value is None else float(value)


def _may_validate(trainer: Trainer) -> bool:
    """Whether a validation can still log something.

    Lightning asks for the loaders when the first validation is due, or its sanity check. Before
    that it counts no batches, which does not mean that there are none.
    """
    if not trainer.enable_validation or trainer.val_dataloaders is None:
        return trainer.enable_validation
    return sum(map(int, _finite(trainer.num_val_batches))) > 0


def _finite(batches: Any) -> list[float]:
    counts = batches if isinstance(batches, list) else [batches]
    return [1 if count == float("inf") else count for count in counts]
