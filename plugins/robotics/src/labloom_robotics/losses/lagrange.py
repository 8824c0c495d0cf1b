"""Costs within limits by Lagrange multipliers (Ray et al. 2019, "Benchmarking Safe Exploration").

Legend of shapes: ``b`` batch, ``k`` costs.
"""

from __future__ import annotations

from torch import Tensor

INFEASIBLE = 1e6
SMALLEST_LIMIT = 0.01


def penalised_advantages(advantages: Tensor, multipliers: Tensor) -> Tensor:
    """A = (A_reward - sum of l_i A_cost_i) / (1 + sum of l_i), [b].

    The division keeps the size of the steps while the multipliers grow.

    Args:
        advantages: of the reward, then of each cost, [b, 1 + k].
        multipliers: l, worth of a unit of cost in units of reward, at least 0, [k].
    """
    penalty = advantages[:, 1:] @ multipliers
    return (advantages[:, 0] - penalty) / (1.0 + multipliers.sum())


def multiplier_update(
    multipliers: Tensor, costs: Tensor, limits: Tensor, rate: float, largest: float
) -> Tensor:
    """One step of dual ascent: l <- clip(l + rate * (cost - limit), 0, largest), [k].

    Args:
        multipliers: before, [k].
        costs: mean sum over an episode, [k].
        limits: what they may be, [k].
        rate: step size, units of multiplier for a unit of cost.
        largest: that a multiplier may become.
    """
    return (multipliers + rate * (costs - limits)).clamp(0.0, largest)


def constrained_return(mean_return: float, costs: Tensor, limits: Tensor) -> float:
    """A number by which policies can be ranked: feasible ones by return, others by their excess.

    The mean return where every mean cost is within its limit, otherwise ``-1e6 * (1 + excess)``.
    The excess is the sum over the costs of ``max(cost - limit, 0) / max(limit, 0.01)``. So
    whatever is not feasible ranks below all that is (of returns above -1e6), and the better the
    smaller its excess.

    Args:
        mean_return: mean sum of rewards of an episode.
        costs: mean sum of each cost over an episode, [k].
        limits: what they may be, [k].
    """
    shares = (costs - limits).clamp(min=0.0) / limits.clamp(min=SMALLEST_LIMIT)
    excess = float(shares.sum())
    return mean_return if excess == 0.0 else -INFEASIBLE * (1.0 + excess)
