"""Rows of a replay buffer as plain tensors, to be written to a file and read again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from labloom_robotics.experience.arrays import as_tensors, read, write
from labloom_robotics.experience.replay import ReplayBuffer

PLAIN = ("actions", "rewards", "costs", "terminated", "ended")


def rows_of(buffer: ReplayBuffer, first: int, end: int) -> dict[str, Any]:
    """The rows from ``first`` up to, not including, ``end``, counted from the first ever.

    Beside the arrays of the buffer it has ``finals``, the observations that episodes in these rows
    ended with, in order, and ``latest``, what the last of these rows led to.
    """
    n = buffer.num_agents
    flat = np.arange(first * n, end * n) % (buffer.slots * n)
    latest = np.arange(end * n, (end + 1) * n) % (buffer.slots * n)
    arrays = {name: getattr(buffer, name).take(flat, axis=0) for name in PLAIN}
    return as_tensors(arrays) | {
        "observations": as_tensors(read(buffer.observations, flat)),
        "finals": as_tensors(buffer.finals.read(flat[arrays["ended"]])),
        "latest": as_tensors(read(buffer.observations, latest)),
    }


def put_rows(buffer: ReplayBuffer, rows: Mapping[str, Any]) -> None:
    """Add what ``rows_of`` gave, as the newest rows of ``buffer``."""
    n = buffer.num_agents
    ended = rows["ended"].numpy().reshape(-1, n)
    finals, used = _arrays(rows["finals"]), 0
    flat = np.arange(buffer.added * n, (buffer.added + len(ended)) * n) % (buffer.slots * n)
    for name in PLAIN:
        getattr(buffer, name)[flat] = rows[name].numpy()
    write(buffer.observations, flat, _arrays(rows["observations"]))
    for row in ended:
        slot = buffer.added % buffer.slots
        buffer.added += 1
        buffer.finals.begin_row(slot, oldest=(buffer.added - buffer.live) % buffer.slots)
        agents = np.flatnonzero(row)
        if len(agents):
            buffer.finals.add(slot, agents, read(finals, np.arange(used, used + len(agents))))
            used += len(agents)
    buffer.see(_arrays(rows["latest"]))


def _arrays(tensors: Any) -> Any:
    if isinstance(tensors, torch.Tensor):
        return tensors.numpy()
    return {name: part.numpy() for name, part in tensors.items()}
