"""The robotics plugin's hooks. Light: nothing here imports torch or gymnasium."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from labloom import Task, hookimpl

if TYPE_CHECKING:
    from omegaconf import DictConfig
    from pytorch_lightning import Callback

CONTROL = Task(
    name="robotics_control",
    summary="A policy from reward and punishment: PPO, DQN, SAC",
    monitor="val/return",
    mode="max",
    requires=("gymnasium",),
    tags=("robotics", "reinforcement learning"),
)
SAFE = Task(
    name="robotics_safe",
    summary="A policy that keeps named costs within limits",
    monitor="val/constrained_return",
    mode="max",
    requires=("gymnasium",),
    tags=("robotics", "reinforcement learning", "safety"),
)
IMITATE = Task(
    name="robotics_imitate",
    summary="A policy from demonstrations: behaviour cloning, action chunks",
    monitor="val/loss",
    mode="min",
    requires=("gymnasium", "h5py", "pyarrow"),
    tags=("robotics", "imitation"),
)
PERCEIVE = Task(
    name="robotics_perceive",
    summary="What range sensors see: classes of rays, occupancy, actions",
    monitor="val/iou",
    mode="max",
    requires=("gymnasium",),
    tags=("robotics", "perception"),
)


@hookimpl
def register_tasks() -> Iterable[Task]:
    """The tasks of this plugin."""
    return [CONTROL, SAFE, IMITATE, PERCEIVE]


@hookimpl
def extra_callbacks(cfg: DictConfig, task: Task) -> Iterable[Callback]:
    """What a run of these tasks records beside its metrics: tables, figures and films."""
    # The user may watch another metric than the task's own; what is shown is the epoch whose
    # checkpoint is kept.
    monitor, mode = cfg.task.monitor, cfg.task.mode
    if task.name == PERCEIVE.name:
        from labloom_robotics.perceive_figures import ClassConfusion, ScanPictures

        return [ClassConfusion(monitor, mode), ScanPictures(monitor, mode)]
    if task.name not in (CONTROL.name, SAFE.name, IMITATE.name):
        return []
    from labloom_robotics.evaluation.report import EpisodeReport

    return [EpisodeReport(monitor=monitor, mode=mode, filmed=cfg.module.video_episodes)]
