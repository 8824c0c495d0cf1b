"""Worlds as a data module: spec, splits, fingerprint, refusals, and what Lightning may limit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import pytorch_lightning as pl
import torch

from labloom.errors import ConfigError
from labloom_robotics.data.control import WorldData
from labloom_robotics.data.gym import GymData
from labloom_robotics.experience.plan import Plan


def test_the_spec_is_plain_and_there_after_setup() -> None:
    data = GymData(env="CartPole-v1", num_agents=2)
    assert data.spec == {}

    data.setup("fit")
    world = data._train_world
    data.setup("fit")

    assert data._train_world is world
    assert data.spec["observation_space"]["shape"] == [4]
    assert data.spec["action_space"] == {"kind": "discrete", "n": 2}
    assert (data.spec["cost_names"], data.spec["max_episode_steps"]) == ([], 500)


def test_a_built_in_world_is_no_environment_of_gymnasium() -> None:
    with pytest.raises(ConfigError, match="'navigate' is a built-in world") as caught:
        GymData(env="navigate")
    assert "data=robotics_navigate" in caught.value.fix


def test_validation_and_test_are_chunks_of_fixed_seeds(drift: Any) -> None:
    data = WorldData(world="drift", val_episodes=7, val_seed=50, test_episodes=5, eval_agents=3)
    data.setup("fit")

    val, test = data.val_dataloader(), data.test_dataloader()

    assert [list(batch.seeds) for batch in val] == [[50, 51, 52], [53, 54, 55], [56]]
    assert [batch.world.num_agents for batch in val] == [3, 3, 1]
    assert len(val) == 3
    assert [len(batch.seeds) for batch in test] == [3, 2]
    assert next(iter(val)).world is next(iter(test)).world is not data._train_world


def test_a_split_without_episodes_has_no_loader(drift: Any) -> None:
    data = WorldData(world="drift", val_episodes=0, test_episodes=0)
    data.setup("fit")

    assert data.val_dataloader() == data.test_dataloader() == []
    assert set(data.fingerprint) == {"train"}


def test_lightning_can_limit_everything(
    plan: Plan, drift: Any, learner: Any, fit: Callable[..., pl.Trainer]
) -> None:
    module = learner(plan)
    data = WorldData(world="drift", num_agents=4, val_episodes=6, eval_agents=2, seed=0)
    played = []
    module.validation_step = lambda batch, batch_idx: played.append(list(batch.seeds))

    trainer = fit(module, data, 3, limit_train_batches=2, limit_val_batches=1)

    assert trainer.global_step == 6
    assert played == [[1000, 1001]] * 4  # one of them is Lightning's sanity check


def test_another_trainer_begins_with_new_agents_and_the_same_goes_on(
    plan: Plan, drift: Any, learner: Any, fit: Callable[..., pl.Trainer]
) -> None:
    data = WorldData(world="drift", num_agents=4, val_episodes=0, seed=0)
    found = []
    for _ in range(2):
        module = learner(plan)
        torch.manual_seed(0)
        fit(module, data, 3)
        assert data.train_dataloader() is data.train_dataloader()
        found.append(torch.cat([value.flatten() for value in module.state_dict().values()]))

    assert torch.equal(*found)


def test_example_inputs_are_single_observations(drift: Any) -> None:
    data = WorldData(world="drift", val_seed=70)
    data.setup("fit")

    examples = data.example_inputs()

    assert [example.shape for example in examples] == [(2,)] * 4
    assert np.array_equal(examples[1], drift(1).reset([71])[0])


def test_the_fingerprint_follows_world_options_and_seeds(drift: Any) -> None:
    def of(**changes: Any) -> dict[str, str]:
        data = WorldData(**{"world": "drift", "seed": 1, **changes})
        data.setup("fit")
        return data.fingerprint

    first = of()
    assert first == of()
    assert set(first) == {"train", "val", "test"}
    other = of(options={"spread": 0.2})
    assert all(first[split] != other[split] for split in first)
    other = of(val_seed=2000)
    assert [split for split in first if first[split] != other[split]] == ["val"]
    other = of(seed=2)
    assert [split for split in first if first[split] != other[split]] == ["train"]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"num_agents": 0}, "data.num_agents"),
        ({"val_episodes": -1}, "data.val_episodes"),
        ({"test_episodes": 1.5}, "data.test_episodes"),
        ({"val_seed": -3}, "data.val_seed"),
        ({"val_seed": 2**31}, "seeds below 2**31"),
        ({"eval_agents": 0}, "data.eval_agents"),
        ({"seed": -1}, "data.seed"),
        ({"val_seed": 10, "test_seed": 20}, "10 episodes are in validation and in test"),
    ],
)
def test_numbers_out_of_range_are_refused(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        WorldData(world="drift", **settings)

    assert words in str(caught.value)


def test_a_module_that_cannot_act_is_refused(drift: Any, fit: Callable[..., pl.Trainer]) -> None:
    class Plain(pl.LightningModule):
        """Has no plan."""

        def training_step(self, batch: Any) -> None: ...

        def configure_optimizers(self) -> None: ...

    with pytest.raises(ConfigError, match="Plain cannot be trained in a world"):
        fit(Plain(), WorldData(world="drift"), 1)


def test_several_devices_are_refused(drift: Any, learner: Any, plan: Plan) -> None:
    data = WorldData(world="drift")
    data.setup("fit")
    data.trainer = type("Two", (), {"lightning_module": learner(plan), "world_size": 2})()

    with pytest.raises(ConfigError, match="several devices") as caught:
        data.train_dataloader()

    assert "trainer.devices=1" in str(caught.value)


def test_a_world_for_pictures_is_a_new_one(drift: Any) -> None:
    data = WorldData(world="drift", val_episodes=3)
    data.setup("fit")

    world = data.video_world(3)

    assert world.num_agents == 3
    assert world is not next(iter(data.val_dataloader())).world
