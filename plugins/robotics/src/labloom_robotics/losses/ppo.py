"""Proximal policy optimisation (Schulman et al. 2017, arXiv:1707.06347).

Legend of shapes: ``b`` batch, ``c`` columns of values: the reward, then each cost.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

SMALLEST_STD = 1e-8


def probability_ratio(log_prob: Tensor, old_log_prob: Tensor) -> Tensor:
    """r(theta) of section 3: how much likelier an action has become, [b]."""
    return (log_prob - old_log_prob).exp()


def clipped_surrogate(ratio: Tensor, advantages: Tensor, clip: float) -> Tensor:
    """Equation 7 with its sign changed, so that it is minimised; a scalar.

    ``min(A r, A clip(r))`` is ``min(A r, A + epsilon |A|)``: what a ratio at its limit earns, from
    above where the advantage is positive, from below where it is not. So written, only one product
    is differentiated.

    Args:
        ratio: new over old probability of the actions, [b].
        advantages: how much better the actions were than the policy, [b].
        clip: epsilon; beyond 1 - clip and 1 + clip a ratio earns nothing more.
    """
    most = torch.add(advantages, advantages.abs(), alpha=clip)
    return -torch.minimum(advantages * ratio, most).mean()


def value_loss(values: Tensor, returns: Tensor) -> Tensor:
    """Squared error of values [b, c]: mean over the batch, sum over the columns (equation 9)."""
    return functional.mse_loss(values, returns) * values.shape[1]


def clipped_value_loss(values: Tensor, old_values: Tensor, returns: Tensor, clip: float) -> Tensor:
    """Squared error of values that may not move further than ``clip``, in their units.

    Of the authors' code, not of the paper; Engstrom et al. 2020 (arXiv:2005.12729) and Andrychowicz
    et al. 2021 (arXiv:2006.05990) found that it does not help.

    Args:
        values: of the network now, [b, c].
        old_values: of the network that collected, [b, c].
        returns: targets, [b, c].
        clip: largest change that earns anything.
    """
    near = old_values + (values - old_values).clamp(-clip, clip)
    worse = torch.max((values - returns).square(), (near - returns).square())
    return worse.mean() * values.shape[1]


def normalised_advantages(advantages: Tensor) -> Tensor:
    """Advantages [b] with mean 0 and standard deviation 1 over the batch; a single one is kept."""
    if advantages.shape[0] < 2:
        return advantages
    std, mean = torch.std_mean(advantages)
    return (advantages - mean) / (std + SMALLEST_STD)


def approximate_kl(log_prob: Tensor, old_log_prob: Tensor) -> Tensor:
    """How far the policy has moved, in nat: mean of (r - 1) - log r, never negative.

    The third estimator of Schulman, "Approximating KL divergence" (2020,
    http://joschu.net/blog/kl-approx.html).
    """
    log_ratio = log_prob - old_log_prob
    return (log_ratio.expm1() - log_ratio).mean()


def clipped_share(ratio: Tensor, clip: float) -> Tensor:
    """Share of the batch whose ratio lies outside the clip range, in [0, 1]."""
    return ((ratio - 1.0).abs() > clip).float().mean()
