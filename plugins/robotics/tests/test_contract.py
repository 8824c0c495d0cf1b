"""The conformance suite, on every task, algorithm, world and kind of file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from labloom.testing import TaskContract


class TestRobotics(TaskContract):
    plugin = "robotics"
    readings: Path

    def overrides_for(self, option: str) -> Sequence[str]:
        return {
            "robotics_gym": ("data.val_episodes=4",),
            "robotics_navigate": ("data.num_agents=8", "data.val_episodes=8"),
            "robotics_demonstrations": ("data.episodes=50", "data.val_episodes=4"),
            "robotics_scans": ("data.train_scenes=256", "data.val_scenes=64"),
            "robotics_readings": (f"data.path={self.readings}",),
        }.get(option, ())


@pytest.fixture(scope="module", autouse=True)
def readings_file(tmp_path_factory):
    """120 readings of four ranges, with the action that the nearest of them asks for."""
    ranges = np.random.default_rng(0).uniform(0.2, 5.0, (120, 4)).round(3)
    actions = ("Stop", "Slow", "Turn", "Go")
    rows = [",".join(map(str, row)) + f",{actions[row.argmin()]}" for row in ranges]
    TestRobotics.readings = tmp_path_factory.mktemp("data") / "readings.csv"
    TestRobotics.readings.write_text("\n".join(rows) + "\n")
