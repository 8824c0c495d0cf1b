"""Soft actor-critic (Haarnoja et al. 2018, arXiv:1812.05905).

Legend of shapes: ``b`` batch, ``m`` critics.

All terms are minimised together by one optimizer, so each may move only what is its own: targets
come without gradient, the actor's critics are frozen, the temperature sees a detached entropy.
"""

from __future__ import annotations

from torch import Tensor


def soft_target(
    next_q: Tensor, next_log_prob: Tensor, temperature: Tensor, rewards: Tensor, discounts: Tensor
) -> Tensor:
    """Equations 2 and 3 with the smaller of the critics (Fujimoto et al. 2018): target of Q, [b].

    Args:
        next_q: of the target critics for an action drawn in the next state, [m, b].
        next_log_prob: of that action, [b].
        temperature: alpha, worth of a nat of entropy in units of reward.
        rewards: sum of the discounted rewards of n steps, [b].
        discounts: gamma to the power of n, 0 where the episode terminated, [b].
    """
    return rewards + discounts * (next_q.amin(dim=0) - temperature * next_log_prob)


def critic_loss(q: Tensor, target: Tensor) -> Tensor:
    """Half the squared error, mean over the batch, sum over the critics (equation 5); a scalar.

    Args:
        q: [m, b].
        target: [b], without gradient.
    """
    return 0.5 * (q - target).square().mean(dim=1).sum()


def actor_loss(q: Tensor, log_prob: Tensor, temperature: Tensor) -> Tensor:
    """Equation 9: be random and choose what the least hopeful critic likes; a scalar.

    Args:
        q: of critics that take no gradient, for actions that do, [m, b].
        log_prob: of these actions, [b].
        temperature: alpha, without gradient.
    """
    return (temperature * log_prob - q.amin(dim=0)).mean()


def temperature_loss(log_temperature: Tensor, log_prob: Tensor, target_entropy: float) -> Tensor:
    """Raises the temperature while the entropy is below its target; a scalar.

    Equation 18 with log alpha in the place of alpha, as in the authors' code: the temperature
    stays positive, and its step size does not depend on it.

    Args:
        log_temperature: what learns.
        log_prob: of drawn actions, [b].
        target_entropy: in nat.
    """
    return -(log_temperature * (log_prob.detach() + target_entropy)).mean()
