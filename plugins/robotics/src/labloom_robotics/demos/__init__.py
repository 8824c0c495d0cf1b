"""Demonstrations: episodes of somebody who can do it, from scripted experts and from files."""

from __future__ import annotations

from labloom_robotics.demos.episode import Demonstration, Demonstrations

__all__ = ["Demonstration", "Demonstrations"]
