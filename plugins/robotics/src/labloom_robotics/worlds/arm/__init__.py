"""A planar arm that reaches and pushes."""

from __future__ import annotations

from labloom_robotics.worlds.arm.world import Arm

__all__ = ["Arm"]
