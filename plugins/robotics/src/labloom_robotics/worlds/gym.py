"""Environments of Gymnasium as a world: one after the other, in this process.

The loop is our own and not ``gymnasium.vector.SyncVectorEnv``: that one copies each result deeply
and builds dictionaries of infos that nobody reads, a fifth of the time of eight CartPoles. What it
means is the same as there with ``AutoresetMode.SAME_STEP``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from labloom.errors import ConfigError
from labloom_robotics.worlds.base import Observations, Transition, World
from labloom_robotics.worlds.gym_env import (
    ending_facts,
    make_env,
    missing_cost,
    readable,
    stacker,
    takes,
)


class GymWorld(World):
    """``num_agents`` environments of Gymnasium, each with one agent.

    They cannot be saved in mid-episode, so a continued run begins new episodes.

    Args:
        num_agents: n, environments.
        env: id for ``gymnasium.make``.
        env_options: arguments for it.
        costs: keys of the step's info that are costs; ``velocity`` is counted by ``VelocityCost``.
        pictures: make the environments so that ``picture`` can draw them.

    Raises:
        ConfigError: an environment cannot be made.
        DataError: its spaces are none that networks here read.
    """

    resumable = False

    def __init__(
        self,
        num_agents: int,
        *,
        env: str,
        env_options: Mapping[str, Any] | None = None,
        costs: Sequence[str] = (),
        pictures: bool = False,
    ) -> None:
        self._envs = [
            make_env(env, env_options, costs=costs, pictures=pictures) for _ in range(num_agents)
        ]
        self.num_agents = num_agents
        describe(self, self._envs[0], costs)
        self._takes = takes(self.action_space, env)
        self._stack = stacker(self.observation_space)
        self._observations: Observations | None = None
        self._no_costs = np.zeros((num_agents, 0), dtype=np.float32)

    def reset(self, seeds: Sequence[int]) -> Observations:
        """Start a new episode in every environment."""
        pairs = zip(self._envs, seeds, strict=True)
        self._observations = self._stack([env.reset(seed=int(seed))[0] for env, seed in pairs])
        return self._observations

    def step(self, actions: NDArray) -> Transition:
        """Step every environment; those whose episode ended are reset.

        Raises:
            DataError: a configured cost is not told, or actions are not finite.
        """
        taken = self._takes(actions)
        results = [env.step(action) for env, action in zip(self._envs, taken, strict=True)]
        seen, rewards, terminated, truncated, infos = zip(*results, strict=True)
        observations = final = self._stack(seen)
        terminations = np.array(terminated, dtype=np.bool_)
        truncations = np.array(truncated, dtype=np.bool_) & ~terminations
        facts = {}
        if any(terminated) or any(truncated):
            ended = terminations | truncations
            facts = ending_facts(infos, ended)
            observations = self._stack(
                [
                    env.reset()[0] if over else row
                    for env, over, row in zip(self._envs, ended, seen, strict=True)
                ]
            )
        self._observations = observations
        return Transition(
            observations=observations,
            final_observations=final,
            # Some environments reward by an array of one number.
            rewards=np.array([np.asarray(r).item() for r in rewards], dtype=np.float32),
            costs=self._costs(infos) if self.cost_names else self._no_costs,
            terminated=terminations,
            truncated=truncations,
            info=facts,
        )

    def observe(self) -> Observations:
        """What ``reset`` or ``step`` gave last."""
        assert self._observations is not None, "reset comes first"
        return self._observations

    def picture(self, agent: int = 0) -> NDArray[np.uint8]:
        """What the environment of ``agent`` draws, RGB [h, w, 3].

        Raises:
            NotImplementedError: it draws nothing.
            ConfigError: a package that draws is missing.
        """
        return drawn(self._envs[agent].render, type(self._envs[agent].unwrapped).__name__)

    def close(self) -> None:
        """Close every environment."""
        for env in self._envs:
            env.close()

    def _costs(self, infos: Sequence[Mapping[str, Any]]) -> NDArray[np.float32]:
        try:
            rows = [[info[name] for name in self.cost_names] for info in infos]
        except KeyError as error:
            info = next(info for info in infos if error.args[0] not in info)
            raise missing_cost(error.args[0], info) from error
        return np.array(rows, dtype=np.float32)


def describe(world: World, env: gymnasium.Env, costs: Sequence[str]) -> None:
    """Set what a world says about itself from one of its environments."""
    world.observation_space = readable(env.observation_space)
    world.action_space = env.action_space
    world.cost_names = tuple(costs)
    world.max_episode_steps = env.spec.max_episode_steps if env.spec is not None else None
    world.frames_per_second = float(env.metadata.get("render_fps", world.frames_per_second))


def drawn(render: Any, name: str) -> NDArray[np.uint8]:
    """What ``render`` draws.

    Raises:
        NotImplementedError: nothing.
        ConfigError: a package that draws is missing.
    """
    try:
        frame = render()
    except gymnasium.error.DependencyNotInstalled as error:
        raise ConfigError(
            f"{name} cannot be drawn: a package is missing",
            got=str(error).splitlines()[0],
            fix="pip install 'labloom-robotics[classic]' for CartPole and the like",
        ) from error
    if frame is None:
        raise NotImplementedError(f"{name} draws no pictures")
    return np.asarray(frame, dtype=np.uint8)
