"""Generalized advantage estimation against numbers by hand and a definition of its own."""

from __future__ import annotations

import numpy as np
import pytest

from labloom_robotics.experience.advantages import generalized_advantages


def test_three_steps_are_as_worked_out_by_hand() -> None:
    # gamma 0.5, lambda 0.5: deltas 1 + .5*2 - 1 = 1, 2 + .5*4 - 2 = 2, 3 + .5*8 - 4 = 3
    advantages = generalized_advantages(
        rewards=np.array([1.0, 2.0, 3.0]).reshape(3, 1, 1),
        values=np.array([1.0, 2.0, 4.0]).reshape(3, 1, 1),
        next_values=np.array([2.0, 4.0, 8.0]).reshape(3, 1, 1),
        terminated=np.zeros((3, 1), dtype=bool),
        truncated=np.zeros((3, 1), dtype=bool),
        gamma=0.5,
        gae_lambda=0.5,
    )

    assert advantages.ravel().tolist() == [1 + 0.25 * 2.75, 2 + 0.25 * 3, 3]


@pytest.mark.parametrize(("how", "first"), [("terminated", 1.0), ("truncated", 6.0)])
def test_an_end_by_the_clock_keeps_the_future_and_one_by_the_task_does_not(
    how: str, first: float
) -> None:
    ends = {name: np.zeros((2, 1), dtype=bool) for name in ("terminated", "truncated")}
    ends[how][0] = True

    advantages = generalized_advantages(
        rewards=np.ones((2, 1, 1)),
        values=np.zeros((2, 1, 1)),
        next_values=np.full((2, 1, 1), 10.0),
        gamma=0.5,
        gae_lambda=1.0,
        **ends,
    )

    assert advantages.ravel().tolist() == [first, 6.0]  # nothing of the second step in the first


def test_a_value_that_is_no_number_does_not_leak_from_a_terminated_step() -> None:
    advantages = generalized_advantages(
        rewards=np.ones((1, 1, 1)),
        values=np.zeros((1, 1, 1)),
        next_values=np.full((1, 1, 1), np.nan),
        terminated=np.ones((1, 1), dtype=bool),
        truncated=np.zeros((1, 1), dtype=bool),
        gamma=0.9,
        gae_lambda=0.9,
    )

    assert advantages.item() == 1.0


def test_many_agents_and_columns_agree_with_the_sum_that_defines_it() -> None:
    t, n, c, gamma, gae_lambda = 40, 7, 3, 0.97, 0.9
    rng = np.random.default_rng(0)
    rewards, values, next_values = rng.normal(size=(3, t, n, c))
    terminated = rng.random((t, n)) < 0.1
    truncated = (rng.random((t, n)) < 0.1) & ~terminated

    got = generalized_advantages(
        rewards, values, next_values, terminated, truncated, gamma=gamma, gae_lambda=gae_lambda
    )

    for agent in range(n):
        for column in range(c):
            for start in range(t):
                expected, weight = 0.0, 1.0
                for step in range(start, t):
                    future = 0.0 if terminated[step, agent] else next_values[step, agent, column]
                    delta = rewards[step, agent, column] + gamma * future
                    expected += weight * (delta - values[step, agent, column])
                    if terminated[step, agent] or truncated[step, agent]:
                        break
                    weight *= gamma * gae_lambda
                assert got[start, agent, column] == pytest.approx(expected, abs=1e-4)
