"""Every shipped experiment runs from its start to its recorded end, shortened by ``debug=fast``."""

import math
import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from labloom.compose.composing import compose_config, hydra_ready
from labloom.compose.experiments import find_experiments
from labloom.compose.explain import dotted_keys
from labloom.compose.jobs import make_job

GENERATOR = np.random.default_rng(0)
FOLDER = Path(__file__).parents[2] / "experiments"
EXPERIMENTS = sorted(file.stem for file in FOLDER.glob("*.yaml"))
# Set in every experiment that has the key: what ``debug=fast`` does not shorten.
SMALL = {
    "data.verify": False,  # small sets, not the official
    "data.batch_size": 8,
    "data.num_agents": 4,
    "data.val_episodes": 2,
    "data.test_episodes": 2,
    "data.episodes": 20,  # of demonstrations
    "data.train_scenes": 32,
    "data.val_scenes": 16,
    "data.test_scenes": 16,
    "model.steps": 4,
    "model.warmup": 20,
    "module.video_episodes": 0,
}
FIGURES = {  # task -> what lies among the artifacts of its runs
    "vision_classify": "figures/test/confusion_matrix.png",
    "robotics_control": "figures/test/returns.png",
    "robotics_safe": "figures/test/returns.png",
    "robotics_imitate": "figures/test/returns.png",
    "robotics_perceive": "figures/test/confusion_matrix.png",
}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A root with small sets in the layouts that the experiments read."""
    root = tmp_path_factory.mktemp("data")
    _write_mnist(root / "MNIST" / "raw")
    _write_cifar(root / "cifar-10-batches-py")
    _write_photos(root / "vision" / "hymenoptera")
    _write_readings(root / "robotics" / "wall-following" / "sensor_readings_24.data")
    return root


def test_the_shipped_experiments_are_found():
    assert [e.name for e in find_experiments() if e.file.parent == FOLDER] == EXPERIMENTS


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_an_experiment_trains_tests_and_is_recorded(lab, data, name):
    with hydra_ready():
        config = make_job(compose_config([f"experiment={name}"]), output_dir="").config
    known = dotted_keys(config)
    small = [f"{key}={value}" for key, value in SMALL.items() if key in known]
    outcome = lab.run(
        f"experiment={name}",
        f"paths.data={data}",
        "debug=fast",
        "tracking.log_model=false",
        *small,
    )
    assert outcome["status"] == "FINISHED"
    monitor = config.task.monitor
    for metric in (monitor, monitor.replace("val/", "test/")):
        assert math.isfinite(outcome["metrics"][metric])
    assert FIGURES[config.task.name] in lab.artifacts(outcome["run_id"])


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


def _write_readings(file):
    """A class is told by the nearest of 24 ranges, in m."""
    file.parent.mkdir(parents=True)
    classes = ("Move-Forward", "Slight-Right-Turn", "Sharp-Right-Turn", "Slight-Left-Turn")
    ranges = GENERATOR.uniform(0.4, 5.0, (120, 24))
    rows = [
        ",".join(f"{value:.3f}" for value in row) + f",{classes[row.argmin() % 4]}"
        for row in ranges
    ]
    file.write_text("\n".join(rows) + "\n")
