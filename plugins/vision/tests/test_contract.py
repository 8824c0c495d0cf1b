"""The conformance suite, on every data set in its own layout: digits, as files of each kind."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from labloom.testing import TaskContract


class TestVision(TaskContract):
    plugin = "vision"
    root: Path

    def overrides_for(self, option: str) -> Sequence[str]:
        files = (f"paths.data={self.root}", "data.verify=false")  # small sets, not the official
        return {
            "vision_mnist": files,
            "vision_fashion_mnist": files,
            "vision_cifar10": files,
            "vision_folder": (f"data.folder={self.root}/photos", "data.image_size=32"),
        }.get(option, ())


@pytest.fixture(scope="module", autouse=True)
def small_sets(tmp_path_factory):
    TestVision.root = tmp_path_factory.mktemp("data")
    write_files(TestVision.root)


def write_files(root: Path) -> None:
    """200 digits as MNIST, Fashion-MNIST, CIFAR-10, and a folder for each class."""
    digits = load_digits()
    grey = np.kron(digits.images[:200] * 15, np.ones((4, 4))).astype(np.uint8)  # [n, 32, 32]
    labels = digits.target[:200].astype(np.uint8)
    for name in ("MNIST", "FashionMNIST"):
        folder = root / name / "raw"
        folder.mkdir(parents=True)
        for part in ("train", "t10k"):
            write_idx(folder / f"{part}-images-idx3-ubyte", grey[:, 2:-2, 2:-2])
            write_idx(folder / f"{part}-labels-idx1-ubyte", labels)
    write_cifar(root / "cifar-10-batches-py", grey, labels)
    for i, (image, label) in enumerate(zip(grey, labels, strict=True)):
        folder = root / "photos" / str(label)
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / f"{i}.png")


def write_idx(file: Path, array: np.ndarray) -> None:
    """An array in MNIST's format: magic number, sizes, bytes."""
    sizes = np.array(array.shape, ">u4").tobytes()
    file.write_bytes(bytes([0, 0, 8, array.ndim]) + sizes + array.tobytes())


def write_cifar(folder: Path, grey: np.ndarray, labels: np.ndarray) -> None:
    """Grey images as CIFAR-10's pickled rows of red, green and blue."""
    folder.mkdir()
    rows = np.repeat(grey.reshape(len(grey), 1, -1), 3, axis=1).reshape(len(grey), -1)
    content = {"data": rows, "labels": labels.tolist()}
    for name in [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]:
        (folder / name).write_bytes(pickle.dumps(content))
    names = {"label_names": [str(i) for i in range(10)]}
    (folder / "batches.meta").write_bytes(pickle.dumps(names))
