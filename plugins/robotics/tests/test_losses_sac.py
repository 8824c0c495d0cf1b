"""Soft actor-critic's losses against numbers worked out by hand."""

from __future__ import annotations

import math

import pytest
from torch import tensor

from labloom_robotics.losses import sac


def test_the_soft_target_takes_the_smaller_critic_and_pays_for_entropy():
    target = sac.soft_target(
        next_q=tensor([[2.0, 5.0], [3.0, 4.0]]),
        next_log_prob=tensor([-1.0, 2.0]),
        temperature=tensor(0.5),
        rewards=tensor([1.0, 1.0]),
        discounts=tensor([0.9, 0.0]),
    )
    # 1 + 0.9 * (2 + 0.5) = 3.25; the second episode terminated.
    assert target.tolist() == pytest.approx([3.25, 1.0])


def test_the_critic_loss_is_half_the_squared_error_summed_over_critics():
    q = tensor([[1.0, 3.0], [2.0, 2.0]])
    # Critic 1: 0.5 * (1 + 1) / 2 = 0.5; critic 2: 0.
    assert sac.critic_loss(q, tensor([2.0, 2.0])).item() == pytest.approx(0.5)


def test_the_actor_weighs_randomness_against_the_smaller_critic():
    loss = sac.actor_loss(tensor([[1.0, 4.0], [2.0, 3.0]]), tensor([1.0, -1.0]), tensor(0.5))
    # (0.5 - 1 - 0.5 - 3) / 2 = -2.
    assert loss.item() == pytest.approx(-2.0)


def test_the_temperature_rises_while_the_policy_is_less_random_than_wanted():
    log_temperature = tensor(math.log(0.2), requires_grad=True)
    sac.temperature_loss(log_temperature, tensor([2.0, 4.0]), target_entropy=-1.0).backward()
    # The entropy is -3, its target -1: d/d(log alpha) = -(3 - 1) = -2, so descent raises it.
    assert log_temperature.grad.item() == pytest.approx(-2.0)


def test_the_temperature_moves_no_policy():
    log_prob = tensor([1.0], requires_grad=True)
    loss = sac.temperature_loss(tensor(0.3, requires_grad=True), log_prob, -1.0)
    loss.backward()
    assert log_prob.grad is None
