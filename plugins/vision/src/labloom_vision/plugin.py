"""The vision plugin's hooks. Light: nothing here imports torch."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from labloom import Task, hookimpl

if TYPE_CHECKING:
    from omegaconf import DictConfig
    from pytorch_lightning import Callback

CLASSIFY = Task(
    name="vision_classify",
    summary="Image classification: one label per image",
    monitor="val/acc",
    mode="max",
    requires=("torchvision", "timm", "sklearn"),
    tags=("vision", "classification"),
)


@hookimpl
def register_tasks() -> Iterable[Task]:
    """The tasks of this plugin."""
    return [CLASSIFY]


@hookimpl
def extra_callbacks(cfg: DictConfig, task: Task) -> Iterable[Callback]:
    """Figures that a run of ``vision_classify`` records: confusion matrix and worst images."""
    if task.name != CLASSIFY.name:
        return []
    from labloom_vision.figures import ConfusionMatrix, WorstImages

    # The user may watch another metric than the task's own; the figures show the same epoch as
    # the checkpoint that is kept.
    monitor, mode = cfg.task.monitor, cfg.task.mode
    return [
        ConfusionMatrix(monitor=monitor, mode=mode),
        WorstImages(monitor=monitor, mode=mode),
    ]
