"""Worlds that agents act in: several agents at once, one call for a step of all of them."""

from __future__ import annotations

from labloom_robotics.worlds.base import Observations, Transition, World
from labloom_robotics.worlds.registered import register

__all__ = ["Observations", "Transition", "World"]

register()
