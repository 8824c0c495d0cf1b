"""Lagrange multipliers against numbers worked out by hand."""

from __future__ import annotations

import pytest
from torch import tensor

from labloom_robotics.losses import lagrange


def test_costs_are_taken_off_the_advantage_at_their_price():
    advantages = tensor([[6.0, 1.0, 2.0], [0.0, -1.0, 0.0]])
    got = lagrange.penalised_advantages(advantages, tensor([2.0, 1.0]))
    # The first is 6 less 2 less 2, the second 0 plus 2; both divided by 4.
    assert got.tolist() == pytest.approx([0.5, 0.5])


def test_without_multipliers_the_advantage_is_that_of_the_reward():
    got = lagrange.penalised_advantages(tensor([[6.0, 1.0]]), tensor([0.0]))
    assert got.tolist() == [6.0]


def test_a_multiplier_grows_above_the_limit_and_shrinks_below_within_its_bounds():
    got = lagrange.multiplier_update(
        tensor([1.0, 0.1, 9.9]),
        costs=tensor([30.0, 0.0, 100.0]),
        limits=tensor([25.0, 25.0, 25.0]),
        rate=0.1,
        largest=10.0,
    )
    assert got.tolist() == pytest.approx([1.5, 0.0, 10.0])


def test_a_feasible_policy_is_ranked_by_its_return():
    assert lagrange.constrained_return(-3.0, tensor([0.05]), tensor([0.05])) == -3.0


def test_an_infeasible_policy_is_below_all_feasible_ones_and_better_the_nearer():
    limits = tensor([0.1, float("inf")])
    far = lagrange.constrained_return(500.0, tensor([0.3, 9.0]), limits)
    near = lagrange.constrained_return(1.0, tensor([0.15, 9.0]), limits)
    assert far == pytest.approx(-3e6)  # excess (0.3 - 0.1) / 0.1 = 2
    assert near == pytest.approx(-1.5e6)


def test_a_limit_of_0_is_no_division_by_0():
    assert lagrange.constrained_return(1.0, tensor([0.02]), tensor([0.0])) == pytest.approx(-3e6)
