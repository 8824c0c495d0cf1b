"""The training episodes: what each agent has gathered so far, told when its episode ends.

Legend of shapes: ``n`` agents, ``k`` costs, ``e`` episodes that ended.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from labloom_robotics.evaluation.episodes import Episodes
from labloom_robotics.worlds import Transition


class EpisodeTally:
    """Returns, lengths and costs of the episodes that agents are in, and of those that ended.

    Args:
        num_agents: n.
        cost_names: of the world.
    """

    def __init__(self, num_agents: int, cost_names: Sequence[str]) -> None:
        self._names = tuple(cost_names)
        self._returns = np.zeros(num_agents)
        self._lengths = np.zeros(num_agents, dtype=np.int64)
        self._costs = np.zeros((num_agents, len(self._names)))
        self._ended: list[_Ended] = []

    def add(self, step: Transition) -> None:
        """Count one step of all agents."""
        self._returns += step.rewards
        self._lengths += 1
        if self._names:
            self._costs += step.costs
        ended = step.ended
        if ended.any():
            self._note(step, ended)

    def take(self) -> Episodes | None:
        """The episodes that ended since this was last asked, in the order of their ends.

        Returns:
            Episodes whose ``seeds`` are -1: in training only an agent's first one has a seed of
            its own. None when no episode ended.
        """
        if not self._ended:
            return None
        ended, self._ended = self._ended, []
        returns, lengths, costs = (
            np.concatenate([getattr(part, name) for part in ended])
            for name in ("returns", "lengths", "costs")
        )
        return Episodes(
            seeds=np.full(len(returns), -1, dtype=np.int64),
            returns=returns,
            lengths=lengths,
            costs={name: costs[:, i] for i, name in enumerate(self._names)},
            facts=_facts(ended),
        )

    def begin(self) -> None:
        """Forget the episodes that agents are in."""
        for sums in (self._returns, self._lengths, self._costs):
            sums[:] = 0

    def state(self) -> dict[str, torch.Tensor]:
        """The sums so far, for a checkpoint; what ended is taken by then."""
        sums = {"returns": self._returns, "lengths": self._lengths, "costs": self._costs}
        return {name: torch.from_numpy(array.copy()) for name, array in sums.items()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take up the sums of ``state``."""
        self._returns[:] = state["returns"].cpu().numpy()
        self._lengths[:] = state["lengths"].cpu().numpy()
        self._costs[:] = state["costs"].cpu().numpy()

    def _note(self, step: Transition, ended: NDArray) -> None:
        self._ended.append(
            _Ended(
                returns=self._returns[ended],
                lengths=self._lengths[ended],
                costs=self._costs[ended],
                facts={name: values[ended] for name, values in step.info.items()},
            )
        )
        self._returns[ended] = 0
        self._lengths[ended] = 0
        self._costs[ended] = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ended:
    """Episodes that ended in the same step; arrays [e], costs [e, k]."""

    returns: NDArray
    lengths: NDArray
    costs: NDArray
    facts: dict[str, NDArray]


def _facts(ended: list[_Ended]) -> dict[str, NDArray]:
    """What was told at the ends, with 0 or False for episodes of which it was not."""
    names = {name: values.dtype for part in ended for name, values in part.facts.items()}
    return {
        name: np.concatenate(
            [part.facts.get(name, np.zeros(len(part.returns), dtype)) for part in ended]
        )
        for name, dtype in names.items()
    }
