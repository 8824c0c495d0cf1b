"""Windows, splits, statistics and loaders of demonstrations."""

from __future__ import annotations

import numpy as np
import pytest
import pytorch_lightning as pl
import torch

from labloom.errors import ConfigError, DataError
from labloom_robotics.control import ControlAgent
from labloom_robotics.data.demonstrations import DemonstrationData
from labloom_robotics.demos.experts import roll_out
from labloom_robotics.demos.lerobot_v30 import write_lerobot_v30
from labloom_robotics.demos.robomimic import write_robomimic
from labloom_robotics.demos.splits import split_episodes
from labloom_robotics.demos.windows import observation_statistics, windows_of
from labloom_robotics.nets.ppo import PPO


def prepared(**changes):
    data = DemonstrationData(**{"world": "reach", "episodes": 20, "agents": 10} | changes)
    data.setup("fit")
    return data


def test_a_window_holds_the_next_actions_and_never_those_of_another_episode(demonstrations):
    windows = windows_of(demonstrations.episodes).in_chunks_of(6)
    assert len(windows) == sum(map(len, demonstrations.episodes))
    batch = windows.__getitems__(range(len(windows)))
    row = 0
    for episode in demonstrations.episodes:
        for t in range(len(episode)):
            ahead = episode.actions[t : t + 6]
            np.testing.assert_array_equal(batch["observations"][row], episode.observations[t])
            np.testing.assert_array_equal(batch["actions"][row, : len(ahead)], ahead)
            assert (batch["actions"][row, len(ahead) :] == torch.tensor(episode.actions[-1])).all()
            assert batch["is_pad"][row].tolist() == [i >= len(ahead) for i in range(6)]
            row += 1
    one = windows[0]
    assert one["actions"].shape == (6, 2)
    assert one["observations"].shape == (4,)


def test_windows_of_keys_and_choices(reach, keyed_demonstrations):
    windows = windows_of(keyed_demonstrations.episodes)
    batch = windows.__getitems__([0, 5])
    assert batch["observations"]["camera"].dtype == torch.uint8
    assert windows[3]["observations"]["state"].shape == (4,)
    assert observation_statistics(windows)["camera"] == {}


def test_statistics_are_those_of_the_training_split(reach_by_name):
    data = prepared()
    parts = split_episodes(data._demonstrations(), data.fractions, 0)
    episodes = data._demonstrations().episodes
    rows = np.concatenate([episodes[i].observations[:-1] for i in parts["train"]])
    np.testing.assert_allclose(data.spec["observation_stats"]["mean"], rows.mean(0), atol=1e-5)
    np.testing.assert_allclose(data.spec["observation_stats"]["std"], rows.std(0), atol=1e-5)
    everything = np.concatenate([e.observations[:-1] for e in episodes])
    assert not np.allclose(data.spec["observation_stats"]["mean"], everything.mean(0), atol=1e-5)


def test_a_number_that_never_changes_is_divided_by_one(demonstrations):
    windows = windows_of(demonstrations.episodes)
    windows.observations[:, 0] = 3.0
    assert observation_statistics(windows)["std"][0] == 1.0


def test_episodes_are_in_one_split_only_and_the_seed_draws_them(demonstrations):
    fractions = {"val": 0.25, "test": 0.25}
    first = split_episodes(demonstrations, fractions, 0)
    assert sorted(i for part in first.values() for i in part) == list(range(12))
    assert [len(first[name]) for name in ("train", "val", "test")] == [6, 3, 3]
    assert first == split_episodes(demonstrations, fractions, 0)
    assert first != split_episodes(demonstrations, fractions, 1)
    assert set(split_episodes(demonstrations, {"val": 0, "test": 0}, 0)) == {"train"}


def test_splits_that_a_file_names_are_followed(demonstrations):
    masks = {"train": range(8), "val": [8, 9], "few": [0, 1, 8]}
    named = type(demonstrations)(
        episodes=demonstrations.episodes,
        observation_space=demonstrations.observation_space,
        action_space=demonstrations.action_space,
        masks=masks,
    )
    parts = split_episodes(named, {"val": 0.25, "test": 0.25}, 0)
    assert parts["val"] == [8, 9]
    assert len(parts["test"]) == 2
    assert set(parts["train"]) | set(parts["test"]) == set(range(8))
    few = split_episodes(named, {"val": 0.3, "test": 0.0}, 0, mask="few")
    assert sorted(few["train"] + few["val"]) == [0, 1, 8]
    with pytest.raises(ConfigError, match="name no episodes 'fwe'"):
        split_episodes(named, {"val": 0, "test": 0}, 0, mask="fwe")


def test_too_few_episodes_are_told(reach_by_name):
    with pytest.raises(DataError, match="left for training"):
        prepared(episodes=2, agents=2)


@pytest.mark.parametrize("name", ["lerobot", "robomimic"])
def test_files_train_as_the_expert_does(name, demonstrations, tmp_path, reach_by_name):
    path = tmp_path / "demos.hdf5"
    (write_robomimic if name == "robomimic" else write_lerobot_v30)(demonstrations, path)
    data = prepared(source="auto", path="demos.hdf5", root=str(tmp_path))
    assert data.spec["action_space"]["low"] == -2.0  # of the world; LeRobot does not tell
    batch = next(iter(data.train_dataloader()))
    assert batch["observations"].shape[1:] == (4,)
    alone = DemonstrationData(source="auto", path=str(path))
    alone.setup()
    assert len(alone.val_dataloader()) == 1
    assert alone.spec["observation_stats"] == data.spec["observation_stats"]


def test_demonstrations_of_another_world_are_refused(keyed_demonstrations, tmp_path, reach_by_name):
    write_lerobot_v30(keyed_demonstrations, tmp_path / "a")
    with pytest.raises(DataError, match="not of the world 'reach'"):
        prepared(source="lerobot", path=str(tmp_path / "a"))
    assert prepared(source="auto", path=str(tmp_path / "a"), keys=["state"]).spec


@pytest.mark.parametrize(("highest", "fits"), [(1, True), (3, True), (4, False)])
def test_not_every_choice_of_the_world_has_to_occur(highest, fits, reach, tmp_path, reach_by_name):
    demonstrations = roll_out(reach(4, choices=True), 12, first_seed=0)
    for episode in demonstrations.episodes:
        episode.actions[:] = np.arange(len(episode)) % 2
        episode.actions[0] = highest
    write_lerobot_v30(demonstrations, tmp_path / "a")
    asked = {"source": "lerobot", "path": str(tmp_path / "a"), "options": {"choices": True}}
    if fits:
        assert prepared(**asked).spec["action_space"] == {"kind": "discrete", "n": 4}
        return
    with pytest.raises(DataError, match="not of the world 'reach'"):
        prepared(**asked)


def test_a_module_that_learns_from_reward_is_refused(reach_by_name):
    data = prepared()
    spec = data.spec
    model = PPO(spec["observation_space"], spec["action_space"])
    module = ControlAgent(model, spec["observation_space"], spec["action_space"])
    module.configure_optimizers = lambda: torch.optim.Adam(module.parameters())
    trainer = pl.Trainer(max_epochs=1, accelerator="cpu", logger=False, enable_checkpointing=False)
    with pytest.raises(ConfigError, match="ControlAgent does not learn from demons") as error:
        trainer.fit(module, datamodule=data)
    assert error.value.fix == "data=robotics_navigate, or task=robotics_imitate"


def test_evaluation_has_held_out_windows_then_episodes(reach_by_name):
    data = prepared(val_episodes=5, test_episodes=70)
    windows, episodes = data.val_dataloader()
    assert next(iter(windows))["actions"].shape[1:] == (1, 2)
    (batch,) = episodes
    assert list(batch.seeds) == [1000, 1001, 1002, 1003, 1004]
    assert batch.world.num_agents == 5
    assert [len(b.seeds) for b in data.test_dataloader()[1]] == [64, 6]
    bare = prepared(val_fraction=0, val_episodes=0)
    assert bare.val_dataloader() == []
    data.teardown()


def test_evaluating_draws_nothing_from_the_generator_of_training(reach_by_name):
    data = prepared()
    state = torch.get_rng_state()
    for loader in data.val_dataloader():
        list(loader)
    assert torch.equal(state, torch.get_rng_state())


def test_the_same_demo_seed_gives_the_same_data(reach_by_name):
    first, same, other = prepared(), prepared(), prepared(demo_seed=1)
    assert first.fingerprint == same.fingerprint
    assert first.fingerprint != other.fingerprint
    assert first.fingerprint.keys() == {"train", "val", "test"}
    assert len(first.example_inputs()) == 4


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"world": None}, "expert needs a world"),
        ({"source": "minari"}, "do not fit"),
        ({"path": "a"}, "do not fit"),
        ({"episodes": 0}, "data.episodes"),
        ({"batch_size": 1.5}, "data.batch_size"),
        ({"demo_seed": -1}, "data.demo_seed"),
        ({"noise": -0.1}, "data.noise"),
        ({"val_fraction": 1.0}, "data.val_fraction"),
        ({"val_fraction": 0.5, "test_fraction": 0.5}, "sum below 1"),
        ({"test_seed": 1001}, "validation and in test"),
    ],
)
def test_arguments_that_cannot_work_are_refused(arguments, words, reach_by_name):
    with pytest.raises(ConfigError, match=words):
        DemonstrationData(**{"world": "reach"} | arguments)


def test_a_world_to_look_at_is_another_one_and_needs_a_name(
    demonstrations, tmp_path, reach_by_name
):
    data = prepared()
    assert data.video_world(3).num_agents == 3
    assert data.video_world(3) is not data.video_world(3)
    with pytest.raises(ConfigError, match="no world to show"):
        DemonstrationData(source="auto", path="a").video_world(1)
