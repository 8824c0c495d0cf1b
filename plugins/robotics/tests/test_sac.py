"""The model ``robotics_sac``: one sum, and each term moves only what is its own."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from labloom.errors import ConfigError
from labloom_robotics.nets.actions import ActionScale
from labloom_robotics.nets.sac import SAC

POINT = {"kind": "box", "shape": [3], "low": "-inf", "high": "inf", "dtype": "float32"}
CHOICE = {"kind": "discrete", "n": 4}
FORCE = {"kind": "box", "shape": [2], "low": [0.0, -3.0], "high": [1.0, 3.0], "dtype": "float32"}
CAMERA = {
    "kind": "dict",
    "spaces": {
        "camera": {"kind": "box", "shape": [12, 12, 3], "low": 0, "high": 255, "dtype": "uint8"},
        "state": POINT,
    },
}


def memory(observations: Any = None) -> dict[str, Any]:
    size = 16
    return {
        "observations": torch.randn(size, 3) if observations is None else observations,
        "actions": torch.rand(size, 2) * torch.tensor([1.0, 6.0]) - torch.tensor([0.0, 3.0]),
        "rewards": torch.randn(size),
        "next_observations": torch.randn(size, 3) if observations is None else observations,
        "discounts": torch.full((size,), 0.9),
    }


def moved(part: nn.Module) -> set[str]:
    return {n for n, p in part.named_parameters() if p.grad is not None and (p.grad != 0).any()}


def names(part: nn.Module) -> set[str]:
    return {name for name, _ in part.named_parameters()}


@pytest.mark.parametrize("space", [POINT, CAMERA], ids=["vector", "camera"])
def test_each_term_moves_only_what_is_its_own(space):
    owners = {"critic": "critic", "actor": "actor", "temperature": None}
    for term, owner in owners.items():
        torch.manual_seed(0)
        model = SAC(space, FORCE, hidden=[16, 16])
        images = torch.randint(256, (16, 12, 12, 3), dtype=torch.uint8)
        seen = None if space is POINT else {"camera": images, "state": torch.randn(16, 3)}
        model.losses(memory(seen))[term].backward()
        for name in ("critic", "actor"):
            part = getattr(model, name)
            assert moved(part) == (names(part) if name == owner else set()), (term, name)
        assert (model.log_temperature.grad is not None) == (term == "temperature")
        assert not moved(model.target)


def test_the_gradient_of_the_sum_is_that_of_its_terms():
    model = SAC(POINT, FORCE, hidden=[16])
    batch = memory()

    def gradients(only: str | None) -> dict[str, torch.Tensor]:
        model.zero_grad()
        torch.manual_seed(1)
        terms = model.losses(batch)
        chosen = {k: v for k, v in terms.items() if not k.startswith("_") and only in (None, k)}
        sum(chosen.values()).backward()
        return {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}

    whole = gradients(None)
    for term in ("critic", "actor", "temperature"):
        for name, gradient in gradients(term).items():
            torch.testing.assert_close(gradient, whole[name])


def test_actions_lie_within_their_bounds():
    model = SAC(POINT, FORCE)
    with torch.no_grad():
        model.actor.head.bias += 50
    actions = model.act(torch.randn(100, 3), torch.Generator().manual_seed(0)).actions
    assert actions.amax(0).tolist() == pytest.approx([1.0, 3.0])
    assert model.decide(torch.randn(2, 3))[0].tolist() == pytest.approx([1.0, 3.0])


def test_deciding_is_the_middle_of_acting():
    model = SAC(POINT, FORCE)
    observation = torch.randn(1, 3)
    actions = model.act(observation.expand(5000, 3), torch.Generator().manual_seed(0)).actions
    torch.testing.assert_close(actions.mean(0), model.decide(observation)[0], atol=0.1, rtol=0)


def test_critics_read_actions_as_numbers_from_minus_1_to_1():
    model = SAC(POINT, FORCE)
    numbers = model.scale.to_numbers(torch.tensor([[0.0, 3.0], [0.5, 0.0]]))
    assert numbers.tolist() == [[-1.0, 1.0], [0.0, 0.0]]


def test_a_number_between_equal_bounds_can_be_scaled_back():
    scale = ActionScale({**FORCE, "shape": [2], "low": [0.5, -1.0], "high": [0.5, 3.0]})
    numbers = torch.tensor([[0.0, -1.0], [0.0, 0.5]])
    assert scale.to_units(numbers).tolist() == [[0.5, -1.0], [0.5, 2.0]]
    assert torch.equal(scale.to_numbers(scale.to_units(numbers)), numbers)


def test_target_critics_follow_slowly():
    model = SAC(POINT, FORCE, target_share=0.1)
    before = model.target.head.bias.clone()
    with torch.no_grad():
        model.critic.head.bias += 1
    model.after_step()
    torch.testing.assert_close(model.target.head.bias, before + 0.1)


def test_the_target_entropy_is_minus_the_numbers_of_an_action():
    assert SAC(POINT, FORCE).target_entropy == -2.0
    assert SAC(POINT, FORCE, target_entropy=0.0).target_entropy == 0.0


def test_a_fixed_temperature_is_no_term():
    model = SAC(POINT, FORCE, temperature=0.2, temperature_learned=False)
    terms = model.losses(memory())
    assert "temperature" not in terms
    assert terms["_alpha"].item() == pytest.approx(0.2)


def test_it_finds_the_action_that_pays():
    torch.manual_seed(0)
    model = SAC(POINT, FORCE, hidden=[64, 64], temperature=0.05, temperature_learned=False)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for _ in range(1000):
        batch = {**memory(), "discounts": torch.zeros(16)}
        batch["rewards"] = -(batch["actions"][:, 1] - 1.5).square()  # best: 1.5 of -3 to 3
        optimizer.zero_grad()
        terms = model.losses(batch)
        sum(v for k, v in terms.items() if not k.startswith("_")).backward()
        optimizer.step()
        model.after_step()
    assert model.decide(torch.randn(20, 3))[:, 1].mean().item() == pytest.approx(1.5, abs=0.4)


def test_a_choice_is_refused_with_what_to_choose_instead():
    with pytest.raises(ConfigError, match="Box action space") as caught:
        SAC(POINT, CHOICE)
    assert "robotics_dqn" in caught.value.fix
    assert caught.value.got == "Discrete(4)"


def test_actions_without_bounds_are_refused():
    free = {"kind": "box", "shape": [1], "low": "-inf", "high": "inf", "dtype": "float32"}
    with pytest.raises(ConfigError, match="needs bounds"):
        SAC(POINT, free)


@pytest.mark.parametrize(
    ("argument", "value"),
    [("updates", 0), ("temperature", 0.0), ("gamma", -0.1), ("hidden", [0]), ("activation", "x")],
)
def test_an_argument_out_of_range_is_refused_by_its_name(argument, value):
    with pytest.raises(ConfigError, match=f"model.{argument}"):
        SAC(POINT, FORCE, **{argument: value})


def test_a_warm_up_that_never_ends_is_refused():
    with pytest.raises(ConfigError, match=r"model\.warmup") as caught:
        SAC(POINT, FORCE, capacity=100, warmup=101)
    assert caught.value.expected == "a whole number, 0 to 100 (capacity)"
