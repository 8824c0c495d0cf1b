"""Windows of demonstrations in memory: an observation and the actions that follow it.

Legend of shapes: ``b`` batch, ``n`` windows, ``k`` actions of a window, ``a`` numbers of an action.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from torch import Tensor
from torch.utils.data import Dataset

from labloom_robotics.demos.episode import Demonstration

SMALLEST_STD = 1e-6  # below it a number is taken for constant
Batch = dict[str, Any]


@dataclass(frozen=True)
class Windows(Dataset):
    """One window for each step: ``observations[t]`` and ``actions[t], ..., actions[t + k - 1]``.

    A window never crosses the end of its episode: what would lie beyond is ``is_pad``, and the last
    action stands there. An ordinary DataLoader reads a whole batch at a time, as one indexing of
    each tensor (PyTorch asks ``__getitems__`` where a data set has it).

    Args:
        observations: [n, ...], float32, images uint8; or by key.
        actions: float32 [n, a], or int64 [n]; episodes one after the other.
        last: row of the last step of each row's episode, int64 [n].
        chunk: k.
    """

    observations: Tensor | dict[str, Tensor]
    actions: Tensor
    last: Tensor
    chunk: int = 1

    def __len__(self) -> int:
        return len(self.actions)

    def __getitem__(self, index: int) -> Batch:
        """One window, without a batch dimension."""
        batch = self.__getitems__([index])
        observed = batch["observations"]
        one = {k: v[0] for k, v in observed.items()} if isinstance(observed, dict) else observed[0]
        return {k: v[0] for k, v in batch.items() if k != "observations"} | {"observations": one}

    def __getitems__(self, indices: Sequence[int]) -> Batch:
        """``observations`` [b, ...], ``actions`` [b, k, a] or [b, k], ``is_pad`` bool [b, k]."""
        rows = torch.as_tensor(indices)
        ahead = rows[:, None] + torch.arange(self.chunk)  # [b, k]
        last = self.last[rows][:, None]
        observed = self.observations
        return {
            "observations": {key: part[rows] for key, part in observed.items()}
            if isinstance(observed, dict)
            else observed[rows],
            "actions": self.actions[torch.minimum(ahead, last)],
            "is_pad": ahead > last,
        }

    def in_chunks_of(self, chunk: int) -> Windows:
        """The same steps with so many actions each; nothing is copied."""
        return replace(self, chunk=chunk)

    @property
    def digest(self) -> str:
        """SHA-256 of observations, actions and ends."""
        digest = hashlib.sha256()
        observed = self.observations
        parts = list(observed.values()) if isinstance(observed, dict) else [observed]
        for tensor in (*parts, self.actions, self.last):
            digest.update(repr(tuple(tensor.shape)).encode())
            digest.update(tensor.contiguous().numpy())
        return digest.hexdigest()


def windows_of(episodes: Sequence[Demonstration]) -> Windows:
    """The windows of episodes, with one action each; final observations are left out."""
    lengths = [len(episode) for episode in episodes]
    ends = np.cumsum(lengths) - 1
    observed = [episode.chosen_from() for episode in episodes]
    observations: Tensor | dict[str, Tensor]
    if isinstance(observed[0], dict):
        observations = {
            key: torch.from_numpy(np.concatenate([rows[key] for rows in observed]))
            for key in observed[0]
        }
    else:
        observations = torch.from_numpy(np.concatenate(observed))
    return Windows(
        observations,
        torch.from_numpy(np.concatenate([episode.actions for episode in episodes])),
        torch.from_numpy(np.repeat(ends, lengths)),
    )


def observation_statistics(windows: Windows) -> dict[str, Any]:
    """``mean`` and ``std`` of each number, as lists; by key for Dicts; images have none."""
    observed = windows.observations
    if isinstance(observed, dict):
        return {key: _statistics(rows) for key, rows in observed.items()}
    return _statistics(observed)


def action_statistics(windows: Windows, space: spaces.Space) -> dict[str, Any]:
    """``mean`` and ``std`` of each number of an action, as lists; choices have none."""
    return {} if isinstance(space, spaces.Discrete) else _statistics(windows.actions)


def _statistics(rows: Tensor) -> dict[str, list[float]]:
    if rows.dtype == torch.uint8:
        return {}
    std, mean = torch.std_mean(rows.double().flatten(1), dim=0, correction=0)
    std = torch.where(std < SMALLEST_STD, 1.0, std)
    return {"mean": mean.tolist(), "std": std.tolist()}
