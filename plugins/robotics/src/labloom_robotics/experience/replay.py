"""A ring of transitions to draw batches from.

Legend of shapes: ``n`` agents, ``k`` costs, ``b`` transitions of a batch, ``m`` steps of an n-step
return, ``s`` slots of the ring.

A row is one step of all agents. What a step led to is the observation of the next row, so it is not
kept twice; only where an episode ended, the final observation lies apart. The slot after the newest
row holds what the agents see now.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from labloom_robotics.experience.arrays import as_tensors, read, room, write
from labloom_robotics.experience.finals import FinalObservations
from labloom_robotics.worlds import Observations, Transition, World

Batch = dict[str, Any]


class ReplayBuffer:
    """The newest transitions of all agents of a world, in arrays of fixed size.

    Observations keep their dtype: images stay uint8. Memory is taken as it fills.

    Args:
        world: says how many agents there are, what they see and how they act.
        capacity: transitions; the oldest go first.

    Attributes:
        added: rows ever added.
        rows: rows that fit.
    """

    def __init__(self, world: World, capacity: int) -> None:
        n = self.num_agents = world.num_agents
        self.rows = -(-capacity // n)
        self.slots = self.rows + 1  # and what is seen now
        self.added = 0
        size = self.slots * n  # arrays are flat, [s * n, ...]: gathering is fastest so
        self.observations = room(world.observation_space, size)
        self.actions = room(world.action_space, size)
        self.rewards = np.zeros(size, dtype=np.float32)
        self.costs = np.zeros((size, len(world.cost_names)), dtype=np.float32)
        self.terminated = np.zeros(size, dtype=np.bool_)
        self.ended = np.zeros(size, dtype=np.bool_)
        self._space = world.observation_space
        self.finals = FinalObservations(self._space, self.slots, n)

    def __len__(self) -> int:
        """Transitions that can be drawn."""
        return self.live * self.num_agents

    @property
    def live(self) -> int:
        """Rows that can be drawn from."""
        return min(self.added, self.rows)

    def add(self, seen: Observations, actions: NDArray, step: Transition) -> None:
        """Add one step of all agents.

        Args:
            seen: observations that were acted on, [n, ...].
            actions: what was done, [n] or [n, a].
            step: what came of it.
        """
        n, slot = self.num_agents, self.added % self.slots
        here = slice(slot * n, slot * n + n)
        write(self.observations, here, seen)
        self.actions[here] = actions
        self.rewards[here] = step.rewards
        self.costs[here] = step.costs
        self.terminated[here] = step.terminated
        self.ended[here] = ended = step.ended
        self.added += 1
        self.finals.begin_row(slot, oldest=(self.added - self.live) % self.slots)
        if ended.any():
            agents = np.flatnonzero(ended)
            self.finals.add(slot, agents, read(step.final_observations, agents))
        self.see(step.observations)

    def see(self, observations: Observations) -> None:
        """Write down what the agents see now, [n, ...]: where the newest row led to."""
        first = (self.added % self.slots) * self.num_agents
        write(self.observations, slice(first, first + self.num_agents), observations)

    def cut(self) -> None:
        """Truncate the newest row: what the agents do next belongs to other episodes."""
        if self.added == 0:
            return
        n, slot = self.num_agents, (self.added - 1) % self.slots
        here, now = slice(slot * n, slot * n + n), (self.added % self.slots) * n
        agents = np.flatnonzero(~self.ended[here])
        self.finals.add(slot, agents, read(self.observations, now + agents))
        self.ended[here] = True

    def forget(self, added: int = 0) -> None:
        """Empty the ring; the next row has the number ``added``."""
        self.added = added
        self.finals = FinalObservations(self._space, self.slots, self.num_agents)

    def sample(
        self, size: int, generator: np.random.Generator, *, n_step: int = 1, gamma: float = 0.99
    ) -> Batch:
        r"""Draw transitions, each as probable as any other, with replacement.

        Rewards are summed over up to m steps of the same agent and episode (Sutton 1988),
        :math:`\sum_{i<m} \gamma^i r_i`; an end or the newest row makes m smaller. The target of a
        value is ``rewards + discounts * V(next_observations)``.

        Args:
            size: transitions, b.
            generator: draws them.
            n_step: most steps of a return.
            gamma: discount of a step.

        Returns:
            ``observations``, ``actions``, ``rewards`` [b], ``next_observations``, ``discounts`` [b]
            (gamma^m, or 0 where the episode terminated) and ``costs`` [b, k], summed as the rewards
            are.
        """
        n = self.num_agents
        drawn = generator.integers(self.live * n, size=size)
        drawn += (self.added - self.live) * n  # rows counted from the first one ever
        flat = drawn % (self.slots * n)
        if n_step == 1:
            last, discounts = flat, np.full(size, gamma, dtype=np.float32)
            rewards, costs = self.rewards.take(flat), self.costs.take(flat, axis=0)
        else:
            last, discounts, rewards, costs = self._sum_steps(drawn, n_step, gamma)
        discounts[self.terminated.take(last)] = 0
        return {
            "observations": as_tensors(read(self.observations, flat)),
            "actions": torch.from_numpy(self.actions.take(flat, axis=0)),
            "rewards": torch.from_numpy(rewards),
            "next_observations": self._led_to(last),
            "discounts": torch.from_numpy(discounts),
            "costs": torch.from_numpy(costs),
        }

    def latest_observations(self, rows: int) -> Observations:
        """What was acted on in the newest ``rows`` rows, [rows * n, ...]."""
        first = (self.added - rows) * self.num_agents
        steps = np.arange(first, self.added * self.num_agents)
        return read(self.observations, steps % (self.slots * self.num_agents))

    def _sum_steps(
        self, drawn: NDArray, n_step: int, gamma: float
    ) -> tuple[NDArray, NDArray, NDArray, NDArray]:
        """Last transition, discount, rewards and costs of returns that begin at ``drawn``."""
        n, size = self.num_agents, self.slots * self.num_agents
        steps = drawn[:, None] + np.arange(n_step) * n  # [b, m]
        flat = steps % size
        goes_on = (steps < self.added * n)[:, 1:] & ~self.ended.take(flat[:, :-1])
        counts = np.ones(steps.shape, dtype=np.bool_)
        np.logical_and.accumulate(goes_on, axis=1, out=counts[:, 1:])
        weights = np.power(gamma, np.arange(n_step)).astype(np.float32) * counts
        length = counts.sum(axis=1)
        rewards = (self.rewards.take(flat) * weights).sum(axis=1)
        costs = np.einsum("bmk,bm->bk", self.costs.take(flat, axis=0), weights)
        last = flat[np.arange(len(drawn)), length - 1]
        return last, np.power(gamma, length).astype(np.float32), rewards, costs

    def _led_to(self, flat: NDArray) -> Any:
        """The observations that transitions led to, of their own episodes, as tensors."""
        following = read(self.observations, (flat + self.num_agents) % len(self.ended))
        ended = np.flatnonzero(self.ended.take(flat))
        if len(ended):
            write(following, ended, self.finals.read(flat[ended]))
        return as_tensors(following)
