"""Networks of imitation, the controller of chunks, and a whole training on a small world."""

from __future__ import annotations

import inspect
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from omegaconf import OmegaConf

from labloom.callbacks.run_state import RunState
from labloom.errors import ConfigError, DataError
from labloom_robotics.data.demonstrations import DemonstrationData
from labloom_robotics.evaluation.chunks import ChunkController
from labloom_robotics.evaluation.episodes import EpisodeBatch, play
from labloom_robotics.imitate import Imitator
from labloom_robotics.nets.bc import BehaviourCloning
from labloom_robotics.nets.chunk import ActionChunking
from labloom_robotics.nets.encoders import near_in_full
from labloom_robotics.nets.imitation import ActionNormaliser
from labloom_robotics.nets.ppo import PPO
from labloom_robotics.observations import read_observations

CONF = Path(str(files("labloom_robotics.conf")))
BOX = {"kind": "box", "shape": [4], "low": -1.0, "high": 1.0, "dtype": "float32"}
CAMERA = {"kind": "box", "shape": [32, 32, 3], "low": 0.0, "high": 255.0, "dtype": "uint8"}
KEYED = {"kind": "dict", "spaces": {"state": BOX, "camera": CAMERA}}
ARM = {"kind": "box", "shape": [2], "low": -2.0, "high": 2.0, "dtype": "float32"}
CHOICES = {"kind": "discrete", "n": 4}
STATS = {"mean": [1.0, 0.0, 0.0, 0.0], "std": [2.0, 1.0, 1.0, 1.0]}
ACTION_STATS = {"mean": [0.5, 0.0], "std": [2.0, 1.0]}
NETS = {
    "robotics_bc": (BehaviourCloning, {"hidden": [64, 64]}),
    "robotics_chunk": (ActionChunking, {"chunk": 3, "dim": 16, "depth": 1, "heads": 2}),
}


def net(name="robotics_bc", observed=BOX, actions=ARM, stats=STATS, **changes):
    kind, small = NETS[name]
    return kind(observed, actions, stats, **small | changes)


def imitator(name="robotics_bc", observed=BOX, actions=ARM, model=None, **changes):
    stats = {} if actions is CHOICES else ACTION_STATS
    given = {"state": STATS} if observed is KEYED else STATS
    model = model or net(name, observed, actions, given)
    return Imitator(model, observed, actions, stats, **changes)


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("observed", [BOX, KEYED], ids=["box", "keyed"])
@pytest.mark.parametrize(("actions", "width"), [(ARM, 2), (CHOICES, 4)], ids=["arm", "choices"])
def test_a_network_tells_as_many_actions_as_its_chunk(name, observed, actions, width):
    model = net(name, observed, actions, {"state": STATS} if observed is KEYED else STATS)
    rows = torch.rand(5, 4)
    if observed is KEYED:
        rows = {"state": rows, "camera": torch.randint(0, 255, (5, 32, 32, 3), dtype=torch.uint8)}
    outputs = model(rows)
    assert outputs.shape == (5, model.chunk, width)
    outputs.abs().sum().backward()
    assert all(p.grad is not None for p in model.parameters())


def test_observations_are_normalised_by_the_statistics_which_are_buffers():
    model = net()
    assert torch.equal(
        model.encoder(torch.tensor([[3.0, 0, 0, 99]])), torch.tensor([[1.0, 0, 0, 10]])
    )
    assert "encoder.normaliser.mean" in model.state_dict()


def test_a_scan_on_a_log_scale_is_not_normalised_by_statistics_of_distances():
    rays = {"kind": "box", "shape": [3], "low": 0.0, "high": 1.0, "dtype": "float32"}
    stats = {"mean": [0.9] * 3, "std": [0.1] * 3}
    model = NETS["robotics_bc"][0](rays, ARM, stats, hidden=(8,), scan_encoder="log")
    features = model.encoder(torch.tensor([[0.0, 0.5, 1.0]]))
    torch.testing.assert_close(features, near_in_full(torch.tensor([[0.0, 0.5, 1.0]])))
    assert features.abs().max() <= 1.0 + 1e-6


def test_actions_come_back_in_their_units():
    scale = ActionNormaliser(ARM, ACTION_STATS)
    actions = torch.randn(3, 2, 2)
    torch.testing.assert_close(scale.to_units(scale.to_numbers(actions)), actions)
    assert scale.to_numbers(torch.tensor([[[2.5, 1.0]]])).tolist() == [[[1.0, 1.0]]]


@pytest.mark.parametrize("file", sorted(NETS))
def test_a_model_file_shows_every_argument_with_its_default(file):
    config = OmegaConf.to_container(OmegaConf.load(CONF / "model" / f"{file}.yaml"))
    del config["_target_"]
    parameters = inspect.signature(NETS[file][0]).parameters
    assert set(parameters) == {"observation_space", "action_space", "observation_stats"} | set(
        config
    )
    defaults = {name: parameters[name].default for name in config}
    assert config == {n: list(d) if isinstance(d, tuple) else d for n, d in defaults.items()}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"chunk": 0}, "model.chunk"),
        ({"heads": 3}, "does not divide"),
        ({"dropout": 1.0}, "model.dropout"),
        ({"scan_encoder": "conv"}, "finds no scan|too coarse"),
    ],
)
def test_arguments_of_a_model_that_cannot_work_are_refused(changes, words):
    with pytest.raises(ConfigError, match=words):
        net("robotics_chunk", **changes)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"execute": 4}, "1 to 3"),
        ({"execute": 0}, "module.execute"),
        ({"ensemble": -1.0}, "module.ensemble"),
        ({"noise": -1.0}, "module.noise"),
        ({"loss": "l3"}, "module.loss"),
        ({"noise": 0.1, "actions": {**ARM, "low": "-inf", "high": "inf"}}, "without bounds"),
    ],
)
def test_arguments_of_the_module_that_cannot_work_are_refused(changes, words):
    with pytest.raises(ConfigError, match=words):
        imitator("robotics_chunk", **changes)


class Counting:
    """Plans chunks of three whose numbers tell the step they were made at, and their own place."""

    def __init__(self):
        self.made = -1

    def __call__(self, observations):
        self.made += 1
        return np.array([[[100 * self.made + i, 0] for i in range(3)]], dtype=float)


def played(steps, space=ARM, **options):
    controller = ChunkController(Counting(), space, **options)
    return [controller(np.zeros((1, 4)), None)[0, 0] for _ in range(steps)]


def test_an_open_loop_carries_out_whole_chunks():
    assert played(7, execute=3) == [0, 1, 2, 100, 101, 102, 200]


def test_the_newest_chunk_decides_without_an_ensemble():
    assert played(4) == [0, 100, 200, 300]
    assert played(5, execute=2) == [0, 1, 100, 101, 200]


def test_temporal_ensembling_weighs_older_chunks_more():
    weights = np.exp(-0.5 * np.arange(3))
    expected = [
        0,
        np.average([1, 100], weights=weights[:2]),
        np.average([2, 101, 200], weights=weights),
    ]
    expected += [np.average([102, 201, 300], weights=weights)]
    np.testing.assert_allclose(played(4, ensemble=0.5), expected, rtol=1e-6)
    np.testing.assert_allclose(played(3, ensemble=0.0)[2], 101)


def test_of_averaged_choices_the_most_probable_is_taken():
    chances = iter([[[0.4, 0.6], [1.0, 0.0]], [[0.3, 0.7], [0.5, 0.5]]])
    controller = ChunkController(
        lambda _: np.array([next(chances)]), {"kind": "discrete", "n": 2}, ensemble=0.0
    )
    assert [controller(None, None).tolist() for _ in range(2)] == [[1], [0]]


def test_noise_disturbs_as_much_as_it_says():
    still = ChunkController(lambda _: np.zeros((2000, 1, 2)), ARM, noise=0.25)
    assert abs(still(None, None).std() - 0.5) < 0.02
    choice = ChunkController(lambda _: np.eye(4)[np.zeros((4000, 1), int)], CHOICES, noise=0.4)
    assert abs((choice(None, None) != 0).mean() - 0.3) < 0.03
    assert choice.counts() == {}


def test_padding_counts_nowhere():
    module = imitator("robotics_chunk", loss="l2")
    batch = {
        "observations": torch.rand(2, 4),
        "actions": torch.rand(2, 3, 2),
        "is_pad": torch.tensor([[False, True, True], [False, False, True]]),
    }
    outputs = module.model(batch["observations"])
    losses = module._losses(outputs, batch)
    assert (losses == 0).tolist() == batch["is_pad"].tolist()
    wanted = (batch["actions"] - torch.tensor([0.5, 0.0])) / torch.tensor([2.0, 1.0])
    torch.testing.assert_close(losses[0, 0], (outputs[0, 0] - wanted[0, 0]).square().mean())


@pytest.mark.parametrize("actions", [ARM, CHOICES], ids=["arm", "choices"])
def test_raw_observations_are_answered(actions, tmp_path):
    module = imitator(actions=actions).eval()
    np.save(tmp_path / "a.npy", np.zeros(4))
    batch = module.preprocess([str(tmp_path / "a.npy"), [0, 0, 0, 0]])
    first, second = module.postprocess(module(batch))
    assert first == second
    assert first["action"] == first["chunk"][0]
    assert isinstance(first["action"], int if actions is CHOICES else list)


def test_an_input_that_is_no_observation_is_refused():
    with pytest.raises(DataError, match="shape"):
        imitator().preprocess([[1, 2]])


@pytest.mark.parametrize(
    ("space", "value", "words"),
    [
        ({**BOX, "dtype": "uint8"}, "[300, 0, 0, 0]", "numbers of shape"),
        ({"kind": "discrete", "n": 4}, 4, "from 0 to 3"),
        ({"kind": "discrete", "n": 4}, -1, "from 0 to 3"),
    ],
)
def test_a_number_beyond_its_space_is_refused(space, value, words):
    with pytest.raises(DataError, match=words):
        read_observations([value], space)


@pytest.mark.parametrize("name", ["cut.npz", "empty.npy"])
def test_a_damaged_file_is_no_observation(name, tmp_path):
    (tmp_path / name).write_bytes(b"PK\x03\x04" if name.endswith("npz") else b"")
    with pytest.raises(DataError, match=f"{name} is no observation"):
        read_observations([str(tmp_path / name)], BOX)


def test_a_model_that_learns_from_reward_is_refused():
    with pytest.raises(ConfigError, match="learns from reward") as caught:
        imitator(model=PPO(BOX, ARM))
    assert "model=robotics_bc" in caught.value.fix


def test_keyed_observations_are_mappings_or_npz(tmp_path):
    module = imitator(observed=KEYED).eval()
    one = {"state": np.zeros(4), "camera": np.zeros((32, 32, 3), np.uint8)}
    np.savez(tmp_path / "a.npz", **one)
    assert module(module.preprocess([one, str(tmp_path / "a.npz")])).shape == (2, 1, 2)
    with pytest.raises(DataError, match="lacks names"):
        module.preprocess([{"state": np.zeros(4)}])


def trained(name, epochs, resume=None, **changes):
    pl.seed_everything(1, verbose=False)
    data = DemonstrationData(
        **{
            "world": "reach",
            "episodes": 60,
            "noise": 0.2,
            "batch_size": 64,
            "val_episodes": 20,
            "test_episodes": 50,
        }
        | changes
    )
    data.setup("fit")
    spec = data.spec
    model = net(name, spec["observation_space"], spec["action_space"], spec["observation_stats"])
    module = Imitator(model, spec["observation_space"], spec["action_space"], spec["action_stats"])
    module.configure_optimizers = lambda: torch.optim.Adam(module.parameters(), 3e-3)
    trainer = pl.Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        callbacks=[RunState({})],
    )
    trainer.fit(module, data, ckpt_path=resume)
    return trainer, module, data


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("choices", [False, True], ids=["arm", "choices"])
def test_an_imitator_learns_to_reach(name, choices, reach_by_name):
    trainer, module, data = trained(name, 25, options={"choices": choices})
    logged = trainer.callback_metrics
    assert logged["val/success"] >= 0.9
    assert {"train/loss", "val/loss", "val/return", "val/length", "val/cost_effort"} <= set(logged)
    assert ("val/agreement" if choices else "val/error") in logged
    tested = trainer.test(module, data, verbose=False)
    assert {"test/loss", "test/success", "test/success_low"} <= set().union(*tested)


@pytest.mark.parametrize("name", NETS)
def test_a_resumed_training_equals_an_uninterrupted_one_bit_for_bit(name, reach_by_name, tmp_path):
    _, whole, _ = trained(name, 4)
    trainer, _, _ = trained(name, 2)
    trainer.save_checkpoint(tmp_path / "a.ckpt")
    _, resumed, _ = trained(name, 4, resume=tmp_path / "a.ckpt")
    for a, b in zip(whole.state_dict().values(), resumed.state_dict().values(), strict=True):
        assert torch.equal(a, b)


def test_evaluation_repeats_itself(reach_by_name):
    _, module, data = trained("robotics_chunk", 2)
    batch = EpisodeBatch(data._world(20), range(20))
    first, second = (play(batch, module.controller(20)).returns for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_validating_changes_no_training(reach_by_name):
    _, with_it, _ = trained("robotics_chunk", 2)
    _, without, _ = trained("robotics_chunk", 2, val_fraction=0.1, val_episodes=0)
    for a, b in zip(with_it.parameters(), without.parameters(), strict=True):
        assert torch.equal(a, b)


def test_held_out_loss_is_all_there_is_without_a_world(demonstrations, tmp_path):
    from labloom_robotics.demos.minari_writing import write_minari

    write_minari(demonstrations, tmp_path / "a-v0")
    trainer, _, _ = trained(
        "robotics_bc", 1, source="auto", path=str(tmp_path / "a-v0"), world=None
    )
    assert "val/loss" in trainer.callback_metrics
    assert "val/return" not in trainer.callback_metrics
