"""The built-in worlds as ordinary Gymnasium environments of one agent, by id.

    import gymnasium
    import labloom_robotics.worlds
    env = gymnasium.make("labloom_robotics/Navigate-v0", people=5)

The worlds themselves are imported when such an environment is made.
"""

from __future__ import annotations

import importlib
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from labloom_robotics.worlds.base import Observations, World

IDS = {  # id -> where the class of its world is
    "labloom_robotics/Navigate-v0": "labloom_robotics.worlds.navigate:Navigate",
    "labloom_robotics/Drive-v0": "labloom_robotics.worlds.drive:Drive",
    "labloom_robotics/Arm-v0": "labloom_robotics.worlds.arm:Arm",
}
LARGEST_SEED = 2**31


def register() -> None:
    """Tell Gymnasium the ids; a second call does nothing."""
    for name, world in IDS.items():
        if name not in gymnasium.registry:
            gymnasium.register(
                name,
                entry_point="labloom_robotics.worlds.registered:SingleAgent",
                kwargs={"world": world},
            )


class SingleAgent(gymnasium.Env):
    """A world with one agent; ``info`` has its ``costs`` by name, and their sum as ``cost``.

    The world truncates its episodes itself. After an episode the world stands at the beginning of
    another one already, which ``render`` then shows; ``reset`` starts one from a seed, a drawn one
    where none is given.

    Args:
        world: where its class is, as ``module:name``.
        render_mode: ``rgb_array`` or None.
        options: of the world.

    Raises:
        ConfigError: an option is unknown or out of range.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 10}  # noqa: RUF012  (Gymnasium's way)

    def __init__(self, world: str, render_mode: str | None = None, **options: Any) -> None:
        module, name = world.split(":")
        self.world: World = getattr(importlib.import_module(module), name)(1, **options)
        self.observation_space = self.world.observation_space
        self.action_space = self.world.action_space
        self.render_mode = render_mode
        self.metadata = {**self.metadata, "render_fps": self.world.frames_per_second}

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Start the first episode of a seed; ``options`` are not used."""
        super().reset(seed=seed)
        if seed is None:
            seed = int(self.np_random.integers(LARGEST_SEED))
        return _only(self.world.reset([seed])), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Act once; the observation is the one that the step led to."""
        told = self.world.step(np.asarray(action)[None])
        info: dict[str, Any] = {key: value[0].item() for key, value in told.info.items()}
        if self.world.cost_names:
            costs = told.costs[0].tolist()
            info["costs"] = dict(zip(self.world.cost_names, costs, strict=True))
            info["cost"] = sum(costs)
        return (
            _only(told.final_observations),
            float(told.rewards[0]),
            bool(told.terminated[0]),
            bool(told.truncated[0]),
            info,
        )

    def render(self) -> NDArray[np.uint8] | None:
        """The picture of the world [h, w, 3], or None without a render mode."""
        return self.world.picture(0) if self.render_mode == "rgb_array" else None

    def close(self) -> None:
        """Close the world."""
        self.world.close()


def _only(observations: Observations) -> Any:
    """The observation of the one agent."""
    if isinstance(observations, dict):
        return {key: values[0] for key, values in observations.items()}
    return observations[0]
