"""How a run's progress is shown: a bar on a terminal, one plain line an epoch in a pipe."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from pytorch_lightning import Callback, LightningModule, Trainer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor

Choice = Literal["auto", "bar", "lines", "none"]
TERMINAL_WIDTH = 80  # columns that a line on a terminal must fit when its width is unknown
BAR_UPDATES = 4  # per second; drawing takes 2 ms of the training thread's time


def make_progress(choice: Choice, monitor: str | None) -> Callback | None:
    """The callback for ``callbacks.progress``.

    Args:
        choice: ``auto`` is ``bar`` on a terminal and ``lines`` in a pipe or a file.
        monitor: metric to show first on a terminal, where not all may fit.
    """
    console = Console()
    if choice == "auto":
        choice = "bar" if console.is_terminal else "lines"
    if choice == "none":
        return None
    return ProgressBar(monitor, console) if choice == "bar" else EpochLines()


class EpochLines(Callback):
    """Prints one line an epoch: ``epoch 3/20  train/loss 0.123  val/acc 0.981  1.2 s``.

    The line of an epoch is printed when the next one starts, because a module may log in its own
    ``on_train_epoch_end``, which comes after that of the callbacks.
    """

    def __init__(self) -> None:
        self._started = 0.0
        self._pending: tuple[int, float] | None = None

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Print the line of the epoch before and start the clock."""
        self._flush(trainer)
        self._started = time.perf_counter()

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stop the clock."""
        self._pending = (trainer.current_epoch, time.perf_counter() - self._started)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Print the last line."""
        self._flush(trainer)

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        """Print the line of the last whole epoch."""
        self._flush(trainer)

    def show(self, line: list[str]) -> None:
        """Print the columns of one line."""
        print("  ".join(line), flush=True)

    def _flush(self, trainer: Trainer) -> None:
        if self._pending is None:
            return
        epoch, seconds = self._pending
        self._pending = None
        if trainer.is_global_zero:
            metrics = shown_metrics(trainer.callback_metrics)
            shown = [f"{name} {value}" for name, value in metrics.items()]
            self.show([epoch_label(epoch, trainer.max_epochs), *shown, f"{seconds:.1f} s"])


class ProgressBar(EpochLines):
    """A bar for the running epoch over the lines of the finished ones, both within the terminal.

    Args:
        monitor: metric to show first.
        console: where to draw.
    """

    def __init__(self, monitor: str | None, console: Console) -> None:
        super().__init__()
        self.monitor = monitor
        self.console = console
        self._bar: Progress | None = None

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the bar of this epoch."""
        super().on_train_epoch_start(trainer, pl_module)
        label = epoch_label(trainer.current_epoch, trainer.max_epochs)
        self._start(trainer, label, trainer.num_training_batches)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Advance."""
        self._advance()

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Take the bar away; the line replaces it."""
        super().on_train_epoch_end(trainer, pl_module)
        self._stop()

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the bar of the test."""
        self._start(trainer, "test", sum(trainer.num_test_batches))

    def on_test_batch_end(self, *args: Any) -> None:
        """Advance."""
        self._advance()

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Take the bar away."""
        self._stop()

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        """Give the terminal back."""
        self._stop()
        super().on_exception(trainer, pl_module, exception)

    def show(self, line: list[str]) -> None:
        """Print as many columns as fit, the monitored metric among them."""
        label, *metrics, duration = line
        metrics.sort(key=lambda text: text.partition(" ")[0] != self.monitor)
        width = self.console.width or TERMINAL_WIDTH
        while metrics and len("  ".join([label, *metrics, duration])) > width:
            metrics.pop()
        self.console.print("  ".join([label, *metrics, duration]), highlight=False, markup=False)

    def _start(self, trainer: Trainer, label: str, batches: float) -> None:
        self._stop()
        if not trainer.is_global_zero:
            return
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TimeRemainingColumn(compact=True),
            console=self.console,
            transient=True,
            refresh_per_second=BAR_UPDATES,
        )
        self._bar.add_task(label, total=None if batches == float("inf") else batches)
        self._bar.start()

    def _advance(self) -> None:
        if self._bar is not None:
            self._bar.advance(self._bar.task_ids[0])

    def _stop(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


def epoch_label(epoch: int, max_epochs: int | None) -> str:
    """``epoch 3/20`` for the third of twenty; ``epoch 3`` when there is no limit."""
    if max_epochs is None or max_epochs < 0:
        return f"epoch {epoch + 1}"
    return f"epoch {epoch + 1:>{len(str(max_epochs))}}/{max_epochs}"


def shown_metrics(metrics: Mapping[str, Tensor]) -> dict[str, str]:
    """Metrics as texts: training before validation, without twins and learning rates.

    A metric that is logged by step and by epoch also has twins called ``_step`` and ``_epoch``.
    """
    names = [name for name in metrics if not (_is_twin(name, metrics) or _is_rate(name))]
    names.sort(key=lambda name: (not name.startswith("train"), _group(name)))
    return {name: f"{float(metrics[name]):.4g}" for name in names}


def _is_twin(name: str, names: Iterable[str]) -> bool:
    stem = name.removesuffix("_step").removesuffix("_epoch")
    return stem != name and stem in names


def _is_rate(name: str) -> bool:
    return name.startswith(("lr-", "train/lr"))  # Lightning's name, and that of our schedules


def _group(name: str) -> str:
    return name.partition("/")[0]
