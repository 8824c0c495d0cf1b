"""The model ``robotics_ppo`` and its Lagrangian form."""

from __future__ import annotations

import copy
import inspect
import math
from typing import Any

import pytest
import torch

from labloom.errors import ConfigError
from labloom_robotics.nets.ppo import PPO
from labloom_robotics.nets.ppo_lagrange import PPOLagrange

POINT = {"kind": "box", "shape": [3], "low": "-inf", "high": "inf", "dtype": "float32"}
CHOICE = {"kind": "discrete", "n": 4}
FORCE = {"kind": "box", "shape": [2], "low": [0.0, -3.0], "high": [1.0, 3.0], "dtype": "float32"}
SCAN = {"kind": "box", "shape": [16], "low": 0.0, "high": 1.0, "dtype": "float32"}
CALENDAR = {"kind": "dict", "spaces": {}}

# Every argument with a value that is not its default.
UNUSUAL = {
    "steps": 7,
    "passes": 3,
    "batch_size": 9,
    "gamma": 0.9,
    "gae_lambda": 0.8,
    "clip": 0.3,
    "clip_decay": "linear",
    "value_clip": 0.4,
    "normalise_advantages": False,
    "value_weight": 0.7,
    "entropy_weight": 0.1,
    "target_kl": 0.2,
    "hidden": [8],
    "activation": "elu",
    "log_std": -1.0,
    "normalise_observations": True,
    "normalise_returns": True,
    "scan_encoder": "conv",
    "scan_key": "lidar",
    "scan_width": 4,
    "scan_features": 5,
    "encoder_from": "scan.ckpt",
    "encoder_frozen": True,
}


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(5)


def rollout(model: PPO, size: int = 64) -> dict[str, Any]:
    """What a collector would hand back, with made-up advantages."""
    observations = torch.randn(size, 3)
    decision = model.act(observations, generator())
    values = decision.extras["values"]
    return {
        "observations": observations,
        "actions": decision.actions,
        "log_prob": decision.extras["log_prob"],
        "values": values,
        "advantages": torch.randn(values.shape),
        "returns": torch.randn(values.shape),
    }


def total(model: PPO, batch: dict[str, Any]) -> torch.Tensor:
    terms = model.losses(batch)
    assert terms is not None
    return sum(term for name, term in terms.items() if not name.startswith("_"))


def learn(model: PPO, batch: dict[str, Any], steps: int, rate: float = 3e-3) -> None:
    optimizer = torch.optim.Adam(model.parameters(), lr=rate)
    for _ in range(steps):
        optimizer.zero_grad()
        total(model, batch).backward()
        optimizer.step()


@pytest.mark.parametrize("actions", [CHOICE, FORCE], ids=["discrete", "continuous"])
def test_a_rollout_is_judged_as_it_was_acted(actions):
    model = PPO(POINT, actions, ["cost"])
    batch = rollout(model)
    assert batch["values"].shape == (64, 2)
    policy, _ = model._outputs(batch["observations"])
    log_prob, _ = model._judge(policy, batch["actions"])
    torch.testing.assert_close(log_prob, batch["log_prob"], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("actions", [CHOICE, FORCE], ids=["discrete", "continuous"])
def test_what_went_well_becomes_likelier(actions):
    model = PPO(POINT, actions)
    batch = rollout(model, size=2)
    batch["observations"][1] = batch["observations"][0]
    if actions is CHOICE:
        batch["actions"] = torch.tensor([1, 2])
    policy, _ = model._outputs(batch["observations"])
    batch["log_prob"] = model._judge(policy, batch["actions"])[0].detach()
    batch["advantages"] = torch.tensor([[1.0], [-1.0]])
    learn(model, batch, steps=5)
    policy, _ = model._outputs(batch["observations"])
    change = model._judge(policy, batch["actions"])[0] - batch["log_prob"]
    assert change[0] > change[1]


def test_all_actions_are_nearly_equally_likely_at_first():
    model = PPO(POINT, CHOICE)
    policy, _ = model._outputs(torch.randn(100, 3))
    assert (policy.softmax(-1) - 0.25).abs().max() < 0.03


def test_continuous_actions_are_in_the_units_of_the_space():
    model = PPO(POINT, FORCE, log_std=-3.0)
    actions = model.act(torch.randn(500, 3), generator()).actions
    assert actions[:, 0].mean().item() == pytest.approx(0.5, abs=0.05)
    assert actions[:, 1].mean().item() == pytest.approx(0.0, abs=0.2)
    assert model.decide(torch.randn(1, 3)).shape == (1, 2)


def test_unbounded_actions_keep_their_unit():
    free = {"kind": "box", "shape": [1], "low": "-inf", "high": "inf", "dtype": "float32"}
    actions = PPO(POINT, free).act(torch.zeros(4000, 3), generator()).actions
    assert actions.std().item() == pytest.approx(1.0, abs=0.05)


def test_deciding_takes_the_likeliest_action_and_draws_nothing():
    model = PPO(POINT, CHOICE)
    observations = torch.randn(50, 3)
    policy, _ = model._outputs(observations)
    before = torch.get_rng_state()
    assert torch.equal(model.decide(observations), policy.argmax(-1))
    assert torch.equal(torch.get_rng_state(), before)


def test_the_loss_falls_on_one_batch():
    model = PPO(POINT, CHOICE)
    batch = rollout(model)
    first = total(model, batch).item()
    learn(model, batch, steps=100)
    assert total(model, batch).item() < 0.7 * first


def test_entropy_is_a_term_only_with_a_weight():
    assert set(PPO(POINT, CHOICE).losses(rollout(PPO(POINT, CHOICE)))) == {"policy", "value"}
    model = PPO(POINT, CHOICE, entropy_weight=0.01)
    terms = model.losses(rollout(model))
    assert terms["entropy"].item() == pytest.approx(-0.01 * math.log(4), abs=1e-4)


def test_learning_stops_for_the_epoch_where_the_policy_moved_too_far():
    model = PPO(POINT, CHOICE, target_kl=1e-3)
    batch = rollout(model)
    assert model.losses(batch) is not None
    optimizer = torch.optim.SGD(model.parameters(), lr=5.0)
    total(model, batch).backward()
    optimizer.step()
    assert model.losses(batch) is None
    assert model.stopped
    fresh = rollout(model)
    assert model.losses(fresh) is None
    model.start_epoch()
    assert model.losses(fresh) is not None


def test_the_clip_range_shrinks_with_the_training_if_it_should():
    constant, linear = PPO(POINT, CHOICE), PPO(POINT, CHOICE, clip_decay="linear")
    for model in (constant, linear):
        model.progress_to(0.75)
    assert constant.clip == 0.2
    assert linear.clip == pytest.approx(0.05)
    assert linear.scheduled
    assert not constant.scheduled


def test_every_tenth_batch_tells_how_far_the_policy_moved():
    model = PPO(POINT, CHOICE)
    batch = rollout(model)
    told = [set(model.losses(batch)) for _ in range(10)]
    assert "_kl" not in told[8]
    assert {"_kl", "_clipped"} <= told[9]


def test_observations_are_normalised_from_the_next_epoch_on():
    model = PPO(POINT, CHOICE, normalise_observations=True)
    observations = torch.randn(200, 3) * 50 + 7
    before = model.act(observations, generator()).extras["log_prob"]
    model.collected(observations)
    assert torch.equal(model.act(observations, generator()).extras["log_prob"], before)
    model.start_epoch()
    assert model.encoder(observations).std().item() == pytest.approx(1.0, abs=0.05)


def test_values_stay_what_they_are_when_the_scale_of_returns_changes():
    model = PPO(POINT, CHOICE, ["cost"], normalise_returns=True)
    batch = rollout(model)
    model.losses(batch)
    model.start_epoch()
    batch["returns"] = batch["returns"] * torch.tensor([500.0, 3.0]) + 100
    before = model.values(batch["observations"])
    model.losses(batch)
    model.start_epoch()
    torch.testing.assert_close(model.values(batch["observations"]), before, atol=1e-3, rtol=1e-4)
    assert model.return_scale.std[0] > 200


def test_values_of_large_returns_are_learned_in_their_units():
    model = PPO(POINT, CHOICE, normalise_returns=True)
    batch = rollout(model)
    batch["returns"] = torch.full((64, 1), 900.0) + torch.randn(64, 1)
    model.losses(batch)
    model.start_epoch()
    learn(model, batch, steps=200)
    assert model.values(batch["observations"]).mean().item() == pytest.approx(900, abs=5)


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("steps", 0),
        ("passes", True),
        ("gamma", 1.5),
        ("clip", 0.0),
        ("entropy_weight", -0.1),
        ("clip_decay", "lineal"),
        ("activation", "tan"),
        ("hidden", []),
        ("hidden", [64, 0]),
        ("target_kl", -1.0),
        ("value_clip", -1.0),
    ],
)
def test_an_argument_out_of_range_is_refused_by_its_name(argument, value):
    with pytest.raises(ConfigError, match=f"model.{argument}"):
        PPO(POINT, CHOICE, **{argument: value})


def test_actions_of_a_shape_that_is_no_row_are_refused():
    with pytest.raises(ConfigError, match=r"of shape \[a\]"):
        PPO(POINT, {**FORCE, "shape": [1, 2], "low": 0.0, "high": 1.0})


def test_actions_that_are_neither_numbers_nor_a_choice_are_refused():
    with pytest.raises(ConfigError, match="a Box action space"):
        PPO(POINT, CALENDAR)


def settings_of(model: PPO) -> dict[str, Any]:
    return {k: v for k, v in vars(model).items() if isinstance(v, bool | int | float | str)}


class TestLagrange:
    def model(self, **settings: Any) -> PPOLagrange:
        settings = {"limits": {"crash": 0.5}, **settings}
        return PPOLagrange(POINT, CHOICE, ["crash", "noise"], **settings)

    def test_it_takes_every_argument_of_ppo_with_the_same_default(self):
        ours, ppo = (inspect.signature(cls).parameters for cls in (PPOLagrange, PPO))
        own = {"limits", "multiplier", "multiplier_rate", "multiplier_max"}
        assert ours.keys() - ppo.keys() == own
        assert {name: ours[name] for name in ours if name not in own} == dict(ppo)

    def test_it_hands_every_argument_of_ppo_on(self):
        ours = PPOLagrange(SCAN, FORCE, ["crash"], limits={"crash": 0.5}, **UNUSUAL)
        ppo = PPO(SCAN, FORCE, ["crash"], **UNUSUAL)
        defaults = {n: p.default for n, p in inspect.signature(PPO).parameters.items()}
        assert [name for name, value in UNUSUAL.items() if value == defaults[name]] == []
        assert UNUSUAL.keys() == defaults.keys() - {"observation_space", "action_space"} - {
            "cost_names"
        }
        assert settings_of(ours).items() >= settings_of(ppo).items()
        assert ours.plan == ppo.plan
        assert ours.encoder.options == ppo.encoder.options
        assert repr(ours.body) == repr(ppo.body)
        assert ours.body.activation is ppo.body.activation
        assert torch.equal(ours.log_std, ppo.log_std)
        assert ours.state_dict().keys() == ppo.state_dict().keys() | {"multipliers"}

    def test_a_multiplier_follows_its_cost_and_no_other(self):
        model = self.model(multiplier_rate=0.1, multiplier_max=1.0)
        model.learn_multipliers(torch.tensor([2.5, 99.0]))
        assert model.multipliers.tolist() == pytest.approx([0.2, 0.0])
        for _ in range(10):
            model.learn_multipliers(torch.tensor([2.5, 99.0]))
        assert model.multipliers.tolist() == [1.0, 0.0]

    def test_a_cost_without_a_limit_does_not_count(self):
        model = self.model(limits={"crash": 0.5, "noise": None}, multiplier=2.0)
        assert model.multipliers.tolist() == [2.0, 0.0]

    def test_a_priced_cost_turns_the_policy_away_from_what_pays(self):
        model = self.model(multiplier=3.0)
        batch = {"advantages": torch.tensor([[1.0, 1.0, 0.0], [-1.0, -1.0, 0.0]])}
        assert model.advantages(batch).tolist() == pytest.approx([-0.5, 0.5])

    def test_multipliers_are_part_of_the_state(self):
        model, other = self.model(), self.model()
        model.learn_multipliers(torch.tensor([2.5, 0.0]))
        other.load_state_dict(copy.deepcopy(model.state_dict()))
        assert torch.equal(other.multipliers, model.multipliers)

    def test_a_limit_of_an_unknown_cost_is_refused_with_the_known_ones(self):
        with pytest.raises(ConfigError, match="crash, noise") as caught:
            self.model(limits={"crush": 0.5})
        assert "model.limits.crash" in caught.value.fix

    def test_no_limit_at_all_is_refused(self):
        with pytest.raises(ConfigError, match="says of no cost"):
            self.model(limits={})

    def test_data_without_costs_are_refused(self):
        with pytest.raises(ConfigError, match="choose data with costs"):
            PPOLagrange(POINT, CHOICE, [], limits={"crash": 1.0})

    def test_a_limit_below_0_is_refused(self):
        with pytest.raises(ConfigError, match=r"model.limits.crash"):
            self.model(limits={"crash": -1.0})
