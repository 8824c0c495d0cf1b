"""PPO's losses against numbers worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch
from torch import tensor

from labloom_robotics.losses import ppo


def test_the_ratio_is_that_of_probabilities():
    ratio = ppo.probability_ratio(tensor([math.log(0.6)]), tensor([math.log(0.4)]))
    assert ratio.item() == pytest.approx(1.5)


def test_the_surrogate_takes_the_smaller_of_plain_and_clipped():
    # min(A r, A clip(r, 0.8, 1.2)): min(3, 2.4) = 2.4; min(-3, -2.4) = -3; min(1, 1.6) = 1;
    # min(-1, -1.6) = -1.6; min(1.1, 1.1) = 1.1. Their mean is -0.02, the loss its negative.
    ratio = tensor([1.5, 1.5, 0.5, 0.5, 1.1])
    advantages = tensor([2.0, -2.0, 2.0, -2.0, 1.0])
    loss = ppo.clipped_surrogate(ratio, advantages, clip=0.2)
    assert loss.item() == pytest.approx(0.02)


def test_the_surrogate_equals_the_minimum_of_the_paper_and_its_gradient():
    generator = torch.Generator().manual_seed(3)
    ratio = (1 + 0.5 * torch.randn(1000, generator=generator)).abs().requires_grad_()
    advantages = torch.randn(1000, generator=generator)
    paper = -torch.min(advantages * ratio, advantages * ratio.clamp(0.8, 1.2)).mean()
    (wanted,) = torch.autograd.grad(paper, ratio)
    ours = ppo.clipped_surrogate(ratio, advantages, 0.2)
    (got,) = torch.autograd.grad(ours, ratio)
    torch.testing.assert_close(ours, paper)
    torch.testing.assert_close(got, wanted)


def test_a_ratio_beyond_the_range_earns_no_gradient_but_loses_one():
    ratio = tensor([1.5, 1.5], requires_grad=True)
    ppo.clipped_surrogate(ratio, tensor([1.0, -1.0]), clip=0.2).backward()
    assert ratio.grad.tolist() == [0.0, 0.5]


def test_the_value_loss_is_a_mean_over_the_batch_and_a_sum_over_the_columns():
    values, returns = tensor([[1.0, 0.0], [3.0, 2.0]]), tensor([[2.0, 0.0], [5.0, 1.0]])
    # Reward: (1 + 4) / 2 = 2.5; cost: (0 + 1) / 2 = 0.5.
    assert ppo.value_loss(values, returns).item() == pytest.approx(3.0)


def test_a_clipped_value_takes_the_worse_of_two_errors():
    old, new, returns = tensor([[0.0], [0.0]]), tensor([[2.0], [0.1]]), tensor([[2.0], [1.0]])
    # First: max(0, (0.5 - 2)^2) = 2.25; second: 0.81 both ways. Mean 1.53.
    loss = ppo.clipped_value_loss(new, old, returns, clip=0.5)
    assert loss.item() == pytest.approx(1.53)


def test_advantages_get_mean_0_and_standard_deviation_1():
    normal = ppo.normalised_advantages(tensor([1.0, 2.0, 3.0]))
    assert normal.tolist() == pytest.approx([-1.0, 0.0, 1.0])


def test_a_single_advantage_is_kept():
    assert ppo.normalised_advantages(tensor([7.0])).tolist() == [7.0]


def test_equal_advantages_become_0():
    assert ppo.normalised_advantages(tensor([4.0, 4.0])).tolist() == [0.0, 0.0]


def test_kl_is_that_of_two_coins_when_every_side_comes_as_often_as_it_should():
    # KL(old || new) of coins 0.5 and 0.8: 0.5 log(0.5 / 0.8) + 0.5 log(0.5 / 0.2) = 0.22314.
    old = tensor([0.5, 0.5]).log()
    new = tensor([0.8, 0.2]).log()
    assert ppo.approximate_kl(new, old).item() == pytest.approx(0.2231435, abs=1e-6)


def test_the_clipped_share_counts_both_sides():
    share = ppo.clipped_share(tensor([0.5, 1.0, 1.1, 1.5]), clip=0.2)
    assert share.item() == pytest.approx(0.5)
