"""The module of robotics_perceive: learning, metrics, losses, answers and messages."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from sklearn.metrics import accuracy_score, confusion_matrix, jaccard_score
from torch.utils.data import DataLoader

from labloom.errors import ConfigError, DataError
from labloom_robotics.data.readings import ReadingsData
from labloom_robotics.data.scans import ScanData
from labloom_robotics.nets.encoders import Encoder, EncoderOptions
from labloom_robotics.nets.readings_net import ReadingsNet
from labloom_robotics.nets.scan_net import ScanNet
from labloom_robotics.perceive import Perceiver, occupancy_loss

SPEC = {"shape": [3], "num_classes": 2, "classes": ["go", "stop"], "mean": [0.0], "std": [1.0]}


class Training(Perceiver):
    """The module with an optimizer, which labloom's core supplies otherwise."""

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=3e-3)


@pytest.fixture(autouse=True)
def one_thread_and_a_seed():
    torch.set_num_threads(1)
    torch.manual_seed(0)


@pytest.fixture(scope="module")
def scans() -> ScanData:
    data = ScanData(
        train_scenes=64,
        val_scenes=48,
        test_scenes=48,
        rays=32,
        grid=16,
        cell_size=0.5,
        batch_size=32,
    )
    data.setup()
    return data


@pytest.fixture
def readings(tmp_path) -> ReadingsData:
    random = np.random.default_rng(0)
    values = random.uniform(0, 3, (120, 3))
    lines = [f"{a},{b},{c},{'stop' if a < 1 else 'go'}" for a, b, c in values]
    (tmp_path / "readings.csv").write_text("\n".join(lines))
    data = ReadingsData(path=str(tmp_path / "readings.csv"))
    data.setup()
    return data


def built(data, kind=None, **options) -> Training:
    spec = data.spec
    names = ("shape", "target_shape", "num_classes", "grid")
    kind = kind or (ScanNet if spec["grid"] else ReadingsNet)
    geometry = ("cell_size", "max_range") if kind is ScanNet else ()
    model = kind(**{name: spec[name] for name in (*names, *geometry)})
    rest = {name: value for name, value in spec.items() if name != "target_shape"}
    return Training(model, **rest, **options)


def trainer(folder, **options) -> pl.Trainer:
    return pl.Trainer(
        accelerator="cpu",
        devices=1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=folder,
        **options,
    )


def test_learns_classes_and_grid_of_scans(scans, tmp_path):
    module = built(scans)
    run = trainer(tmp_path, max_epochs=100, limit_val_batches=0)
    run.fit(module, scans.train_dataloader())
    learned = DataLoader(scans._splits["train"], 64, collate_fn=lambda batch: batch)
    metrics = run.test(module, learned, verbose=False)[0]
    assert metrics["test/acc"] > 0.9
    assert metrics["test/grid_iou"] > 0.6


def test_learns_the_threshold_of_a_sensor(readings, tmp_path):
    module = built(readings)
    run = trainer(tmp_path, max_epochs=40)
    run.fit(module, readings)
    assert run.callback_metrics["val/acc"] > 0.85
    assert run.test(module, readings, verbose=False)[0]["test/iou"] > 0.7


@pytest.mark.parametrize("split", ["val", "test"])
def test_metrics_agree_with_scikit_learn(split, scans, tmp_path):
    module = built(scans)
    run = trainer(tmp_path)
    loader = getattr(scans, f"{split}_dataloader")()
    (run.validate if split == "val" else run.test)(module, loader, verbose=False)
    inputs, targets = scans._splits[split][:]
    with torch.no_grad():
        outputs = module.eval()(inputs)
    said = outputs["classes"].argmax(dim=1).flatten()
    truth = targets["classes"].flatten()
    logged = run.callback_metrics
    assert logged[f"{split}/acc"] == pytest.approx(accuracy_score(truth, said))
    occurring = sorted({*truth.tolist(), *said.tolist()})
    expected = jaccard_score(truth, said, average="macro", labels=occurring)
    assert logged[f"{split}/iou"] == pytest.approx(expected, abs=1e-5)
    asked = (targets["grid"] >= 0).flatten()
    cells = (targets["grid"].flatten()[asked], outputs["grid"].flatten()[asked] > 0)
    assert logged[f"{split}/grid_iou"] == pytest.approx(jaccard_score(*cells), abs=1e-5)
    counts = confusion_matrix(truth, said, labels=range(5))
    assert module.confusion[split].tolist() == counts.tolist()


def test_the_loss_of_cells_leaves_out_what_is_not_asked():
    logits = torch.tensor([[[0.0, 2.0], [50.0, -1.0]]])
    grid = torch.tensor([[[1, 0], [-1, 0]]], dtype=torch.int8)
    by_hand = (math.log(2) + math.log1p(math.e**2) + math.log1p(math.e**-1)) / 3
    assert occupancy_loss(logits, grid).item() == pytest.approx(by_hand, rel=1e-5)


def test_the_loss_of_a_grid_of_which_nothing_is_asked_is_zero():
    grid = torch.full((1, 2, 2), -1, dtype=torch.int8)
    assert occupancy_loss(torch.randn(1, 2, 2), grid) == 0


def test_the_training_loss_is_the_weighted_sum_and_evaluation_has_no_class_weights(scans):
    batch = next(iter(scans.val_dataloader()))
    plain, heavy = built(scans), built(scans, grid_weight=3.0, class_weights=[1, 0, 0, 0, 0])
    heavy.load_state_dict(plain.state_dict())
    outputs = plain.eval()(batch[0])
    ours = plain._losses(outputs, batch[1], None)
    theirs = heavy._losses(outputs, batch[1], heavy.class_weights)
    assert torch.allclose(theirs["grid_loss"], 3 * ours["grid_loss"])
    free = batch[1]["classes"] == 0
    alone = -outputs["classes"].log_softmax(dim=1)[:, 0][free].mean()
    assert torch.allclose(theirs["class_loss"], alone)


def test_inputs_are_normalised_by_their_sensors():
    spec = {**SPEC, "mean": [1.0, 2.0, 3.0], "std": [1.0, 2.0, 4.0]}
    module = Perceiver(ReadingsNet([3], [], 2, dropout=0.0), **spec)
    raw = torch.tensor([[2.0, 2.0, 7.0]])
    expected = module.model(torch.tensor([[1.0, 0.0, 1.0]]))["classes"]
    assert torch.allclose(module(raw)["classes"], expected)


def test_an_answer_to_readings_is_a_label_with_its_probability():
    module = Perceiver(ReadingsNet([3], [], 2), **SPEC)
    answer = module.postprocess({"classes": torch.tensor([[0.0, math.log(3)]])})[0]
    assert answer["label"] == "stop"
    assert answer["probability"] == pytest.approx(0.75)
    assert answer["probabilities"] == pytest.approx({"go": 0.25, "stop": 0.75})


@pytest.mark.parametrize("elevations", [[0.0], [0.0, 4.0]])
def test_an_answer_to_a_scan_names_its_rays_and_cells(elevations):
    data = ScanData(
        train_scenes=8, val_scenes=8, test_scenes=8, rays=16, grid=8, elevations=elevations
    )
    data.setup()
    module = built(data).eval()
    inputs = module.preprocess(data.example_inputs())
    answers = json.loads(json.dumps(module.postprocess(module(inputs))))
    assert len(answers) == 4
    assert np.shape(answers[0]["labels"]) == tuple(data.spec["shape"])
    assert {*np.ravel(answers[0]["labels"])} <= {*data.spec["classes"]}
    assert np.shape(answers[0]["occupied"]) == (8, 8)
    assert np.min(answers[0]["occupied"]) >= 0
    assert np.max(answers[0]["occupied"]) <= 1


def test_inputs_come_as_arrays_lists_and_files(tmp_path):
    module = Perceiver(ReadingsNet([3], [], 2), **SPEC)
    np.save(tmp_path / "a.npy", np.array([1.0, 2.0, 3.0]))
    (tmp_path / "b.csv").write_text("1, 2, 3\n")
    (tmp_path / "c.txt").write_text("1\n2\n3\n")
    files = [str(tmp_path / name) for name in ("a.npy", "b.csv", "c.txt")]
    batch = module.preprocess([*files, [1, 2, 3], torch.tensor([1.0, 2.0, 3.0])])
    assert batch.dtype == torch.float32
    assert batch.tolist() == [[1, 2, 3]] * 5


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("gone.npy", "there is no file gone.npy"),
        ([1.0, 2.0], "an input has another shape"),
        ([1.0, math.nan, 2.0], "an input has entries that are no numbers"),
        (["a", "b", "c"], "an input is no array of numbers"),
        ([[1.0], [1.0, 2.0]], "an input is no array of numbers"),
    ],
)
def test_an_input_that_cannot_be_read_is_refused(value, message):
    with pytest.raises(DataError, match=message):
        Perceiver(ReadingsNet([3], [], 2), **SPEC).preprocess([value])


def test_a_file_that_is_no_input_is_named(tmp_path):
    file = tmp_path / "broken.npy"
    file.write_bytes(b"nothing")
    with pytest.raises(DataError, match=r"broken\.npy cannot be read as one input"):
        Perceiver(ReadingsNet([3], [], 2), **SPEC).preprocess([file])
    (tmp_path / "empty.npy").write_bytes(b"")
    with pytest.raises(DataError, match=r"empty\.npy cannot be read as one input"):
        Perceiver(ReadingsNet([3], [], 2), **SPEC).preprocess([tmp_path / "empty.npy"])
    (tmp_path / "words.csv").write_text("a,b,c")
    with pytest.raises(DataError, match=r"words\.csv is no array of numbers"):
        Perceiver(ReadingsNet([3], [], 2), **SPEC).preprocess([tmp_path / "words.csv"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"classes": ["go"]}, r"module\.classes does not fit"),
        ({"num_classes": 1, "classes": ["go"]}, r"module\.classes does not fit"),
        ({"mean": [0.0, 0.0]}, r"module\.mean and module\.std do not fit"),
        ({"std": [0.0]}, r"module\.mean and module\.std do not fit"),
        ({"grid_weight": 0.0}, r"module\.grid_weight cannot be used"),
        ({"class_weights": [1.0]}, r"module\.class_weights cannot be used"),
        ({"class_weights": [0.0, 0.0]}, r"module\.class_weights cannot be used"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        Perceiver(ReadingsNet([3], [], 2), **{**SPEC, **options})


def test_a_policy_starts_from_the_encoder_of_a_perception_checkpoint(scans, tmp_path):
    module = built(scans)
    run = trainer(tmp_path, max_epochs=1, limit_val_batches=0)
    run.fit(module, scans)
    run.save_checkpoint(tmp_path / "last.ckpt")
    space = {"kind": "box", "shape": [64], "low": 0.0, "high": 1.0, "dtype": "float32"}
    options = EncoderOptions(
        scan_encoder="conv", encoder_from=str(tmp_path / "last.ckpt"), encoder_frozen=True
    )
    policy = Encoder(space, options)
    policy.load_pretrained()
    observed = torch.rand(2, 64)
    assert torch.equal(policy(observed), module.model.encoder(observed))
    assert not any(parameter.requires_grad for parameter in policy.scan.parameters())
