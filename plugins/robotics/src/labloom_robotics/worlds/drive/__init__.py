"""Driving on a road with other cars."""

from __future__ import annotations

from labloom_robotics.worlds.drive.world import Drive

__all__ = ["Drive"]
