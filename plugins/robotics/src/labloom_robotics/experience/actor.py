"""What data modules, evaluation and networks agree on: who decides, and what a decision is.

Legend of shapes: ``n`` agents, ``k`` costs, ``a`` numbers of a continuous action.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor

from labloom_robotics.evaluation.episodes import Episodes
from labloom_robotics.experience.plan import Plan

TensorObservations = Tensor | dict[str, Tensor]  # [n, ...], or by key


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What an actor decided for ``n`` agents.

    Args:
        actions: int64 [n], or float32 [n, a] in the units of the action space; the world clips.
        extras: what the algorithm wants stored beside the transition, tensors [n, ...]; on-policy
            algorithms put ``log_prob`` [n] and ``values`` [n, 1 + k] here: worth of the
            observation in rewards, then in each cost.
    """

    actions: Tensor
    extras: Mapping[str, Tensor] = field(default_factory=dict)


class Actor(Protocol):
    """A module that can act; the data module gets it as ``trainer.lightning_module``."""

    plan: Plan
    device: torch.device

    def act(self, observations: TensorObservations, generator: torch.Generator) -> Decision:
        """Decide while exploring; all randomness comes from ``generator``."""

    def values(self, observations: TensorObservations) -> Tensor:
        """Worth of observations in rewards, then in each cost, [n, 1 + k]; on-policy only."""

    def collected(self, observations: TensorObservations, steps: int) -> None:
        """Hear what was collected: observations [m, ...] for the normaliser, and how many steps."""

    def finished(self, episodes: Episodes) -> None:
        """Hear of the episodes that ended while collecting, in the order of their ends."""
