"""Who drives an episode that is evaluated: without exploring, and with a memory of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from numpy.typing import NDArray

from labloom_robotics.worlds import Observations, World


class Controller(Protocol):
    """Chooses the actions of all agents of a world, step by step.

    A new one is made for every batch of episodes, so what it remembers (queued action chunks,
    counted interventions) begins and ends with them and never lies in the module.
    """

    def __call__(self, observations: Observations, world: World) -> NDArray:
        """Actions as ``World.step`` takes them."""

    def counts(self) -> Mapping[str, NDArray]:
        """Sums over each agent's episode, [n] each, e.g. ``interventions``; often empty.

        The player reads them at the step in which an agent's episode ends.
        """


class Evaluated(Protocol):
    """A module whose policy can be evaluated: the module of each task here that acts."""

    def controller(self, num_agents: int) -> Controller:
        """A fresh controller for ``num_agents`` episodes."""
