"""Every shipped experiment runs from its start to its recorded end, shortened by ``debug=fast``."""

import pickle

import numpy as np
import pytest
from PIL import Image

from labloom.compose.experiments import find_experiments

GENERATOR = np.random.default_rng(0)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A root with small sets in the layouts that the experiments read."""
    root = tmp_path_factory.mktemp("data")
    _write_mnist(root / "MNIST" / "raw")
    _write_cifar(root / "cifar-10-batches-py")
    _write_photos(root / "vision" / "hymenoptera")
    return root


EXPERIMENTS = {
    "vision_digits": ["experiment=vision_digits"],
    "vision_mnist": ["experiment=vision_mnist", "data.verify=false", "data.batch_size=16"],
    "vision_cifar10": ["experiment=vision_cifar10", "data.verify=false", "data.batch_size=16"],
    "vision_transfer": ["experiment=vision_transfer", "data.batch_size=4"],
}


def test_every_shipped_experiment_is_run_here(checkout):
    shipped = [e.name for e in find_experiments() if e.file.parent == checkout / "experiments"]
    assert sorted(EXPERIMENTS) == shipped


@pytest.mark.parametrize("words", EXPERIMENTS.values(), ids=EXPERIMENTS.keys())
def test_an_experiment_trains_tests_and_is_recorded(lab, data, words):
    outcome = lab.run(*words, f"paths.data={data}", "debug=fast", "tracking.log_model=false")
    assert outcome["status"] == "FINISHED"
    assert 0 <= outcome["metrics"]["test/acc"] <= 1
    assert "figures/test/confusion_matrix.png" in lab.artifacts(outcome["run_id"])


def _write_mnist(folder):
    folder.mkdir(parents=True)
    for name, count in (("train", 100), ("t10k", 20)):
        labels = np.arange(count, dtype=np.uint8) % 10
        images = GENERATOR.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        header = np.array([2051, count, 28, 28], dtype=">i4").tobytes()
        (folder / f"{name}-images-idx3-ubyte").write_bytes(header + images.tobytes())
        header = np.array([2049, count], dtype=">i4").tobytes()
        (folder / f"{name}-labels-idx1-ubyte").write_bytes(header + labels.tobytes())


def _write_cifar(folder):
    folder.mkdir(parents=True)
    for name in [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]:
        images = GENERATOR.integers(0, 256, (20, 3072), dtype=np.uint8)
        batch = {"data": images, "labels": [i % 10 for i in range(20)]}
        (folder / name).write_bytes(pickle.dumps(batch))
    classes = [f"class {i}" for i in range(10)]
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": classes}))


def _write_photos(root):
    for split, count in (("train", 12), ("val", 4)):
        for label in ("ants", "bees"):
            folder = root / split / label
            folder.mkdir(parents=True)
            for i in range(count):
                pixels = GENERATOR.integers(0, 256, (120, 100, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / f"{i}.jpg")
