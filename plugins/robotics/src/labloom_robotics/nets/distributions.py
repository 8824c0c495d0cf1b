"""Distributions of actions: drawing, log-probabilities in nat, entropies. Pure functions.

Legend of shapes: ``b`` batch, ``a`` actions to choose from, or numbers of a continuous action.

``torch.distributions`` checks its arguments at every step and builds objects; for the small
networks of control that would take longer than the networks.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

HALF_LOG_TWO_PI = 0.5 * math.log(2 * math.pi)
LOG_TWO = math.log(2)


def categorical_sample(log_probs: Tensor, generator: torch.Generator) -> Tensor:
    """Draw one of ``a`` actions, int64 [b].

    The exponential race, which is the Gumbel-max trick (Maddison et al. 2014, arXiv:1411.0030).

    Args:
        log_probs: log-probabilities, [b, a].
        generator: of all randomness.
    """
    waiting = torch.empty_like(log_probs).exponential_(generator=generator)
    return (log_probs - waiting.log()).argmax(dim=-1)


def categorical_log_prob(log_probs: Tensor, actions: Tensor) -> Tensor:
    """Log-probability [b] of actions int64 [b]."""
    return log_probs.gather(1, actions.unsqueeze(1)).squeeze(1)


def categorical_entropy(log_probs: Tensor) -> Tensor:
    """Entropy, nat, [b]."""
    return -(log_probs.exp() * log_probs).sum(dim=-1)


def gaussian_sample(mean: Tensor, log_std: Tensor, generator: torch.Generator) -> Tensor:
    """Draw ``a`` independent numbers, [b, a].

    Args:
        mean: [b, a].
        log_std: log of the standard deviations, [a] or [b, a].
        generator: of all randomness.
    """
    noise = torch.empty_like(mean).normal_(generator=generator)
    return mean + log_std.exp() * noise


def gaussian_log_prob(mean: Tensor, log_std: Tensor, x: Tensor) -> Tensor:
    """Log-density [b] of numbers [b, a], arguments as in ``gaussian_sample``."""
    scaled = (x - mean) * (-log_std).exp()
    return (-0.5 * scaled.square() - log_std - HALF_LOG_TWO_PI).sum(dim=-1)


def gaussian_entropy(log_std: Tensor) -> Tensor:
    """Differential entropy, nat: a scalar for log_std [a], [b] for [b, a]."""
    return (log_std + HALF_LOG_TWO_PI + 0.5).sum(dim=-1)


def squashed_log_prob(mean: Tensor, log_std: Tensor, x: Tensor) -> Tensor:
    """Log-density [b] of ``tanh(x)`` for a Gaussian x [b, a].

    Haarnoja et al. 2018 (arXiv:1812.05905), appendix C, with
    ``log(1 - tanh(x)**2) = 2 (log 2 - x - softplus(-2 x))``, which is exact where tanh saturates.
    """
    correction = 2.0 * (LOG_TWO - x - functional.softplus(-2.0 * x)).sum(dim=-1)
    return gaussian_log_prob(mean, log_std, x) - correction
