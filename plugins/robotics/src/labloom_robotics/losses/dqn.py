"""Deep Q-learning (Mnih et al. 2015, Nature 518) with its later improvements.

Legend of shapes: ``b`` batch, ``a`` actions.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional


def q_target(next_q: Tensor, rewards: Tensor, discounts: Tensor) -> Tensor:
    """What Q should be, [b]: the rewards, and the best that the target network promises (eq. 3).

    Args:
        next_q: of the target network, [b, a].
        rewards: sum of the discounted rewards of n steps, [b].
        discounts: gamma to the power of n, 0 where the episode terminated, [b].
    """
    return rewards + discounts * next_q.max(dim=1).values


def double_q_target(
    next_q: Tensor, next_q_online: Tensor, rewards: Tensor, discounts: Tensor
) -> Tensor:
    """The same, but the online network chooses the action that the target network values, [b].

    van Hasselt et al. 2016 (arXiv:1509.06461), equation 4. One network doing both overestimates.

    Args:
        next_q: of the target network, [b, a].
        next_q_online: of the network in training, [b, a].
        rewards: as in ``q_target``.
        discounts: as in ``q_target``.
    """
    best = next_q_online.argmax(dim=1, keepdim=True)
    return rewards + discounts * next_q.gather(1, best).squeeze(1)


def q_loss(q: Tensor, actions: Tensor, target: Tensor) -> Tensor:
    """Huber loss of the values of the actions taken: an error above 1 counts linearly; a scalar.

    Args:
        q: of the network in training, [b, a].
        actions: that were taken, int64 [b].
        target: [b], without gradient.
    """
    return functional.smooth_l1_loss(q.gather(1, actions.unsqueeze(1)).squeeze(1), target)


def dueling(state_value: Tensor, advantages: Tensor) -> Tensor:
    """Q [b, a] of a state's value [b, 1] and the advantages [b, a] of its actions.

    Wang et al. 2016 (arXiv:1511.06581), equation 9: advantages count from their mean.
    """
    return state_value + advantages - advantages.mean(dim=1, keepdim=True)


def linear_decay(progress: float, start: float, end: float, share: float) -> float:
    """Straight from ``start`` to ``end`` while ``progress`` goes from 0 to ``share``, then ``end``.

    Args:
        progress: share of the training that is done, 0 to 1.
        start: value at the beginning.
        end: value from ``share`` on.
        share: of the training; 0 is ``end`` from the beginning.
    """
    if progress >= share:
        return end
    return start + (end - start) * progress / share
