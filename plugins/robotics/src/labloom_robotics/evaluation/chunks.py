"""Who drives an episode from predicted chunks of actions: open loop, or averaged over time.

Legend of shapes: ``n`` agents, ``k`` actions of a chunk, ``w`` numbers of an action, or choices.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from labloom_robotics.spaces import PlainSpace, bounds
from labloom_robotics.worlds import Observations, World

NOISE_SEED = 20_230_423  # the same disturbance for every policy that is compared


class ChunkController:
    """Asks for a chunk every ``execute`` steps and acts by all chunks that speak of the present.

    With ``ensemble`` m the present action is their mean, weighted by exp(-m i), i = 0 the oldest
    (temporal ensembling, Zhao et al. 2023, arXiv:2304.13705, section IV.B): the larger m, the more
    the oldest counts. Without it the newest chunk decides alone. With ``execute`` equal to the
    length of the chunks each is carried out blindly to its end.

    Chunks of choices are probabilities; the most probable one, after averaging, is chosen.

    Args:
        plan: observations of all agents -> chunks [n, k, w].
        action_space: plain.
        execute: steps between two chunks, 1 to k.
        ensemble: m, at least 0; None: the newest chunk alone.
        noise: disturbance of every action: standard deviation as part of half the range, or with
            choices the probability of a random one. The world clips.
    """

    def __init__(
        self,
        plan: Callable[[Observations], NDArray],
        action_space: PlainSpace,
        *,
        execute: int = 1,
        ensemble: float | None = None,
        noise: float = 0.0,
    ) -> None:
        self._plan = plan
        self._space = action_space
        self._execute = execute
        self._ensemble = ensemble
        self._noise = noise
        self._generator = np.random.default_rng(NOISE_SEED)
        self._chunks: list[tuple[int, NDArray]] = []  # the step that each begins at; oldest first
        self._step = 0

    def __call__(self, observations: Observations, world: World) -> NDArray:
        """The present actions, int64 [n] or float32 [n, a]."""
        if self._step % self._execute == 0:
            self._chunks.append((self._step, self._plan(observations)))
        self._chunks = [c for c in self._chunks if c[0] + c[1].shape[1] > self._step]
        opinions = np.stack([chunk[:, self._step - begun] for begun, chunk in self._chunks])
        self._step += 1
        if self._ensemble is None:
            chosen = opinions[-1]  # [m, n, w] -> [n, w]
        else:
            weights = np.exp(-self._ensemble * np.arange(len(opinions)))
            chosen = np.tensordot(weights / weights.sum(), opinions, axes=1)
        return self._disturbed(self._as_actions(chosen))

    def counts(self) -> Mapping[str, NDArray]:
        """Nothing."""
        return {}

    def _as_actions(self, chosen: NDArray) -> NDArray:
        if self._space["kind"] == "discrete":
            return chosen.argmax(axis=-1)
        return chosen.reshape(-1, *self._space["shape"]).astype(np.float32)

    def _disturbed(self, actions: NDArray) -> NDArray:
        if self._noise == 0:
            return actions
        if self._space["kind"] == "discrete":
            others = self._generator.integers(self._space["n"], size=len(actions))
            return np.where(self._generator.random(len(actions)) < self._noise, others, actions)
        low, high = bounds(self._space)
        drawn = self._generator.normal(size=actions.shape) * self._noise * (high - low) / 2
        return (actions + drawn).astype(np.float32)
