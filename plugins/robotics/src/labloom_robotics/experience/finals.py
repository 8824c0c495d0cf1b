"""The observations that episodes ended with, kept beside a replay buffer.

Rows leave the buffer in the order in which they came, and so do these; they are a ring of their
own, which grows when more episodes end than it has room for.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from labloom_robotics.experience.arrays import read, room, write

FIRST_ROOM = 64


class FinalObservations:
    """Final observations of the rows of a replay buffer.

    Args:
        space: of an observation.
        slots: rows of the buffer.
        num_agents: transitions of a row.
    """

    def __init__(self, space: spaces.Space, slots: int, num_agents: int) -> None:
        self._space = space
        self._num_agents = num_agents
        self._count = 0  # ever added; the number of each is its place in this count
        self._numbers = np.zeros(slots * num_agents, dtype=np.int64)  # where a transition ended
        self._first = np.zeros(slots, dtype=np.int64)  # count before a row
        self._oldest = 0
        self._ring = room(space, FIRST_ROOM)

    def begin_row(self, slot: int, *, oldest: int) -> None:
        """Start a row; what belongs to rows before the slot ``oldest`` may be overwritten."""
        self._first[slot] = self._count
        self._oldest = int(self._first[oldest])

    def add(self, slot: int, agents: NDArray, observations: Any) -> None:
        """Keep what the newest row led some agents to.

        Args:
            slot: of the row.
            agents: whose episodes ended.
            observations: theirs, one for each of ``agents``.
        """
        while self._count + len(agents) - self._oldest > self._size:
            self._grow()
        numbers = np.arange(self._count, self._count + len(agents))
        self._numbers[slot * self._num_agents + agents] = numbers
        write(self._ring, numbers % self._size, observations)
        self._count += len(agents)

    def read(self, flat: NDArray) -> Any:
        """Final observations of transitions, given by their places in the buffer's arrays."""
        places = self._numbers.take(flat) % self._size
        return read(self._ring, places)

    @property
    def _size(self) -> int:
        part = next(iter(self._ring.values())) if isinstance(self._ring, dict) else self._ring
        return len(part)

    def _grow(self) -> None:
        kept, size = self._ring, self._size
        numbers = np.arange(self._oldest, self._count)
        self._ring = room(self._space, 2 * size)
        write(self._ring, numbers % (2 * size), read(kept, numbers % size))
