"""How much better an action was than what its state is worth.

Legend of shapes: ``t`` steps, ``n`` agents, ``c`` columns: rewards, then each cost.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def generalized_advantages(
    rewards: NDArray,
    values: NDArray,
    next_values: NDArray,
    terminated: NDArray,
    truncated: NDArray,
    *,
    gamma: float,
    gae_lambda: float,
) -> NDArray[np.float32]:
    r"""Generalized advantage estimation (Schulman et al. 2016, arXiv:1506.02438, eq. 16).

    .. math:: A_t = \delta_t + \gamma \lambda A_{t+1}, \quad
              \delta_t = r_t + \gamma V(s'_t) - V(s_t)

    An end by the task leaves no future: :math:`V(s') = 0`. An end by the clock does not end what
    could have come, so the value of the final observation stays. After either the sum begins anew,
    because the next row belongs to another episode.

    Args:
        rewards: rewards and costs, [t, n, c].
        values: of the observations that were acted on, [t, n, c].
        next_values: of what each step led to, before any new episode, [t, n, c]; whatever stands
            where an episode terminated is not used.
        terminated: bool [t, n].
        truncated: bool [t, n].
        gamma: discount of a step.
        gae_lambda: 0 trusts the values, 1 the rewards.

    Returns:
        Advantages [t, n, c]; added to ``values`` they are the targets of the values.
    """
    future = np.where(terminated[..., None], 0.0, next_values)
    advantages = (rewards + gamma * future - values).astype(np.float32)  # the deltas, to begin with
    carry = np.float32(gamma * gae_lambda) * ~(terminated | truncated)[..., None]
    for t in range(len(advantages) - 2, -1, -1):
        advantages[t] += carry[t] * advantages[t + 1]
    return advantages
