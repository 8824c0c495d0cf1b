"""What can be set about the navigation world, with units, and what makes no sense."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from labloom.arguments import require, require_known, require_number, require_switch, require_whole


@dataclass(frozen=True, slots=True, kw_only=True)
class NavigateOptions:
    """A differential-drive robot, its LiDAR, and the arena that it crosses.

    The defaults are frozen: ``Navigate`` tells what they were measured to mean.

    Args:
        size: side of the square arena, m.
        pillars: round obstacles, radius 0.3 to 0.6 m.
        walls: straight and thin, 1.0 to 2.5 m long, with a round post of 0.15 m radius at each end.
        people: discs of radius 0.25 m that walk to and fro between two places.
        people_speed: how fast the fastest of them walks, m/s; the slowest half as fast.
        rays: of the LiDAR, evenly over 360 degrees, the first straight ahead.
        scan_range: as far as it sees, m.
        robot_radius: m.
        max_speed: forward, m/s; the robot cannot drive backward.
        max_turn: rad/s, to either side.
        acceleration: of the forward speed, m/s^2.
        turn_acceleration: of the turn rate, rad/s^2.
        goal_radius: reached when the robot's centre is this near to the goal, m.
        seconds_per_step: between two actions, s.
        max_episode_steps: steps until an episode is truncated.
        clearance: the cost ``clearance`` counts the steps with less than this between the robot's
            hull and anything else, m.
        success_reward: for reaching the goal.
        collision_penalty: taken off for a crash, at least 0.
        step_penalty: taken off for every step, at least 0.
        discrete: whether an action is the number of a pair in ``PAIRS`` and not two numbers.

    Raises:
        ConfigError: a value is out of range; the message names it.
    """

    size: float = 10.0
    pillars: int = 6
    walls: int = 2
    people: int = 3
    people_speed: float = 0.6
    rays: int = 40
    scan_range: float = 5.0
    robot_radius: float = 0.2
    max_speed: float = 1.0
    max_turn: float = 2.0
    acceleration: float = 2.0
    turn_acceleration: float = 8.0
    goal_radius: float = 0.3
    seconds_per_step: float = 0.2
    max_episode_steps: int = 150
    clearance: float = 0.25
    success_reward: float = 5.0
    collision_penalty: float = 10.0
    step_penalty: float = 0.01
    discrete: bool = False

    def __post_init__(self) -> None:
        for name, (kind, low, high, unit) in RANGES.items():
            check = require_whole if kind is int else require_number
            check(f"{NODE}.{name}", getattr(self, name), at_least=low, at_most=high, unit=unit)
        require_switch(f"{NODE}.discrete", self.discrete)
        stride = self.max_speed * self.seconds_per_step
        longest = 2 * self.robot_radius / self.max_speed
        require(
            stride <= 2 * self.robot_radius,
            f"{NODE}.seconds_per_step",
            expected=f"at most 2 * robot_radius / max_speed = {longest:g} s, so that no step leads "
            "through a wall",
            got=self.seconds_per_step,
            fix=f"set {NODE}.seconds_per_step={longest:g} or less",
        )
        room = self.size**2 / (self.pillars + self.walls) if self.pillars + self.walls else math.inf
        require(
            room >= ROOM,
            f"{NODE}.pillars + {NODE}.walls",
            expected=f"at most {int(self.size**2 / ROOM)} together in an arena of this size, so "
            "that a way is left",
            got=self.pillars + self.walls,
            fix=f"set fewer of them, or a larger {NODE}.size",
        )


NODE = "data.options"
# Arena that each obstacle needs around it, m^2.
ROOM = 6.0

# key -> what it is, smallest and largest value, unit.
RANGES: dict[str, tuple[type, float, float, str]] = {
    "size": (float, 6, 40, "m"),
    "pillars": (int, 0, 64, "pillars"),
    "walls": (int, 0, 32, "walls"),
    "people": (int, 0, 32, "people"),
    "people_speed": (float, 0, 2, "m/s"),
    "rays": (int, 4, 720, "rays"),
    "scan_range": (float, 0.5, 60, "m"),
    "robot_radius": (float, 0.05, 0.4, "m"),
    "max_speed": (float, 0.1, 3, "m/s"),
    "max_turn": (float, 0.1, 10, "rad/s"),
    "acceleration": (float, 0.1, 50, "m/s^2"),
    "turn_acceleration": (float, 0.1, 100, "rad/s^2"),
    "goal_radius": (float, 0.1, 0.8, "m"),
    "seconds_per_step": (float, 0.01, 0.5, "s"),
    "max_episode_steps": (int, 1, 100_000, "steps"),
    "clearance": (float, 0, 2, "m"),
    "success_reward": (float, 0, 1000, "reward"),
    "collision_penalty": (float, 0, 1000, "reward"),
    "step_penalty": (float, 0, 10, "reward"),
}


def read_options(given: Mapping[str, Any]) -> NavigateOptions:
    """The options of which ``given`` sets some.

    Raises:
        ConfigError: a key is unknown, or a value out of range.
    """
    require_known(NODE, given, [field.name for field in fields(NavigateOptions)])
    return NavigateOptions(**given)
