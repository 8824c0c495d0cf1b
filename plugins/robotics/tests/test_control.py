"""``ControlAgent`` and ``SafeAgent`` in a real Trainer, on small built-in and Gymnasium worlds."""

from __future__ import annotations

import json
import logging
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.loggers import CSVLogger
from torch import nn

from labloom.callbacks.run_state import RunState
from labloom.errors import ConfigError, DataError
from labloom_robotics.control import ControlAgent
from labloom_robotics.data.control import WorldData
from labloom_robotics.data.gym import GymData
from labloom_robotics.evaluation.policy_controller import PolicyController
from labloom_robotics.nets.dqn import DQN
from labloom_robotics.nets.ppo import PPO
from labloom_robotics.nets.ppo_lagrange import PPOLagrange
from labloom_robotics.nets.sac import SAC
from labloom_robotics.safe import SafeAgent

SMALL = {
    PPO: {"steps": 16, "passes": 2, "batch_size": 32, "hidden": [16]},
    PPOLagrange: {"steps": 64, "passes": 2, "batch_size": 64, "hidden": [16]},
    DQN: {"collections": 4, "steps": 4, "updates": 2, "warmup": 20, "batch_size": 16},
    SAC: {"collections": 4, "steps": 2, "updates": 1, "warmup": 20, "batch_size": 16},
}
FEW = {"num_agents": 4, "val_episodes": 3, "test_episodes": 3, "seed": 1}


@pytest.fixture(autouse=True)
def quiet_and_alone() -> None:
    torch.set_num_threads(1)
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="pytorch_lightning")
    warnings.filterwarnings("ignore", "`isinstance\\(treespec")


def data_for(name: str, **settings: Any) -> WorldData:
    if "-v" in name:
        return GymData(env=name, **{**FEW, **settings})
    return WorldData(world=name, **{**FEW, **settings})


def agent_for(data: WorldData, kind: type = PPO, task: type = ControlAgent, **options: Any) -> Any:
    """Builds model and module of ``data``, as labloom does from its spec."""
    data.setup("fit")
    spec, torch_seed = data.spec, options.pop("seed", 0)
    module_options = {k: options.pop(k) for k in ("curves_on", "shield") if k in options}
    torch.manual_seed(torch_seed)
    costs = {"cost_names": spec["cost_names"]}
    model = kind(
        spec["observation_space"],
        spec["action_space"],
        **(costs if issubclass(kind, PPO) else {}),
        **{**SMALL[kind], **options},
    )
    named = costs if task is SafeAgent else {}
    module = task(model, spec["observation_space"], spec["action_space"], **named, **module_options)
    module.configure_optimizers = lambda: torch.optim.Adam(module.parameters(), lr=1e-3)
    return module


def fit(module: ControlAgent, data: WorldData, epochs: int = 2, **settings: Any) -> pl.Trainer:
    ckpt_path = settings.pop("ckpt_path", None)
    trainer = pl.Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        **{"logger": False, "num_sanity_val_steps": 0, **settings},
    )
    trainer.fit(module, datamodule=data, ckpt_path=ckpt_path)
    return trainer


@pytest.mark.parametrize(
    ("kind", "world", "terms"),
    [
        (PPO, "CartPole-v1", {"policy", "value"}),
        (PPO, "Pendulum-v1", {"policy", "value"}),
        (DQN, "CartPole-v1", {"q"}),
        (SAC, "Pendulum-v1", {"critic", "actor", "temperature", "alpha", "entropy"}),
        (PPO, "navigate", {"policy", "value"}),
    ],
)
def test_it_trains_and_logs_what_it_promises(kind, world, terms):
    data = data_for(world)
    module = agent_for(data, kind)
    before = {name: value.clone() for name, value in module.named_parameters()}
    metrics = fit(module, data, 2).callback_metrics
    assert {f"train/{term}" for term in terms} <= set(metrics)
    assert {"train/loss", "train/env_steps", "val/return", "val/length"} <= set(metrics)
    assert all(np.isfinite(float(value)) for value in metrics.values())
    learned = dict(module.model.named_parameters())
    assert any(not torch.equal(before[f"model.{n}"], p) for n, p in learned.items())


def test_steps_of_all_agents_are_counted():
    data = data_for("CartPole-v1")
    module = agent_for(data)
    trainer = fit(module, data, 3)
    assert int(module.env_steps) == 3 * 16 * 4
    assert trainer.callback_metrics["train/env_steps"] == 192


def test_the_episodes_that_ended_while_collecting_are_logged():
    data = data_for("CartPole-v1")
    metrics = fit(agent_for(data, steps=128), data, 1).callback_metrics
    # A reward of 1 for each step: return and length of an episode of CartPole are the same.
    assert metrics["train/return"] == metrics["train/length"] > 8


@pytest.mark.parametrize("curves_on", ["updates", "environment_steps"])
def test_curves_stand_on_what_was_chosen(tmp_path, curves_on):
    data = data_for("CartPole-v1")
    module = agent_for(data, curves_on=curves_on)
    fit(module, data, 2, logger=CSVLogger(tmp_path, version=0), log_every_n_steps=1)
    text = (tmp_path / "lightning_logs" / "version_0" / "metrics.csv").read_text().splitlines()
    column = text[0].split(",").index("step")
    places = {int(line.split(",")[column]) for line in text[1:]}
    # An epoch is 2 passes over 64 transitions in batches of 32: 4 updates.
    assert places == ({64, 128} if curves_on == "environment_steps" else {3, 7, 4, 8} & places)


def test_validation_does_not_change_training():
    def trained(**settings: Any) -> dict[str, Any]:
        data = data_for("CartPole-v1")
        module = agent_for(data)
        torch.manual_seed(3)
        fit(module, data, 2, **settings)
        return module.state_dict()

    one, other = trained(), trained(limit_val_batches=0)
    assert all(torch.equal(one[name], other[name]) for name in one)


RESUMED = [
    (PPO, ControlAgent, {"normalise_observations": True, "normalise_returns": True}),
    (PPO, ControlAgent, {"clip_decay": "linear", "target_kl": 1e-5}),
    (PPOLagrange, SafeAgent, {"limits": {"collision": 0.0}, "multiplier_rate": 0.5}),
]


@pytest.mark.parametrize(
    ("kind", "task", "options"), RESUMED, ids=["normalised", "scheduled", "lagrange"]
)
def test_four_epochs_equal_two_and_a_resumed_two(tmp_path, kind, task, options):
    def run(epochs: int, folder: Path, resume: bool = False, stop: bool = False) -> Any:
        data = data_for("navigate", options={"max_episode_steps": 30})
        module = agent_for(data, kind, task, **options)
        torch.manual_seed(3)
        path = str(folder / "last.ckpt") if resume else None
        stopper = [StopAfter(2)] if stop else []
        state = RunState({})
        trainer = fit(module, data, epochs, callbacks=[state, *stopper], ckpt_path=path)
        trainer.save_checkpoint(folder / "last.ckpt")
        return module

    run(4, tmp_path, stop=True)
    checkpoint = torch.load(tmp_path / "last.ckpt", weights_only=True)
    assert checkpoint["epoch"] == 1 or checkpoint["epoch"] == 2
    resumed = run(4, tmp_path, resume=True).state_dict()
    whole = run(4, tmp_path).state_dict()
    assert [name for name in whole if not torch.equal(whole[name], resumed[name])] == []


class StopAfter(pl.Callback):
    """Ends a training that was meant to be longer after whole epochs, as Ctrl-C would."""

    def __init__(self, epochs: int) -> None:
        self.epochs = epochs

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        trainer.should_stop = trainer.current_epoch + 1 >= self.epochs


def test_a_schedule_needs_an_end_of_the_training():
    data = data_for("CartPole-v1")
    with pytest.raises(ConfigError, match="how long the training is"):
        fit(agent_for(data, DQN), data, -1, max_steps=3)


def test_epsilon_falls_within_an_epoch():
    data = data_for("CartPole-v1")
    module = agent_for(data, DQN, epsilon_share=1.0, epsilon_end=0.0)
    seen: list[float] = []
    act = module.model.act
    module.model.act = lambda *args: (seen.append(module.model.epsilon), act(*args))[1]
    fit(module, data, 1)
    assert seen[0] == 1.0
    assert seen[-1] == pytest.approx(0.25)  # before the last of 4 collections
    assert seen == sorted(seen, reverse=True)


def test_a_policy_that_moved_too_far_skips_steps_and_trains_on_in_the_next_epoch():
    data = data_for("CartPole-v1")
    module = agent_for(data, target_kl=1e-9, passes=4)
    metrics = fit(module, data, 2).callback_metrics
    assert metrics["train/loss"].isfinite()


def test_a_loss_that_is_not_finite_ends_the_training():
    data = data_for("CartPole-v1")
    module = agent_for(data)
    losses = module.model.losses
    module.model.losses = lambda batch: {
        name: term * float("nan") if module.current_epoch else term
        for name, term in losses(batch).items()
    }
    with pytest.raises(DataError, match="training has diverged: train/loss") as caught:
        fit(module, data, 4)
    assert caught.value.got == "nan in epoch 2"
    assert "optimizer.lr" in caught.value.fix


@pytest.mark.parametrize("precision", ["bf16-true", "64-true"])
def test_weights_of_another_precision_are_refused(precision):
    data = data_for("CartPole-v1")
    with pytest.raises(ConfigError, match=f"weights of precision {precision}") as caught:
        fit(agent_for(data), data, precision=precision)
    assert caught.value.expected == "trainer.precision=32-true"


def test_a_model_that_learns_from_nothing_like_reward_is_refused():
    with pytest.raises(ConfigError, match="Linear does not learn from reward"):
        ControlAgent(nn.Linear(2, 2), {}, {})


class TestAnswers:
    def test_raw_observations_are_answered_with_actions(self, tmp_path):
        data = data_for("CartPole-v1")
        module = agent_for(data)
        np.save(tmp_path / "seen.npy", np.array([0.1, 0.0, -0.1, 0.0]))
        (tmp_path / "seen.json").write_text("[0.1, 0.0, -0.1, 0.0]")
        inputs = [
            np.array([0.1, 0.0, -0.1, 0.0]),
            [0.1, 0.0, -0.1, 0.0],
            "[0.1, 0.0, -0.1, 0.0]",
            str(tmp_path / "seen.npy"),
            tmp_path / "seen.json",
        ]
        answers = module.postprocess(module(module.preprocess(inputs)))
        assert len(answers) == 5
        assert all(answer == answers[0] for answer in answers)
        assert answers[0]["action"] in (0, 1)

    def test_observations_by_name_are_read_from_json_and_archives(self, tmp_path):
        data = data_for("navigate")
        module = agent_for(data)
        seen = data.example_inputs()[0]
        np.savez(tmp_path / "seen.npz", **seen)
        as_json = json.dumps({name: part.tolist() for name, part in seen.items()})
        inputs = [seen, as_json, str(tmp_path / "seen.npz")]
        answers = module.postprocess(module(module.preprocess(inputs)))
        assert answers[1]["action"] == pytest.approx(answers[0]["action"], abs=1e-5)
        assert answers[2] == answers[0]

    def test_numbers_of_an_action_are_within_their_bounds(self):
        module = agent_for(data_for("Pendulum-v1"))
        with torch.no_grad():
            module.model.policy_head.bias.fill_(100.0)
        answers = module.postprocess(module(torch.zeros(1, 3)))
        assert answers == [{"action": [2.0]}]

    @pytest.mark.parametrize(
        ("given", "problem"),
        [
            ([0.1, 0.2], "does not fit"),
            (["a", "b", "c", "d"], "does not fit"),
            ("nowhere.npy", "nowhere.npy is no observation"),
            ("no json", "no json is no observation"),
        ],
    )
    def test_what_is_no_observation_is_refused(self, given, problem):
        module = agent_for(data_for("CartPole-v1"))
        with pytest.raises(DataError, match=problem):
            module.preprocess([given])

    def test_a_missing_name_is_told(self):
        module = agent_for(data_for("navigate"))
        with pytest.raises(DataError, match="lacks names") as caught:
            module.preprocess([{"scan": [0.0] * 48}])
        assert "state" in caught.value.expected


class TestController:
    def test_it_takes_the_best_action_and_counts_nothing(self):
        data = data_for("CartPole-v1")
        module = agent_for(data)
        observations = np.zeros((2, 4), dtype=np.float64)
        actions = PolicyController(module)(observations, None)
        assert actions.dtype == np.int64
        assert actions.tolist() == module(torch.zeros(2, 4)).tolist()
        assert PolicyController(module).counts() == {}


class TestSafe:
    def agent(self, data: WorldData, **options: Any) -> SafeAgent:
        return agent_for(data, PPOLagrange, SafeAgent, **{"limits": {"collision": 0.5}, **options})

    def test_costs_multipliers_and_the_monitor_are_logged(self):
        data = data_for("navigate", options={"max_episode_steps": 40})
        metrics = fit(self.agent(data), data, 2).callback_metrics
        names = {"train/multiplier_collision", "train/cost_collision", "val/cost_clearance"}
        assert names | {"val/constrained_return"} <= set(metrics)
        feasible = metrics["val/cost_collision"] <= 0.5
        monitor = metrics["val/constrained_return"]
        assert monitor == metrics["val/return"] if feasible else monitor < -1e6

    def test_a_multiplier_grows_by_the_costs_of_what_was_collected(self):
        data = data_for("navigate", options={"max_episode_steps": 40})
        module = self.agent(data, limits={"collision": 0.0}, multiplier_rate=0.5)
        metrics = fit(module, data, 1).callback_metrics
        grown = 0.5 * metrics["train/cost_collision"]
        assert grown > 0
        torch.testing.assert_close(module.lagrange.multipliers[0], grown)
        assert module.lagrange.multipliers[1] == 0

    def test_an_epoch_without_an_end_of_an_episode_changes_no_multiplier(self):
        data = data_for("navigate", options={"max_episode_steps": 100, "people": 0})
        module = self.agent(data, limits={"collision": 0.0}, multiplier=1.0, steps=1)
        fit(module, data, 1)
        assert module.lagrange.multipliers[0] == 1.0

    def test_a_shield_counts_its_interventions(self):
        data = data_for("navigate", options={"max_episode_steps": 40})
        metrics = fit(self.agent(data, shield={"stop": 0.1, "slow": 0.9}), data, 1).callback_metrics
        assert metrics["val/interventions"] > 0

    def test_a_model_without_limits_is_refused(self):
        with pytest.raises(ConfigError, match="robotics_ppo_lagrange"):
            agent_for(data_for("navigate"), PPO, SafeAgent)

    def test_an_unknown_setting_of_the_shield_is_refused_with_the_nearest(self):
        with pytest.raises(ConfigError, match=r"shield.stopp") as caught:
            self.agent(data_for("navigate"), shield={"stopp": 0.1})
        assert "module.shield.stop" in caught.value.fix
