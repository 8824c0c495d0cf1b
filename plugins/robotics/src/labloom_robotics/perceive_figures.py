"""Figures of a run of ``robotics_perceive``: what was confused, and scans with their grids.

Both callbacks show the epoch of the best validation metric, the one whose checkpoint is kept, or
the last one when nothing is monitored; and the test split, when it is run. What they would show is
part of the checkpoint, so that a resumed run draws the same figures as an uninterrupted one.

Legend of shapes: ``m`` scans on a page, ``r`` rays, ``g`` cells along a side of the grid.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pytorch_lightning as pl
import torch
from torch import Tensor

from labloom.callbacks.best_epoch import BestEpoch, figure_log
from labloom_robotics.data.lidar import ray_directions
from labloom_robotics.data.occupancy import UNASKED

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = ("#b8c0c8", "#1f2933", "#2b6cb0", "#d64545", "#2f9e63", "#d08700", "#8250c4", "#00899b")
"""Of the classes, in their order; they repeat where there are more."""


class BestPage(pl.Callback):
    """Remembers the page of the best validation epoch and draws it; subclasses say what a page is.

    Args:
        monitor: metric that chooses the validation epoch; None: the last one.
        mode: whether a smaller or a larger ``monitor`` is better.
    """

    name = ""

    def __init__(self, monitor: str | None = None, mode: Literal["min", "max"] = "max") -> None:
        self.best = BestEpoch(monitor, mode)
        self.shown: dict[str, Tensor] | None = None
        self.epoch = 0

    def page(self, trainer: pl.Trainer, module: pl.LightningModule, split: str) -> Any:
        """What to draw of the epoch that just ended: tensors by name; None: nothing."""
        raise NotImplementedError

    def draw(self, page: Mapping[str, Tensor], module: pl.LightningModule, title: str) -> Figure:
        """The figure of a page."""
        raise NotImplementedError

    def state_dict(self) -> dict[str, Any]:
        """The best epoch so far and its page."""
        return {"best": self.best.value, "epoch": self.epoch, "page": self.shown}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from the best epoch of a checkpoint."""
        self.best.value = state_dict["best"]
        self.epoch = state_dict["epoch"]
        self.shown = state_dict["page"]

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Keep the page of the best epoch."""
        if not trainer.sanity_checking and self.best.improved(trainer):
            self.shown, self.epoch = self.page(trainer, pl_module, "val"), trainer.current_epoch

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Draw the validation split."""
        self._log(trainer, pl_module, "val", self.shown, f"Validation, epoch {self.epoch + 1}")

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Draw the test split."""
        self._log(trainer, pl_module, "test", self.page(trainer, pl_module, "test"), "Test")

    def _log(
        self,
        trainer: pl.Trainer,
        module: pl.LightningModule,
        split: str,
        page: Mapping[str, Tensor] | None,
        title: str,
    ) -> None:
        log_figure = figure_log(trainer)
        if log_figure is not None and page is not None:
            log_figure(f"{split}/{self.name}", self.draw(page, module, title))


class ClassConfusion(BestPage):
    """Records ``val/confusion_matrix`` and ``test/confusion_matrix``, of rays or readings."""

    name = "confusion_matrix"

    def page(self, trainer: pl.Trainer, module: pl.LightningModule, split: str) -> Any:
        """Counts [true, predicted]."""
        return {"counts": module.confusion[split]}

    def draw(self, page: Mapping[str, Tensor], module: pl.LightningModule, title: str) -> Figure:
        """The confusion matrix."""
        from labloom.record.figures import confusion_matrix_figure

        return confusion_matrix_figure(page["counts"].numpy(), module.classes, title=title)


class ScanPictures(BestPage):
    """Records ``val/scans`` and ``test/scans``: the first scans, with truth beside prediction.

    Draws nothing for data without an occupancy grid. Of a range image it shows the first layer.

    Args:
        monitor: metric that chooses the validation epoch; None: the last one.
        mode: whether a smaller or a larger ``monitor`` is better.
        count: scans on the page.
    """

    name = "scans"

    def __init__(
        self,
        monitor: str | None = None,
        mode: Literal["min", "max"] = "max",
        count: int = 4,
    ) -> None:
        super().__init__(monitor, mode)
        self.count = count
        self.current: dict[str, Tensor] | None = None

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start a page."""
        self.current = None

    on_test_start = on_validation_start

    def on_validation_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Keep the first scans."""
        if batch_idx > 0 or "grid" not in batch[1] or figure_log(trainer) is None:
            return
        inputs, targets = batch
        page = {
            "scans": inputs,
            "classes": targets["classes"].to(torch.uint8),
            "grid": targets["grid"],
            "said_classes": outputs["classes"].argmax(dim=1).to(torch.uint8),
            "said_grid": outputs["grid"].sigmoid(),
        }
        self.current = {name: tensor[: self.count].detach().cpu() for name, tensor in page.items()}

    on_test_batch_end = on_validation_batch_end

    def page(self, trainer: pl.Trainer, module: pl.LightningModule, split: str) -> Any:
        """The scans that were kept."""
        return self.current

    def draw(self, page: Mapping[str, Tensor], module: pl.LightningModule, title: str) -> Figure:
        """The page."""
        return scans_figure(
            {name: tensor.numpy() for name, tensor in page.items()},
            module.classes,
            cell=float(module.cell_size),
            max_range=float(module.max_range),
            title=title,
        )


def scans_figure(
    page: Mapping[str, np.ndarray],
    classes: Sequence[str],
    *,
    cell: float,
    max_range: float,
    title: str,
) -> Figure:
    """Draw scans from above, the robot in the middle and looking up; one in each column.

    The upper row is the truth, the lower one what the model says: cells behind, returns before
    them, in the colours of their classes.

    Args:
        page: ``scans`` [m, (layers,) r] in [0, 1]; ``classes`` and ``said_classes`` in the same
            shape; ``grid`` and ``said_grid`` [m, g, g], the latter probabilities.
        classes: names of the classes.
        cell: side of a cell, m.
        max_range: m.
        title: above the figure.
    """
    from matplotlib.figure import Figure

    count = len(page["scans"])
    figure = Figure(figsize=(3.1 * count, 6.9), layout="constrained")
    rows = figure.subplots(2, count, squeeze=False)
    for axes, grid, rays, name in (
        (rows[0], "grid", "classes", "true"),
        (rows[1], "said_grid", "said_classes", "predicted"),
    ):
        axes[0].set_ylabel(f"{name}; ahead, m")
        for i in range(count):
            _cells(axes[i], page[grid][i], cell, hidden=page["grid"][i] == UNASKED)
            _returns(axes[i], page["scans"][i], page[rays][i], len(classes), max_range)
    names = [_dot(rows[0, 0], number, name) for number, name in enumerate(classes)]
    figure.legend(handles=names, loc="outside lower center", ncols=len(classes), frameon=False)
    figure.suptitle(title, fontsize=12)
    return figure


def _cells(axes: Axes, grid: np.ndarray, cell: float, hidden: np.ndarray) -> None:
    """Cells as grey squares; those that are not asked are left out, a light blue."""
    edge = len(grid) * cell / 2
    shown = np.ma.masked_where(hidden, grid.astype(float))
    axes.set_facecolor("#e3edf5")
    # Rows run ahead and columns to the left; upright, ahead is up and left is left.
    axes.imshow(
        shown[:, ::-1],
        origin="lower",
        extent=(-edge, edge, -edge, edge),
        cmap="Greys",
        vmin=0.0,
        vmax=1.6,
        interpolation="nearest",
    )
    axes.plot(0, 0, marker="^", color="#d08700", markersize=7)
    axes.set_xlim(-edge, edge)
    axes.set_ylim(-edge, edge)
    axes.tick_params(labelsize=7, length=2)


def _returns(
    axes: Axes, scan: np.ndarray, labels: np.ndarray, classes: int, max_range: float
) -> None:
    if scan.ndim == 2:
        scan, labels = scan[0], labels[0]
    points = ray_directions(len(scan)) * (scan * max_range)[:, None]
    came_back = scan < 1
    colours = [COLOURS[label % len(COLOURS)] for label in labels[came_back]]
    axes.scatter(-points[came_back, 1], points[came_back, 0], c=colours, s=9, linewidths=0)


def _dot(axes: Axes, number: int, name: str) -> Any:
    colour = COLOURS[number % len(COLOURS)]
    return axes.plot([], [], marker="o", linestyle="", color=colour, label=name)[0]
