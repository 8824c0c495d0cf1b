"""The replay buffer: n-step returns, ends, the ring, and speed."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from gymnasium import spaces

from labloom_robotics.experience.replay import ReplayBuffer
from labloom_robotics.experience.segments import put_rows, rows_of
from labloom_robotics.worlds import Transition

GAMMA = 0.5


def world_of(space: spaces.Space, num_agents: int) -> Any:
    """As much of a world as a buffer asks."""
    return SimpleNamespace(
        num_agents=num_agents,
        observation_space=space,
        action_space=spaces.Discrete(3),
        cost_names=("c",),
    )


def fill(
    buffer: ReplayBuffer, steps: int, ends: Callable[[int, int], str | None], start: int = 0
) -> None:
    """Agents that count: agent a sees 100 a + t and is rewarded with it; the next episode goes on.

    What an episode ends with is 0.5 more than what the count says.
    """
    n = buffer.num_agents
    for t in range(start, start + steps):
        seen = (100.0 * np.arange(n) + t)[:, None].astype(np.float32)
        how = [ends(t, agent) for agent in range(n)]
        ended = np.array([h is not None for h in how])
        step = Transition(
            observations=seen + 1,
            final_observations=seen + 1 + 0.5 * ended[:, None].astype(np.float32),
            rewards=seen[:, 0],
            costs=2 * seen,
            terminated=np.array([h == "terminated" for h in how]),
            truncated=np.array([h == "truncated" for h in how]),
        )
        buffer.add(seen, np.full(n, t % 3), step)


def drawn(buffer: ReplayBuffer, n_step: int) -> dict[float, tuple[float, ...]]:
    """Every transition: observation -> rewards, next observation, discount, cost."""
    batch = buffer.sample(4000, np.random.default_rng(0), n_step=n_step, gamma=GAMMA)
    columns = (
        batch["observations"][:, 0],
        batch["rewards"],
        batch["next_observations"][:, 0],
        batch["discounts"],
        batch["costs"][:, 0],
    )
    return {row[0]: tuple(row[1:]) for row in zip(*(c.tolist() for c in columns), strict=True)}


def buffer_of(num_agents: int, capacity: int) -> ReplayBuffer:
    box = spaces.Box(-np.inf, np.inf, (1,), np.float32)
    return ReplayBuffer(world_of(box, num_agents), capacity)


def test_one_step_leads_to_the_next_observation_of_the_same_agent() -> None:
    buffer = buffer_of(num_agents=2, capacity=20)
    fill(buffer, 4, lambda t, agent: None)

    assert drawn(buffer, 1) == {
        100.0 * a + t: (100.0 * a + t, 100.0 * a + t + 1, 0.5, 2 * (100.0 * a + t))
        for a in range(2)
        for t in range(4)
    }


def test_an_end_leads_to_the_final_observation_and_only_the_task_ends_the_future() -> None:
    buffer = buffer_of(num_agents=2, capacity=20)
    fill(buffer, 4, lambda t, agent: ("terminated", "truncated")[agent] if t == 1 else None)

    found = drawn(buffer, 1)

    assert found[1.0] == (1.0, 2.5, 0.0, 2.0)
    assert found[101.0] == (101.0, 102.5, 0.5, 202.0)
    assert found[2.0] == (2.0, 3.0, 0.5, 4.0)


def test_returns_of_three_steps_stop_at_ends_and_at_the_newest_row() -> None:
    buffer = buffer_of(num_agents=2, capacity=20)
    fill(buffer, 6, lambda t, agent: ("terminated", "truncated")[agent] if t == 3 else None)

    found = drawn(buffer, 3)

    assert found[0.0] == (0 + 0.5 * 1 + 0.25 * 2, 3.0, 0.125, 2 * (0.5 + 0.5))
    assert found[1.0] == (1 + 0.5 * 2 + 0.25 * 3, 4.5, 0.0, 2 * 2.75)
    assert found[2.0] == (2 + 0.5 * 3, 4.5, 0.0, 2 * 3.5)
    assert found[102.0] == (102 + 0.5 * 103, 104.5, 0.25, 2 * 153.5)  # truncated: it goes on
    assert found[4.0] == (4 + 0.5 * 5, 6.0, 0.25, 2 * 6.5)  # two steps are all there are yet
    assert found[5.0] == (5.0, 6.0, 0.5, 10.0)


@pytest.mark.parametrize("n_step", [1, 3])
def test_the_oldest_rows_go_first_and_the_seam_of_the_ring_is_not_seen(n_step: int) -> None:
    def ends(t: int, agent: int) -> str | None:
        return "truncated" if (t + agent) % 4 == 0 else None

    ring, large = buffer_of(num_agents=2, capacity=10), buffer_of(num_agents=2, capacity=1000)
    fill(ring, 33, ends)
    fill(large, 33, ends)

    expected = {seen: rest for seen, rest in drawn(large, n_step).items() if seen % 100 >= 28}
    assert len(ring) == 10
    assert drawn(ring, n_step) == expected
    assert len(expected) == 10


def test_many_ends_need_more_room_than_there_was_at_first() -> None:
    buffer = buffer_of(num_agents=2, capacity=160)
    fill(buffer, 95, lambda t, agent: "truncated")

    found = drawn(buffer, 1)

    assert len(found) == 160
    assert all(rest[1] == seen + 1.5 for seen, rest in found.items())


def test_a_cut_truncates_the_newest_row() -> None:
    buffer = buffer_of(num_agents=2, capacity=20)
    fill(buffer, 3, lambda t, agent: "terminated" if (t, agent) == (2, 0) else None)
    buffer.cut()
    fill(buffer, 2, lambda t, agent: None, start=50)

    found = drawn(buffer, 3)

    assert found[2.0] == (2.0, 3.5, 0.0, 4.0)
    assert found[102.0] == (102.0, 103.0, 0.5, 204.0)
    assert found[101.0] == (101 + 51.0, 103.0, 0.25, 304.0)


def test_images_stay_bytes_and_dicts_keep_their_keys() -> None:
    space = spaces.Dict(
        {
            "camera": spaces.Box(0, 255, (3, 4, 5), np.uint8),
            "speed": spaces.Box(-np.inf, np.inf, (2,), np.float64),
        }
    )
    buffer = ReplayBuffer(world_of(space, 2), 10)
    for t in range(30):
        seen, now = (
            {"camera": np.full((2, 3, 4, 5), v, np.uint8), "speed": np.full((2, 2), v, np.float32)}
            for v in (t, t + 1)
        )
        final = {name: part + 100 for name, part in now.items()}
        over = np.array([t % 2 == 0, False])
        none = np.zeros(2, dtype=bool)
        step = Transition(
            observations=now,
            final_observations=final,
            rewards=np.zeros(2, np.float32),
            costs=np.zeros((2, 1), np.float32),
            terminated=none,
            truncated=over,
        )
        buffer.add(seen, np.arange(2), step)

    batch = buffer.sample(64, np.random.default_rng(0))

    assert batch["observations"]["camera"].dtype == torch.uint8
    assert batch["observations"]["camera"].shape == (64, 3, 4, 5)
    assert batch["next_observations"]["speed"].dtype == torch.float32
    first = batch["observations"]["speed"][:, 0]
    ended = (batch["actions"] == 0) & (first % 2 == 0)
    expected = torch.where(ended, first + 101, first + 1)
    assert torch.equal(batch["next_observations"]["speed"][:, 0], expected)
    assert torch.equal(batch["next_observations"]["camera"][:, 0, 0, 0].float(), expected)


def test_rows_go_to_plain_tensors_and_back() -> None:
    def ends(t: int, agent: int) -> str | None:
        return ("terminated", "truncated")[agent] if t % 3 == 1 else None

    buffer, copy = buffer_of(2, 20), buffer_of(2, 20)
    fill(buffer, 26, ends)
    copy.forget(16)
    for first, end in ((16, 19), (19, 26)):
        put_rows(copy, rows_of(buffer, first, end))
    for one in (buffer, copy):
        fill(one, 3, ends, start=26)

    for n_step in (1, 4):
        ours, theirs = (
            one.sample(500, np.random.default_rng(5), n_step=n_step) for one in (buffer, copy)
        )
        assert all(torch.equal(ours[name], theirs[name]) for name in ours)
