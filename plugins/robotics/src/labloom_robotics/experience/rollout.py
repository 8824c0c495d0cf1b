"""A round of on-policy collecting: every agent acts for some steps, and a training set is made.

Legend of shapes: ``t`` steps, ``n`` agents, ``k`` costs, ``b`` = t * n transitions.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from labloom_robotics.experience.acting import acting, tensors
from labloom_robotics.experience.actor import Actor
from labloom_robotics.experience.advantages import generalized_advantages
from labloom_robotics.experience.arrays import joined, read, room, write
from labloom_robotics.experience.collector import Collector
from labloom_robotics.experience.plan import Rollouts
from labloom_robotics.worlds import Observations, Transition, World

TransitionTensors = dict[str, Tensor | dict[str, Tensor]]


class Rollout:
    """Room for ``steps`` steps of all agents of a world, used again each round.

    Args:
        world: says how many agents there are and what they see.
        steps: t.
    """

    def __init__(self, world: World, steps: int) -> None:
        n, columns = world.num_agents, 1 + len(world.cost_names)
        self.steps = steps
        self.rewards = np.zeros((steps, n, columns), dtype=np.float32)
        self.terminated = np.zeros((steps, n), dtype=np.bool_)
        self.truncated = np.zeros((steps, n), dtype=np.bool_)
        self.observations = room(world.observation_space, steps, n)
        self.actions: list[Tensor] = []
        self.extras: dict[str, list[Tensor]] = {}
        self.final: list[tuple[int, NDArray, Observations]] = []

    def begin(self) -> None:
        """Forget the last round."""
        self.actions, self.extras, self.final = [], {}, []

    def write(self, t: int, seen: Observations, step: Transition) -> None:
        """Keep what was seen before and what happened in step ``t``."""
        write(self.observations, t, seen)
        self.rewards[t, :, 0] = step.rewards
        if step.costs.shape[1]:
            self.rewards[t, :, 1:] = step.costs
        self.terminated[t] = step.terminated
        self.truncated[t] = step.truncated
        if step.truncated.any():
            agents = np.flatnonzero(step.truncated)
            self.final.append((t, agents, read(step.final_observations, agents)))

    @property
    def flat_observations(self) -> Observations:
        """Observations [b, ...]; they share the memory of this room."""
        return _flat(self.observations)


def collect(
    rollout: Rollout, collector: Collector, actor: Actor, plan: Rollouts, generator: torch.Generator
) -> TransitionTensors:
    """Let the agents act for a round, and return their transitions with advantages.

    Args:
        rollout: room for it.
        collector: the agents.
        actor: decides, in eval mode and without gradients.
        plan: discounts.
        generator: of the exploration, on the actor's device.

    Returns:
        ``observations``, ``actions``, the actor's extras (``log_prob`` [b], ``values`` [b, 1 + k],
        ...), ``advantages`` and ``returns`` [b, 1 + k], on the actor's device.
    """
    rollout.begin()
    with acting(actor):
        for t in range(rollout.steps):
            seen = collector.observations
            decision = collector.decide(actor, generator)
            rollout.write(t, seen, collector.step(decision.actions.cpu().numpy()))
            rollout.actions.append(decision.actions)
            for name, value in decision.extras.items():
                rollout.extras.setdefault(name, []).append(value)
        extras = {name: torch.stack(values) for name, values in rollout.extras.items()}
        values = extras["values"].cpu().numpy()
        advantages = generalized_advantages(
            rollout.rewards,
            values,
            _next_values(rollout, values, collector, actor),
            rollout.terminated,
            rollout.truncated,
            gamma=plan.gamma,
            gae_lambda=plan.gae_lambda,
        )
    worth = {"advantages": advantages, "returns": advantages + values}
    gathered: dict[str, Any] = {
        "observations": tensors(rollout.flat_observations, actor.device),
        "actions": torch.stack(rollout.actions).flatten(0, 1),
        **{name: value.flatten(0, 1) for name, value in extras.items()},
        **{name: tensors(_flat(array), actor.device) for name, array in worth.items()},
    }
    return gathered


def _next_values(
    rollout: Rollout, values: NDArray, collector: Collector, actor: Actor
) -> NDArray[np.float32]:
    """Values of what each step led to, [t, n, 1 + k]: mostly those of the next step's observation.

    The last observations, and those that truncated episodes ended with, are asked for in one go.
    """
    n = values.shape[1]
    asked = [collector.observations, *(observations for _, _, observations in rollout.final)]
    found = actor.values(tensors(joined(asked), actor.device)).cpu().numpy()
    next_values = np.concatenate([values[1:], found[None, :n]])
    start = n
    for t, agents, _ in rollout.final:
        next_values[t, agents] = found[start : start + len(agents)]
        start += len(agents)
    return next_values


def _flat(observations: Any) -> Any:
    if isinstance(observations, dict):
        return {name: _flat(part) for name, part in observations.items()}
    return observations.reshape(-1, *observations.shape[2:])  # [t, n, ...] -> [b, ...]
