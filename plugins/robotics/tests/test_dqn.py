"""The model ``robotics_dqn``."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from labloom.errors import ConfigError
from labloom_robotics.nets.dqn import DQN

POINT = {"kind": "box", "shape": [3], "low": "-inf", "high": "inf", "dtype": "float32"}
CHOICE = {"kind": "discrete", "n": 4}
FORCE = {"kind": "box", "shape": [2], "low": -1.0, "high": 1.0, "dtype": "float32"}


def memory(size: int = 32) -> dict[str, Any]:
    return {
        "observations": torch.randn(size, 3),
        "actions": torch.randint(4, (size,)),
        "rewards": torch.randn(size),
        "next_observations": torch.randn(size, 3),
        "discounts": torch.full((size,), 0.9),
    }


def test_epsilon_is_the_share_of_random_actions():
    model = DQN(POINT, CHOICE, epsilon_start=1.0, epsilon_end=0.2, epsilon_share=0.5)
    observations = torch.randn(1, 3).expand(20_000, 3)
    best = model.decide(observations)

    def share_of_best() -> float:
        actions = model.act(observations, torch.Generator().manual_seed(0)).actions
        return (actions == best).float().mean().item()

    assert share_of_best() == pytest.approx(0.25, abs=0.02)
    model.progress_to(0.9)
    assert share_of_best() == pytest.approx(0.8 + 0.2 / 4, abs=0.02)


def test_the_target_network_is_copied_every_so_many_batches():
    model = DQN(POINT, CHOICE, target_every=2)
    with torch.no_grad():
        model.online.head.bias += 1
    model.after_step()
    assert not torch.equal(model.target.head.bias, model.online.head.bias)
    model.after_step()
    assert torch.equal(model.target.head.bias, model.online.head.bias)


def test_the_target_network_can_follow_by_a_share():
    model = DQN(POINT, CHOICE, target_every=1, target_share=0.25)
    before = model.target.head.bias.clone()
    with torch.no_grad():
        model.online.head.bias += 4
    model.after_step()
    torch.testing.assert_close(model.target.head.bias, before + 1)


def test_a_loaded_state_goes_on_counting():
    first, second = DQN(POINT, CHOICE, target_every=3), DQN(POINT, CHOICE, target_every=3)
    first.after_step()
    first.after_step()
    second.load_state_dict(first.state_dict())
    with torch.no_grad():
        second.online.head.bias += 1
    second.after_step()
    assert torch.equal(second.target.head.bias, second.online.head.bias)


@pytest.mark.parametrize("dueling", [False, True])
@pytest.mark.parametrize("double", [False, True])
def test_all_that_learns_gets_a_gradient_and_the_target_none(double, dueling):
    model = DQN(POINT, CHOICE, double=double, dueling=dueling)
    model.losses(memory())["q"].backward()
    assert all(p.grad is not None and (p.grad != 0).any() for p in model.online.parameters())
    assert all(p.grad is None for p in model.target.parameters())


def test_the_target_is_made_by_the_target_network():
    model = DQN(POINT, CHOICE, double=False)
    batch = memory()
    with torch.no_grad():
        model.online.head.bias += 100  # changes q and not its target
    target = model._target(batch["next_observations"], batch["rewards"], batch["discounts"])
    wanted = batch["rewards"] + 0.9 * model.target(batch["next_observations"]).max(1).values
    torch.testing.assert_close(target, wanted)


def test_it_learns_what_actions_are_worth():
    model = DQN(POINT, CHOICE, target_every=1000)
    batch = {**memory(), "discounts": torch.zeros(32)}
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    first = model.losses(batch)["q"].item()
    for _ in range(200):
        optimizer.zero_grad()
        model.losses(batch)["q"].backward()
        optimizer.step()
    assert model.losses(batch)["q"].item() < 0.05 * first


def test_continuous_actions_are_refused_with_what_to_choose_instead():
    with pytest.raises(ConfigError, match="Discrete action space") as caught:
        DQN(POINT, FORCE)
    assert "robotics_sac" in caught.value.fix
    assert "Box of shape [2]" in caught.value.got


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("collections", 0),
        ("warmup", -1),
        ("n_step", 0),
        ("target_every", 0),
        ("target_share", 1.1),
        ("epsilon_end", -0.1),
        ("hidden", []),
        ("activation", "rely"),
    ],
)
def test_an_argument_out_of_range_is_refused_by_its_name(argument, value):
    with pytest.raises(ConfigError, match=f"model.{argument}"):
        DQN(POINT, CHOICE, **{argument: value})


def test_a_warm_up_that_never_ends_is_refused():
    with pytest.raises(ConfigError, match=r"model\.warmup") as caught:
        DQN(POINT, CHOICE, capacity=100, warmup=101)
    assert caught.value.expected == "a whole number, 0 to 100 (capacity)"
