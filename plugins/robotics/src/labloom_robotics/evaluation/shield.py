"""A shield between a policy and its robot: no faster than what the LiDAR says is safe.

Legend of shapes: ``n`` agents, ``r`` rays, ``a`` numbers of an action.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from labloom.arguments import require_number, require_whole, under
from labloom.errors import ConfigError
from labloom_robotics.evaluation.controller import Controller
from labloom_robotics.worlds import Observations, World

NOTICEABLE = 1e-6  # of the speed's range; less is rounding


@dataclass(frozen=True, slots=True, kw_only=True)
class ShieldOptions:
    """When the shield holds back.

    Args:
        stop: nearest distance ahead at which the robot must stand, as the scan measures it (in
            ``robotics_navigate`` a share of the LiDAR's range).
        slow: distance from which on any speed is allowed; in between the limit is a straight line.
        sector: angle that counts as ahead, degrees, half of it to either side.
        scan_key: name of the scan in the observations; rays go round counter-clockwise, the first
            straight ahead.
        speed_action: which number of an action is the forward speed; its lower bound is standing.

    Raises:
        ConfigError: a distance, the angle or the number of the speed is out of range.
    """

    stop: float = 0.06
    slow: float = 0.2
    sector: float = 120.0
    scan_key: str = "scan"
    speed_action: int = 0

    def __post_init__(self) -> None:
        for key, distance in under("module.shield", stop=self.stop, slow=self.slow):
            require_number(key, distance, at_least=0)
        require_whole("module.shield.speed_action", self.speed_action, at_least=0)
        if self.stop >= self.slow:
            raise ConfigError(
                "module.shield.stop and module.shield.slow cannot be used",
                expected="stop below slow",
                got=f"stop={self.stop}, slow={self.slow}",
                fix="set e.g. module.shield.stop=0.06 module.shield.slow=0.2",
            )
        require_number(
            "module.shield.sector",
            self.sector,
            above=0,
            at_most=360,
            unit="degrees",
            fix="set e.g. module.shield.sector=120",
        )


class ShieldedController:
    """Another controller's actions, with the forward speed limited by the nearest thing ahead.

    The limit falls in a straight line from full speed at ``slow`` to standing at ``stop``. A step
    in which it holds an agent back is an intervention; ``counts`` tells them as ``interventions``.

    Args:
        controller: whose actions they are.
        options: when to hold back.
    """

    def __init__(self, controller: Controller, options: ShieldOptions) -> None:
        self.controller = controller
        self.options = options
        self.interventions: NDArray | None = None

    def __call__(self, observations: Observations, world: World) -> NDArray:
        """Actions [n, a] as the other controller chose them, but no faster than is safe.

        Raises:
            ConfigError: the world has no scan, or no number that is the forward speed.
        """
        low, high = self._speed_bounds(world)
        limit = low + (high - low) * self._allowed(observations)  # [n]
        actions = self.controller(observations, world)
        index = self.options.speed_action
        held = actions[:, index] > limit + NOTICEABLE * (high - low)
        if self.interventions is None:
            self.interventions = np.zeros(len(actions), dtype=np.int64)
        self.interventions += held
        actions = actions.copy()
        actions[:, index] = np.minimum(actions[:, index], limit)
        return actions

    def counts(self) -> Mapping[str, NDArray]:
        """Steps in which each agent was held back, beside what the other controller counts."""
        own = {} if self.interventions is None else {"interventions": self.interventions.copy()}
        return {**self.controller.counts(), **own}

    def _allowed(self, observations: Observations) -> NDArray:
        """Share of the full speed that each agent may have, [n]."""
        options = self.options
        if not isinstance(observations, dict) or options.scan_key not in observations:
            names = ", ".join(observations) if isinstance(observations, dict) else "no names"
            raise ConfigError(
                "module.shield needs a LiDAR scan, and this world has none",
                expected=f"observations with '{options.scan_key}'",
                got=names,
                fix="set module.shield=null, module.shield.scan_key, or data=robotics_navigate",
            )
        scan = observations[options.scan_key]  # [n, r]
        angles = np.arange(scan.shape[-1]) * (2 * math.pi / scan.shape[-1])
        ahead = np.cos(angles) >= math.cos(math.radians(options.sector / 2)) - 1e-9
        nearest = scan[:, ahead].min(axis=1)
        return np.clip((nearest - options.stop) / (options.slow - options.stop), 0.0, 1.0)

    def _speed_bounds(self, world: World) -> tuple[float, float]:
        space, index = world.action_space, self.options.speed_action
        bounded = isinstance(space, spaces.Box) and space.is_bounded()
        if not bounded or not index < math.prod(space.shape):
            raise ConfigError(
                "module.shield limits a forward speed, and this world's actions have none",
                expected=f"a bounded Box of actions whose number {index} is the forward speed",
                got=str(space),
                fix="set module.shield=null, or choose a world with continuous actions",
            )
        return float(space.low.reshape(-1)[index]), float(space.high.reshape(-1)[index])
