"""A cost for going too fast, which makes constrained tasks of the locomotion environments.

The limits are those of Safety-Gymnasium's velocity tasks, version 1 (Ji et al. 2023,
arXiv:2310.12567). There only speed forward counts, or in the plane for some robots; here the
absolute speed along x does, for all of them.
"""

from __future__ import annotations

from typing import Any

import gymnasium

from labloom.errors import ConfigError, listing

COST = "velocity"  # key in info, and name of the cost
LIMITS = {  # m/s
    "Ant": 2.6222,
    "HalfCheetah": 3.2096,
    "Hopper": 0.7402,
    "Humanoid": 1.4149,
    "Swimmer": 0.2282,
    "Walker2d": 2.3415,
}


class VelocityCost(gymnasium.Wrapper, gymnasium.utils.RecordConstructorArgs):
    """Adds ``info["velocity"]``: 1 in a step whose speed along x is above the limit, else 0.

    Args:
        env: tells ``info["x_velocity"]`` in m/s, as the locomotion environments of MuJoCo do.
        limit: m/s; None: the one of ``LIMITS`` for this robot.

    Raises:
        ConfigError: no limit is given or known.
    """

    def __init__(self, env: gymnasium.Env, limit: float | None = None) -> None:
        gymnasium.utils.RecordConstructorArgs.__init__(self, limit=limit)
        super().__init__(env)
        self.limit = _known_limit(env) if limit is None else limit

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Step, and tell whether the robot was too fast."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        info[COST] = float(abs(info["x_velocity"]) > self.limit)
        return observation, reward, terminated, truncated, info


def _known_limit(env: gymnasium.Env) -> float:
    name = env.spec.name if env.spec is not None else type(env.unwrapped).__name__
    if name not in LIMITS:
        raise ConfigError(
            f"no velocity limit is known for {name}",
            expected=f"one of {listing(LIMITS)}",
            fix=f"leave '{COST}' out of data.costs, or name a key of the environment's info there",
        )
    return LIMITS[name]
