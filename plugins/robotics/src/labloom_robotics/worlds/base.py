"""What every world offers: ``n`` agents that act at the same time, each in an episode of its own.

Legend of shapes: ``n`` agents, ``k`` costs, ``a`` numbers of a continuous action.

An episode that ends starts again in the same step (same-step autoreset): ``observations`` are those
of the new episode already, and ``final_observations`` those that the old one ended with. So no
action is ever ignored, and none of the transitions has to be masked.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

Observations = NDArray | dict[str, NDArray]  # [n, ...], or by key


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """What one step of all agents did.

    ``terminated`` and ``truncated`` stay apart: after an end by the task itself the future is worth
    nothing, after one by the clock it is worth what the final observation is worth.

    Args:
        observations: what the next actions are chosen from, [n, ...]; of a new episode where the
            old one ended.
        final_observations: what the step led to, before any new episode; the same object as
            ``observations`` when no episode ended.
        rewards: float32 [n].
        costs: float32 [n, k], in the order of ``World.cost_names``.
        terminated: bool [n]; the task ended: reached, crashed, fell.
        truncated: bool [n]; the time was over. Never true where ``terminated`` is.
        info: facts about the step, arrays [n]. ``success`` and ``collision`` (bool) and
            ``path_length`` and ``shortest_path`` (m) are known to the metrics; they count where an
            episode ended.
    """

    observations: Observations
    final_observations: Observations
    rewards: NDArray[np.float32]
    costs: NDArray[np.float32]
    terminated: NDArray[np.bool_]
    truncated: NDArray[np.bool_]
    info: Mapping[str, NDArray] = field(default_factory=dict)

    @property
    def ended(self) -> NDArray[np.bool_]:
        """Where an episode ended, for either reason, [n]."""
        return self.terminated | self.truncated


class World(ABC):
    """``num_agents`` agents in a world of the same kind, each in its own episode.

    Attributes:
        num_agents: n.
        observation_space: of one agent: a Box, Discrete from 0, or a Dict of these.
        action_space: of one agent: Discrete, or Box. Actions outside a Box are clipped to it.
        cost_names: names of the costs, in the order of ``Transition.costs``; often empty.
        max_episode_steps: steps after which an episode is truncated; None: no limit.
        frames_per_second: of pictures, in real time.
        resumable: whether ``state_dict`` holds all there is, so that a continued run repeats an
            uninterrupted one bit for bit.
    """

    num_agents: int
    observation_space: spaces.Space
    action_space: spaces.Space
    cost_names: tuple[str, ...] = ()
    max_episode_steps: int | None = None
    frames_per_second: float = 10.0
    resumable: bool = True

    @abstractmethod
    def reset(self, seeds: Sequence[int]) -> Observations:
        """Start a new episode for every agent.

        Args:
            seeds: one for each agent, at least 0. The same seed is the same episode, whatever the
                number of agents. Later episodes of an agent are drawn from the generator that its
                seed started.
        """

    @abstractmethod
    def step(self, actions: NDArray) -> Transition:
        """Let every agent act.

        Args:
            actions: int64 [n] for Discrete, float32 [n, a] for Box.
        """

    def expert(self) -> NDArray:
        """Actions of a scripted expert in the present state, as ``step`` takes them.

        Raises:
            NotImplementedError: nobody wrote one.
        """
        raise NotImplementedError(f"{type(self).__name__} has no scripted expert")

    def picture(self, agent: int = 0) -> NDArray[np.uint8]:
        """The world as ``agent`` lives in it, seen from above, RGB [h, w, 3].

        Raises:
            NotImplementedError: this world cannot be drawn.
        """
        raise NotImplementedError(f"{type(self).__name__} has no pictures")

    def extent(self, agent: int = 0) -> tuple[float, float, float, float] | None:
        """What ``picture`` shows: left, right, bottom and top edge in m; None where it has none."""
        return None

    def positions(self) -> NDArray[np.float32] | None:
        """Where the agents are, [n, 2] in m; None for worlds without a place."""
        return None

    def state_dict(self) -> dict[str, Any]:
        """All that ``load_state_dict`` needs to go on: tensors and plain values only."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:  # noqa: B027  (most have none)
        """Go on where ``state_dict`` was taken; ``observe`` then gives the same observations."""

    @abstractmethod
    def observe(self) -> Observations:
        """Observations of the present state, the ones that ``reset`` or ``step`` gave last."""

    def close(self) -> None:  # noqa: B027  (most hold nothing)
        """Give back what the world holds."""
