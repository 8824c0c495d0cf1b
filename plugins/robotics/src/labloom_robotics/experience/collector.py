"""Agents that act in a world and remember where they are from one collection to the next.

Legend of shapes: ``n`` agents, ``k`` costs, ``a`` numbers of a continuous action.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray

from labloom_robotics.experience.acting import tensors
from labloom_robotics.experience.actor import Actor, Decision
from labloom_robotics.experience.tally import EpisodeTally
from labloom_robotics.worlds import Observations, Transition, World


class Collector:
    """The agents of a training world.

    Args:
        world: they act in; nobody else steps it.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.tally = EpisodeTally(world.num_agents, world.cost_names)
        self.observations: Observations

    def begin(self, seeds: Sequence[int]) -> None:
        """Start new episodes, one seed for each agent."""
        self.observations = self.world.reset(seeds)
        self.tally.begin()

    def decide(self, actor: Actor, generator: torch.Generator) -> Decision:
        """What ``actor`` does next; to be called within ``acting``."""
        return actor.act(tensors(self.observations, actor.device), generator)

    def step(self, actions: NDArray) -> Transition:
        """Let every agent act.

        Args:
            actions: int64 [n], or float32 [n, a].
        """
        transition = self.world.step(actions)
        self.tally.add(transition)
        self.observations = transition.observations
        return transition

    def report(self, actor: Actor, seen: Observations, steps: int) -> None:
        """Tell ``actor`` what was collected, and the episodes that ended.

        Args:
            actor: hears ``collected`` and, if episodes ended, ``finished``.
            seen: observations [m, ...] that were acted on.
            steps: of single agents, how many.
        """
        with torch.no_grad():
            actor.collected(tensors(seen, actor.device), steps)
        finished = self.tally.take()
        if finished is not None:
            actor.finished(finished)

    def state(self) -> dict[str, Any]:
        """World and unfinished episodes, if the world can be saved."""
        if not self.world.resumable:
            return {}
        return {"world": dict(self.world.state_dict()), "tally": self.tally.state()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on where ``state`` was taken; the world has to be resumable."""
        self.world.load_state_dict(state["world"])
        self.tally.restore(state["tally"])
        self.observations = self.world.observe()


def random_actions(space: spaces.Space, num_agents: int, generator: np.random.Generator) -> NDArray:
    """Actions of agents that know nothing: uniform in ``space``, normal where it has no bounds."""
    if isinstance(space, spaces.Discrete):
        return generator.integers(int(space.n), size=num_agents)
    shape = (num_agents, *space.shape)
    bounded = np.isfinite(space.low) & np.isfinite(space.high)
    low, high = np.where(bounded, space.low, 0.0), np.where(bounded, space.high, 1.0)
    uniform = generator.uniform(low, high, size=shape)
    if bounded.all():
        return uniform.astype(np.float32)
    return np.where(bounded, uniform, generator.normal(size=shape)).astype(np.float32)
