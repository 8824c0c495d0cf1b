"""A robot that finds its way by LiDAR among obstacles and moving people."""

from __future__ import annotations

from labloom_robotics.worlds.navigate.options import NavigateOptions
from labloom_robotics.worlds.navigate.world import Navigate

__all__ = ["Navigate", "NavigateOptions"]
