"""How an algorithm wants to use what the agents live through. It is the model's to say.

The data module owns worlds and storage; the module tells it by one of these plans what an epoch is.
One epoch is one round of collecting, one batch is one gradient step.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollouts:
    """On-policy: every agent acts ``steps`` times, then what was seen is passed over and dropped.

    An epoch has ``passes * ceil(n * steps / batch_size)`` batches.

    Args:
        steps: steps of each agent in an epoch.
        passes: how often each transition is trained on.
        batch_size: transitions in a batch.
        gamma: discount of a step.
        gae_lambda: weight of longer advantages (Schulman et al. 2016, arXiv:1506.02438).
    """

    steps: int
    passes: int
    batch_size: int
    gamma: float
    gae_lambda: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """Off-policy: transitions go into a buffer, batches are drawn from it.

    An epoch is ``collections`` times: ``steps`` steps of each agent, then ``updates`` batches.

    Args:
        collections: how often an epoch collects.
        steps: steps of each agent each time it collects.
        updates: batches after each time it collects.
        batch_size: transitions in a batch.
        capacity: transitions that the buffer holds; the oldest go first.
        warmup: transitions that are collected, by random actions, before the first batch.
        n_step: rewards that are summed before the bootstrap (Sutton 1988); 1 is one-step.
        gamma: discount of a step.
    """

    collections: int
    steps: int
    updates: int
    batch_size: int
    capacity: int
    warmup: int
    n_step: int
    gamma: float


Plan = Rollouts | Replay
