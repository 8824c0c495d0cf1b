"""What Lightning takes batches from: plain sized iterables that collect as they go.

Three facts about Lightning decide their form; ``tests/test_loaders.py`` holds Lightning to them.

* A loader without ``__len__`` is fetched from one batch ahead, and once before training starts: its
  batches would come from weights one update old. So these have a length.
* Any iterable is accepted as a loader; nothing here is a ``DataLoader``.
* ``iter()`` is called twice before the first epoch, and again at the start of each later one. In a
  generator function nothing runs until the first ``next()``, which comes when the epoch has begun:
  so what is collected is collected once, by the present weights.

Their state is in ``state`` and ``restore``. With ``state_dict`` Lightning would keep it too, beside
the data module's, and load it in unfinished epochs only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from labloom_robotics.experience.acting import acting
from labloom_robotics.experience.actor import Actor
from labloom_robotics.experience.collector import Collector, random_actions
from labloom_robotics.experience.generators import Generators
from labloom_robotics.experience.plan import Replay, Rollouts
from labloom_robotics.experience.replay import ReplayBuffer
from labloom_robotics.experience.rollout import Rollout, TransitionTensors, collect


class RolloutLoader:
    """An epoch on-policy: collect a round, pass over it several times in small batches.

    Args:
        collector: the agents, in their first episodes.
        actor: acts and is trained.
        plan: of the actor.
        generators: of exploration and of the order of the transitions.
    """

    def __init__(
        self, collector: Collector, actor: Actor, plan: Rollouts, generators: Generators
    ) -> None:
        self.collector = collector
        self.actor = actor
        self.plan = plan
        self.generators = generators
        self._rollout = Rollout(collector.world, plan.steps)

    def __len__(self) -> int:
        transitions = self.plan.steps * self.collector.world.num_agents
        return self.plan.passes * -(-transitions // self.plan.batch_size)

    def __iter__(self) -> Iterator[TransitionTensors]:
        gathered = collect(
            self._rollout, self.collector, self.actor, self.plan, self.generators.exploration
        )
        count = len(gathered["actions"])
        self.collector.report(self.actor, self._rollout.flat_observations, count)
        for _ in range(self.plan.passes):
            if count <= self.plan.batch_size:  # losses are means: the order makes no difference
                yield gathered
                continue
            order = torch.randperm(count, generator=self.generators.order)
            for chosen in order.to(gathered["actions"].device).split(self.plan.batch_size):
                yield {name: _picked(value, chosen) for name, value in gathered.items()}

    def state(self) -> dict[str, Any]:
        """Agents and generators; a round is used up when a checkpoint is written."""
        return {"collector": self.collector.state(), "generators": self.generators.state()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on where ``state`` was taken."""
        self.generators.restore(state["generators"])
        if state["collector"]:
            self.collector.restore(state["collector"])


class ReplayLoader:
    """An epoch off-policy: collect a little, draw some batches, and so on.

    Args:
        collector: the agents, in their first episodes.
        actor: acts and is trained.
        plan: of the actor.
        generators: of exploration, of random actions and of the batches.
    """

    def __init__(
        self, collector: Collector, actor: Actor, plan: Replay, generators: Generators
    ) -> None:
        self.collector = collector
        self.actor = actor
        self.plan = plan
        self.generators = generators
        self.buffer = ReplayBuffer(collector.world, plan.capacity)

    def __len__(self) -> int:
        return self.plan.collections * self.plan.updates

    def __iter__(self) -> Iterator[TransitionTensors]:
        self._warm_up()
        for _ in range(self.plan.collections):
            self._collect()
            for _ in range(self.plan.updates):
                yield self.buffer.sample(
                    self.plan.batch_size,
                    self.generators.batches,
                    n_step=self.plan.n_step,
                    gamma=self.plan.gamma,
                )

    def state(self) -> dict[str, Any]:
        """Agents and generators; the buffer is kept apart."""
        return {"collector": self.collector.state(), "generators": self.generators.state()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on where ``state`` was taken."""
        self.generators.restore(state["generators"])
        if state["collector"]:
            self.collector.restore(state["collector"])

    def _warm_up(self) -> None:
        world, first = self.collector.world, self.buffer.added
        while len(self.buffer) < self.plan.warmup:
            actions = random_actions(world.action_space, world.num_agents, self.generators.warmup)
            self._keep(actions)
        self._report(self.buffer.added - first)

    def _collect(self) -> None:
        with acting(self.actor):
            for _ in range(self.plan.steps):
                decision = self.collector.decide(self.actor, self.generators.exploration)
                self._keep(decision.actions.cpu().numpy())
        self._report(self.plan.steps)

    def _keep(self, actions: np.ndarray) -> None:
        seen = self.collector.observations
        self.buffer.add(seen, actions, self.collector.step(actions))

    def _report(self, rows: int) -> None:
        if rows:
            seen = self.buffer.latest_observations(rows)
            self.collector.report(self.actor, seen, rows * self.collector.world.num_agents)


def _picked(value: Tensor | dict[str, Tensor], chosen: Tensor) -> Any:
    if isinstance(value, dict):
        return {name: part.index_select(0, chosen) for name, part in value.items()}
    return value.index_select(0, chosen)
