"""What every algorithm of control offers to the module that trains it.

Legend of shapes: ``n`` agents, ``b`` batch, ``k`` costs, ``a`` numbers of a continuous action.
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from labloom.arguments import require_number, require_whole, under
from labloom_robotics.experience.actor import Decision, TensorObservations
from labloom_robotics.experience.plan import Plan, Replay
from labloom_robotics.nets.encoders import Encoder

Batch = Mapping[str, Any]


class Algorithm(nn.Module, ABC):
    """Networks, how they decide, and what is minimised.

    Attributes:
        plan: how it wants to use what the agents live through.
        scheduled: whether something depends on how much of the training is done, so that its
            length must be known.
    """

    plan: Plan
    scheduled: bool = False

    @abstractmethod
    def act(self, observations: TensorObservations, generator: torch.Generator) -> Decision:
        """Decide while exploring; all randomness comes from ``generator``."""

    @abstractmethod
    def decide(self, observations: TensorObservations) -> Tensor:
        """The best actions, as ``Decision.actions``, without exploring."""

    @abstractmethod
    def losses(self, batch: Batch) -> dict[str, Tensor] | None:
        """Named terms of a batch; their sum is minimised.

        A name that begins with ``_`` is only logged. None: this batch changes nothing.
        """

    def values(self, observations: TensorObservations) -> Tensor:
        """Worth of observations in rewards, then in each cost, [n, 1 + k]; on-policy only."""
        raise NotImplementedError(f"{type(self).__name__} has no values")

    def collected(self, observations: TensorObservations) -> None:
        """See what was collected, [m, ...], e.g. to normalise by it from the next epoch on."""

    def start_epoch(self) -> None:
        """Get ready for a round of collecting and learning."""

    def progress_to(self, progress: float) -> None:
        """Hear which share of the training is done, 0 to 1."""

    def after_step(self) -> None:
        """Follow a gradient step, e.g. with target networks."""

    def load_pretrained(self) -> None:
        """Read the weights that encoders start from, unless a state was loaded.

        Raises:
            DataError: they cannot be read.
        """
        for encoder in self._encoders():
            encoder.load_pretrained()

    def _encoders(self) -> Iterator[Encoder]:
        return (part for part in self.modules() if isinstance(part, Encoder))


def replay_plan(
    *,
    collections: int,
    steps: int,
    updates: int,
    batch_size: int,
    capacity: int,
    warmup: int,
    n_step: int,
    gamma: float,
) -> Replay:
    """The plan of an algorithm that learns from a replay buffer; arguments are those of ``Replay``.

    Raises:
        ConfigError: one is out of range; the message names it.
    """
    counts = {
        "collections": collections,
        "steps": steps,
        "updates": updates,
        "batch_size": batch_size,
        "capacity": capacity,
        "n_step": n_step,
    }
    for key, value in under("model", **counts):
        require_whole(key, value, at_least=1)
    # A warm-up that is longer than the buffer would never be over.
    require_whole("model.warmup", warmup, at_least=0, at_most=capacity, unit="(capacity)")
    require_number("model.gamma", gamma, at_least=0, at_most=1)
    return Replay(**counts, warmup=warmup, gamma=gamma)


def frozen_copy(network: nn.Module) -> nn.Module:
    """A copy of a network for targets: it takes no gradient."""
    return copy.deepcopy(network).requires_grad_(False)


@torch.no_grad()
def follow(target: nn.Module, online: nn.Module, share: float) -> None:
    """Move a target network by ``share`` towards another; 1 copies it (Polyak averaging)."""
    pairs = list(zip(target.parameters(), online.parameters(), strict=True))
    torch._foreach_lerp_([pair[0] for pair in pairs], [pair[1] for pair in pairs], share)
    for ours, theirs in zip(target.buffers(), online.buffers(), strict=True):
        ours.copy_(theirs)
