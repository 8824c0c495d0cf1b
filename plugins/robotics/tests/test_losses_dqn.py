"""Q-learning's losses against numbers worked out by hand."""

from __future__ import annotations

import pytest
from torch import tensor

from labloom_robotics.losses import dqn

REWARDS = tensor([1.0, 1.0])
DISCOUNTS = tensor([0.9, 0.0])  # the second episode terminated
NEXT_Q = tensor([[1.0, 3.0], [5.0, 6.0]])


def test_the_target_is_the_reward_and_the_best_that_follows():
    assert dqn.q_target(NEXT_Q, REWARDS, DISCOUNTS).tolist() == pytest.approx([3.7, 1.0])


def test_the_double_target_values_the_action_that_the_online_network_would_take():
    online = tensor([[2.0, 1.0], [0.0, 1.0]])
    target = dqn.double_q_target(NEXT_Q, online, REWARDS, DISCOUNTS)
    assert target.tolist() == pytest.approx([1.9, 1.0])


def test_an_error_above_1_counts_linearly():
    q, actions = tensor([[0.5, 9.0], [9.0, 3.0]]), tensor([0, 1])
    # 0.5 * 0.5^2 = 0.125 and 3 - 0.5 = 2.5; mean 1.3125.
    assert dqn.q_loss(q, actions, tensor([0.0, 0.0])).item() == pytest.approx(1.3125)


def test_dueling_advantages_count_from_their_mean():
    q = dqn.dueling(tensor([[10.0]]), tensor([[1.0, 2.0, 6.0]]))
    assert q.tolist() == [[8.0, 9.0, 13.0]]


@pytest.mark.parametrize(
    ("progress", "epsilon"), [(0.0, 1.0), (0.1, 0.525), (0.2, 0.05), (0.9, 0.05)]
)
def test_epsilon_falls_in_a_straight_line_and_stays(progress, epsilon):
    assert dqn.linear_decay(progress, 1.0, 0.05, 0.2) == pytest.approx(epsilon)


def test_no_share_of_the_training_means_the_end_value_at_once():
    assert dqn.linear_decay(0.0, 1.0, 0.05, 0.0) == 0.05
