"""Worlds in which chance only draws the beginning of an episode; from there on all is computed.

So the seed of an agent, the number of its episode and the present state say all that can come, and
a continued run repeats an uninterrupted one bit for bit.

Legend of shapes: ``n`` agents, ``m`` of them, ``k`` costs, ``a`` numbers of an action.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray

from labloom.errors import CheckpointError, DataError
from labloom_robotics.worlds.base import Observations, Transition, World
from labloom_robotics.worlds.finite import require_finite

LARGEST_SEED = 2**63 - 1


class State:
    """Base of dataclasses whose fields are arrays [n, ...]: what a world is at one moment."""

    def take(self, rows: NDArray) -> Self:
        """The state of some agents only, copied."""
        return type(self)(**{f.name: getattr(self, f.name)[rows] for f in fields(self)})

    def put(self, rows: NDArray, other: Self) -> None:
        """Overwrite the state of some agents."""
        for f in fields(self):
            getattr(self, f.name)[rows] = getattr(other, f.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one step did, before anybody starts anew; as in ``Transition``.

    Args:
        rewards: float [n].
        costs: float or bool [n, k].
        terminated: bool [n].
        info: arrays [n].
    """

    rewards: NDArray
    costs: NDArray
    terminated: NDArray[np.bool_]
    info: Mapping[str, NDArray] = field(default_factory=dict)


class DrawnWorld(World):
    """The clock, the seeds and the autoreset of such a world. Subclasses are the physics.

    They set spaces and names, then call this constructor, which draws a first episode with the
    seeds 0 to n - 1.

    Args:
        num_agents: n.
        max_episode_steps: steps after which an episode is truncated.
    """

    def __init__(self, num_agents: int, max_episode_steps: int) -> None:
        self.num_agents = num_agents
        self.max_episode_steps = max_episode_steps
        self.reset(range(num_agents))

    @abstractmethod
    def draw(self, generators: Sequence[np.random.Generator]) -> State:
        """The beginnings of episodes, one for each generator."""

    @abstractmethod
    def advance(self, actions: NDArray) -> Outcome:
        """Change ``self.state`` by one step of all agents.

        Args:
            actions: float64 [n, a], within the action space.
        """

    @abstractmethod
    def observe_state(self, state: State) -> Observations:
        """Observations [m, ...] of the m agents in ``state``."""

    def reset(self, seeds: Sequence[int]) -> Observations:
        """Start a new episode for every agent; see ``World.reset``.

        Raises:
            DataError: not one seed for each agent, or a seed is negative or too large.
        """
        seeds = [int(seed) for seed in seeds]
        if len(seeds) != self.num_agents or not all(0 <= s <= LARGEST_SEED for s in seeds):
            raise DataError(
                "these seeds cannot start the episodes",
                expected=f"{self.num_agents} seeds, each from 0 to 2**63 - 1",
                got=f"{len(seeds)} seeds: {seeds[:8]}{' ...' if len(seeds) > 8 else ''}",
                fix="give one seed for each agent of the world",
            )
        self._seeds = np.array(seeds, dtype=np.int64)
        self._episodes = np.zeros(self.num_agents, dtype=np.int64)
        self._steps = np.zeros(self.num_agents, dtype=np.int64)
        self.state = self._drawn(np.arange(self.num_agents))
        return self.observe()

    def step(self, actions: NDArray) -> Transition:
        """Let every agent act; see ``World.step``.

        Raises:
            DataError: an action is not a number, or there are too few or too many.
        """
        outcome = self.advance(self._within_space(actions))
        self._steps += 1
        terminated = outcome.terminated
        truncated = ~terminated & (self._steps >= self.max_episode_steps)
        final = self.observe()
        # Copied: a new episode overwrites the state, and some facts may be parts of it.
        info = {name: np.array(fact) for name, fact in outcome.info.items()}
        return Transition(
            observations=self._start_anew(np.flatnonzero(terminated | truncated), final),
            final_observations=final,
            rewards=outcome.rewards.astype(np.float32),
            costs=outcome.costs.astype(np.float32),
            terminated=terminated,
            truncated=truncated,
            info=info,
        )

    def observe(self) -> Observations:
        """Observations of the present state, [n, ...]."""
        return self.observe_state(self.state)

    def state_dict(self) -> dict[str, Any]:
        """Seeds, counters and the present state, as tensors."""
        arrays = {"seeds": self._seeds, "episodes": self._episodes, "steps": self._steps}
        arrays |= {f"state.{f.name}": getattr(self.state, f.name) for f in fields(self.state)}
        return {name: torch.from_numpy(array.copy()) for name, array in arrays.items()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where ``state_dict`` was taken.

        Raises:
            CheckpointError: it is of another world, or of one with other options.
        """
        shapes = {name: tuple(tensor.shape) for name, tensor in self.state_dict().items()}
        told = {name: tuple(tensor.shape) for name, tensor in state.items()}
        if shapes != told:
            wrong = sorted(k for k in shapes | told if shapes.get(k) != told.get(k))
            raise CheckpointError(
                f"the checkpoint holds another state than {type(self).__name__} has now",
                expected=", ".join(f"{name} {shapes.get(name, 'absent')}" for name in wrong),
                got=", ".join(f"{name} {told.get(name, 'absent')}" for name in wrong),
                fix="resume with the world, the options and the number of agents of that run",
            )
        arrays = {name: tensor.cpu().numpy().copy() for name, tensor in state.items()}
        self._seeds, self._episodes, self._steps = (
            arrays.pop(name) for name in ("seeds", "episodes", "steps")
        )
        self.state = type(self.state)(**{k.removeprefix("state."): v for k, v in arrays.items()})

    def _drawn(self, rows: NDArray) -> State:
        """Draw the present episodes of some agents: child ``episode`` of the agent's seed."""
        sequences = (
            np.random.SeedSequence(int(self._seeds[row]), spawn_key=(int(self._episodes[row]),))
            for row in rows
        )
        return self.draw([np.random.default_rng(sequence) for sequence in sequences])

    def _start_anew(self, rows: NDArray, final: Observations) -> Observations:
        """Begin the next episodes of the agents in ``rows``; returns what all agents see then."""
        if not len(rows):
            return final
        self._episodes[rows] += 1
        self._steps[rows] = 0
        begun = self._drawn(rows)
        self.state.put(rows, begun)
        fresh = self.observe_state(begun)
        if isinstance(final, dict):
            return {name: _replaced(final[name], rows, fresh[name]) for name in final}
        return _replaced(final, rows, fresh)

    def _within_space(self, actions: NDArray) -> NDArray[np.float64]:
        actions = np.asarray(actions, dtype=np.float64)
        shape = (self.num_agents, *self.action_space.shape)
        require_finite(actions, shape, type(self).__name__)
        return actions.clip(self.action_space.low, self.action_space.high)


def _replaced(array: NDArray, rows: NDArray, values: NDArray) -> NDArray:
    array = array.copy()
    array[rows] = values
    return array
