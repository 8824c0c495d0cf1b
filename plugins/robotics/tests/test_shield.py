"""The shield: nothing faster than what the scan allows, and every intervention counted."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from gymnasium import spaces
from numpy.typing import NDArray

from labloom.errors import ConfigError
from labloom_robotics.evaluation.shield import ShieldedController, ShieldOptions

BOX = spaces.Box(np.float32([0.0, -1.0]), np.float32([2.0, 1.0]))  # 0 to 2 m/s, and a turn


class Corridor:
    """As much of a world as a shield asks for."""

    def __init__(self, space: spaces.Space = BOX) -> None:
        self.action_space = space


class Steady:
    """Drives at a steady speed and turns a little."""

    def __init__(self, speed: float = 2.0) -> None:
        self.speed = speed

    def __call__(self, observations: Any, world: Any) -> NDArray:
        return np.tile(np.float32([self.speed, 0.5]), (3, 1))

    def counts(self) -> dict[str, NDArray]:
        return {"queued": np.array([1, 2, 3])}


def scans(*ahead: float, behind: float = 1.0) -> dict[str, NDArray]:
    """Scans of 8 rays; the first is straight ahead, the fifth straight behind."""
    rays = np.ones((len(ahead), 8), dtype=np.float32)
    rays[:, 0], rays[:, 4] = ahead, behind
    return {"scan": rays}


def shield(speed: float = 2.0, **options: Any) -> ShieldedController:
    settings = {"stop": 0.1, "slow": 0.3, "sector": 60.0, **options}
    return ShieldedController(Steady(speed), ShieldOptions(**settings))


def test_the_limit_is_a_straight_line_from_standing_to_full_speed():
    actions = shield()(scans(0.05, 0.2, 0.9), Corridor())
    assert actions[:, 0].tolist() == pytest.approx([0.0, 1.0, 2.0], abs=1e-6)


def test_the_other_numbers_of_an_action_are_left_alone():
    assert shield()(scans(0.05, 0.2, 0.9), Corridor())[:, 1].tolist() == [0.5, 0.5, 0.5]


def test_what_lies_beside_or_behind_is_no_reason_to_slow_down():
    actions = shield()(scans(1.0, 1.0, 1.0, behind=0.0), Corridor())
    assert actions[:, 0].tolist() == [2.0, 2.0, 2.0]


def test_a_sector_of_360_degrees_looks_behind_too():
    actions = shield(sector=360.0)(scans(1.0, 1.0, 1.0, behind=0.0), Corridor())
    assert actions[:, 0].tolist() == [0.0, 0.0, 0.0]


def test_only_steps_that_were_held_back_count_beside_what_else_is_counted():
    guard, world = shield(speed=1.0), Corridor()
    guard(scans(0.05, 0.2, 0.9), world)
    guard(scans(0.15, 0.9, 0.9), world)
    counts = guard.counts()
    assert counts["interventions"].tolist() == [2, 0, 0]
    assert counts["queued"].tolist() == [1, 2, 3]


def test_the_policys_own_actions_are_not_written_over():
    wanted = np.float32([[2.0, 0.0]])
    guard = ShieldedController(lambda seen, world: wanted, ShieldOptions())
    guard(scans(0.0), Corridor())
    assert wanted.tolist() == [[2.0, 0.0]]


def test_a_world_without_a_scan_is_refused():
    with pytest.raises(ConfigError, match="needs a LiDAR scan"):
        shield()(np.zeros((3, 4)), Corridor())
    with pytest.raises(ConfigError, match="needs a LiDAR scan") as caught:
        shield()({"state": np.zeros((3, 4))}, Corridor())
    assert caught.value.got == "state"


def test_a_world_without_a_forward_speed_is_refused():
    with pytest.raises(ConfigError, match="limits a forward speed"):
        shield()(scans(1.0), Corridor(spaces.Discrete(3)))
    with pytest.raises(ConfigError, match="limits a forward speed"):
        shield(speed_action=2)(scans(1.0), Corridor())
    with pytest.raises(ConfigError, match="limits a forward speed"):
        shield()(scans(1.0), Corridor(spaces.Box(-np.inf, np.inf, (2,))))


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"stop": 0.5}, "module.shield.stop"),
        ({"stop": -0.1}, "module.shield.stop"),
        ({"slow": "far"}, "module.shield.slow"),
        ({"sector": 0.0}, "module.shield.sector"),
        ({"speed_action": -1}, "module.shield.speed_action"),
    ],
)
def test_settings_out_of_range_are_refused(settings, problem):
    with pytest.raises(ConfigError, match=problem):
        ShieldOptions(**settings)
