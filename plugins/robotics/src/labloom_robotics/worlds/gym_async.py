"""Environments of Gymnasium as a world, each in a process of its own.

Worth it where a step takes more than about a millisecond; below that the pipes cost more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from gymnasium import spaces
from gymnasium.vector import AsyncVectorEnv, AutoresetMode
from numpy.typing import NDArray

from labloom_robotics.worlds.base import Observations, Transition, World
from labloom_robotics.worlds.gym import describe, drawn
from labloom_robotics.worlds.gym_env import ending_facts, make_env, missing_cost, takes


class AsyncGymWorld(World):
    """``num_agents`` environments of Gymnasium that step at the same time.

    Args:
        num_agents: n, processes.
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
        maker = partial(make_env, env, dict(env_options or {}), costs=costs, pictures=pictures)
        first = maker()  # here, where what is wrong with it can be told well
        self.num_agents = num_agents
        self._name = type(first.unwrapped).__name__
        describe(self, first, costs)
        self._takes = takes(self.action_space, env)
        first.close()
        self._envs = AsyncVectorEnv([maker] * num_agents, autoreset_mode=AutoresetMode.SAME_STEP)
        self._observations: Observations | None = None

    def reset(self, seeds: Sequence[int]) -> Observations:
        """Start a new episode in every environment."""
        seen, _ = self._envs.reset(seed=[int(seed) for seed in seeds])
        self._observations = self._as_read(seen)
        return self._observations

    def step(self, actions: NDArray) -> Transition:
        """Step every environment; those whose episode ended are reset by themselves.

        Raises:
            DataError: a configured cost is not told, or actions are not finite.
        """
        seen, rewards, terminated, truncated, infos = self._envs.step(
            np.asarray(self._takes(actions))
        )
        self._observations = observations = final = self._as_read(seen)
        truncated = truncated & ~terminated
        ended = terminated | truncated
        facts = {}
        if ended.any():
            final = self._final(observations, infos, ended)
            facts = ending_facts(_each(infos.get("final_info", {}), ended), ended)
        return Transition(
            observations=observations,
            final_observations=final,
            rewards=rewards.astype(np.float32).reshape(self.num_agents),  # some give [n, 1]
            costs=self._costs(infos, ended),
            terminated=terminated,
            truncated=truncated,
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
        return drawn(lambda: self._envs.call("render")[agent], self._name)

    def close(self) -> None:
        """End the processes."""
        self._envs.close()

    def _as_read(self, seen: Any) -> Observations:
        if isinstance(self.observation_space, spaces.Dict):
            parts = self.observation_space.spaces
            return {name: seen[name].astype(part.dtype) for name, part in parts.items()}
        return seen.astype(self.observation_space.dtype)

    def _final(self, observations: Observations, infos: Mapping, ended: NDArray) -> Observations:
        """Observations, but the last ones of the old episodes where one ended."""
        last = infos["final_obs"]  # objects [n], None where no episode ended
        if isinstance(observations, dict):
            final = {name: part.copy() for name, part in observations.items()}
            for agent in np.flatnonzero(ended):
                for name, part in final.items():
                    part[agent] = last[agent][name]
            return final
        final = observations.copy()
        for agent in np.flatnonzero(ended):
            final[agent] = last[agent]
        return final

    def _costs(self, infos: Mapping[str, Any], ended: NDArray) -> NDArray[np.float32]:
        """The costs of the step: at an end those of the old episode, which stand apart."""
        final = infos.get("final_info", {})
        costs = np.zeros((self.num_agents, len(self.cost_names)), dtype=np.float32)
        for column, name in enumerate(self.cost_names):
            for told, where in ((infos, ~ended), (final, ended)):
                if where.any():
                    if name not in told or not told[f"_{name}"][where].all():
                        raise missing_cost(name, _public(told))
                    costs[where, column] = told[name][where]
        return costs


def _each(infos: Mapping[str, Any], ended: NDArray) -> list[dict[str, Any]]:
    """Infos of n environments, gathered by Gymnasium into arrays, apart again."""
    return [
        {key: infos[key][agent] for key in _public(infos) if infos[f"_{key}"][agent]}
        for agent in range(len(ended))
    ]


def _public(infos: Mapping[str, Any]) -> dict[str, Any]:
    """The keys that an environment told; Gymnasium adds a mask ``_key`` to each."""
    return {key: value for key, value in infos.items() if f"_{key}" in infos}
