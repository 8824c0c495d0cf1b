"""MNIST, Fashion-MNIST and CIFAR-10: files in torchvision's layout, plain, packed, absent, broken.

The small sets that these tests write have the real layout and go through torchvision's own readers;
``verify=False`` only leaves out that the files must be the official ones.
"""

import functools
import gzip
import hashlib
import http.server
import os
import pickle
import shutil
import tarfile
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from torchvision import datasets

from labloom.errors import ConfigError, DataError
from labloom_vision.data import CIFAR10Data, FashionMNISTData, MNISTData

SHARED = Path(__file__).resolve().parents[4] / "shared" / "data"
DATA = Path(os.environ.get("LABLOOM_DATA", SHARED))
needs_mnist = pytest.mark.skipif(
    not (DATA / "MNIST" / "raw").is_dir(), reason="no MNIST/raw in LABLOOM_DATA"
)


def idx(array):
    """An array as an IDX file: magic number, sizes, bytes."""
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    return bytes([0, 0, 8, array.ndim]) + sizes + array.astype(np.uint8).tobytes()


def write_mnist(root, name="MNIST", packed=False, train=40, test=10):
    """A set in MNIST's layout with random pixels, the classes in turn."""
    home = root / name / "raw"
    home.mkdir(parents=True)
    draw = np.random.default_rng(0)
    for part, count in (("train", train), ("t10k", test)):
        files = {
            f"{part}-images-idx3-ubyte": draw.integers(0, 256, (count, 28, 28)),
            f"{part}-labels-idx1-ubyte": np.arange(count) % 10,
        }
        for file, array in files.items():
            if packed:
                (home / f"{file}.gz").write_bytes(gzip.compress(idx(array)))
            else:
                (home / file).write_bytes(idx(array))
    return home


def write_cifar(root, per_file=20):
    """A set in CIFAR-10's layout; the first byte of an image is its class."""
    home = root / "cifar-10-batches-py"
    home.mkdir(parents=True)
    draw = np.random.default_rng(0)
    for name in [f"data_batch_{i}" for i in range(1, 6)] + ["test_batch"]:
        labels = [i % 10 for i in range(per_file)]
        data = draw.integers(0, 256, (per_file, 3072)).astype(np.uint8)
        data[:, 0] = labels
        (home / name).write_bytes(pickle.dumps({"data": data, "labels": labels}))
    names = {"label_names": list(CIFAR10Data.classes)}
    (home / "batches.meta").write_bytes(pickle.dumps(names))
    return home


def ready(kind, root, **arguments):
    data = kind(root=str(root), **{"verify": False, "download": False, **arguments})
    data.setup("fit")
    return data


def everything(loader):
    images, labels = zip(*loader, strict=True)
    return torch.cat(images), torch.cat(labels)


def refusal(kind, root, **arguments):
    with pytest.raises(DataError) as caught:
        ready(kind, root, **arguments)
    return str(caught.value)


@needs_mnist
def test_the_real_mnist_is_read_in_place():
    data = ready(MNISTData, DATA, verify=True)
    assert data.spec["mean"] == pytest.approx([0.1307], abs=1e-3)
    assert data.spec["std"] == pytest.approx([0.3081], abs=1e-3)
    assert sum(data.spec["class_counts"]) == 54_000
    images, labels = next(iter(data.train_dataloader()))
    assert images.shape == (128, 1, 28, 28)
    assert labels.shape == (128,)


@needs_mnist
def test_the_test_split_of_mnist_is_the_official_one():
    data = ready(MNISTData, DATA, verify=True, limit=100)
    images, labels = everything(data.test_dataloader())
    official = datasets.MNIST(DATA, train=False)
    assert torch.equal(labels, official.targets)
    assert torch.equal((images[:, 0] * 255).round().to(torch.uint8), official.data)


@needs_mnist
def test_validation_is_cut_from_the_training_part_in_proportion():
    data = ready(MNISTData, DATA, verify=True)
    _, labels = everything(data.val_dataloader())
    train = torch.tensor(data.spec["class_counts"])
    assert len(labels) == 6_000
    assert ((torch.bincount(labels) * 9 - train).abs() <= 10).all()


@needs_mnist
def test_a_limit_gives_a_quick_study():
    data = ready(MNISTData, DATA, verify=True, limit=500)
    assert sum(data.spec["class_counts"]) == 500
    assert len(everything(data.test_dataloader())[1]) == 10_000


def test_plain_and_packed_files_give_the_same_images(tmp_path):
    write_mnist(tmp_path / "plain")
    write_mnist(tmp_path / "packed", packed=True)
    plain, packed = ready(MNISTData, tmp_path / "plain"), ready(MNISTData, tmp_path / "packed")
    assert plain.fingerprint == packed.fingerprint
    assert (
        sorted(path.suffix for path in (tmp_path / "packed" / "MNIST" / "raw").iterdir())
        == [".gz"] * 4
    )


def test_plain_and_packed_files_may_be_mixed(tmp_path):
    home = write_mnist(tmp_path)
    labels = home / "train-labels-idx1-ubyte"
    (home / f"{labels.name}.gz").write_bytes(gzip.compress(labels.read_bytes()))
    before = ready(MNISTData, tmp_path).fingerprint
    labels.unlink()
    assert ready(MNISTData, tmp_path).fingerprint == before


def test_fashion_mnist_has_its_own_folder_and_classes(tmp_path):
    write_mnist(tmp_path, "FashionMNIST")
    data = ready(FashionMNISTData, tmp_path)
    assert data.spec["classes"][-1] == "Ankle boot"
    assert data.spec["num_classes"] == 10


def test_cifar10_is_read_in_colour_with_its_labels(tmp_path):
    write_cifar(tmp_path)
    data = ready(CIFAR10Data, tmp_path, batch_size=16)
    assert (data.spec["channels"], data.spec["image_size"]) == (3, 32)
    assert data.spec["classes"][0] == "airplane"
    assert sum(data.spec["class_counts"]) == 90
    for loader in (data.train_dataloader(), data.val_dataloader(), data.test_dataloader()):
        images, labels = everything(loader)
        assert torch.equal((images[:, 0, 0, 0] * 255).round().long(), labels)


def test_splits_are_the_same_for_the_same_seed_only(tmp_path):
    write_cifar(tmp_path)
    first, again, other = (
        ready(CIFAR10Data, tmp_path, split_seed=seed).fingerprint for seed in (0, 0, 1)
    )
    assert first == again
    assert first["train"] != other["train"]
    assert first["test"] == other["test"]


def test_an_incomplete_mnist_is_refused(tmp_path):
    write_mnist(tmp_path)
    message = refusal(MNISTData, tmp_path, verify=True)
    assert f"MNIST in {tmp_path / 'MNIST' / 'raw'} is not complete" in message
    assert "the official files, 60,000 + 10,000 images" in message
    assert "got:      40 + 10 images" in message
    assert "data.verify=false" in message


def test_a_cifar10_that_is_not_the_official_one_is_refused(tmp_path):
    write_cifar(tmp_path)
    message = refusal(CIFAR10Data, tmp_path, verify=True)
    assert "CIFAR-10 in" in message
    assert "is not complete" in message
    assert "50,000 + 10,000 images" in message


@pytest.mark.parametrize("content", [b"", b"\0\0\x08\x03\0\0\0\x28", b"<html>not found</html>"])
def test_a_broken_mnist_file_is_refused(tmp_path, content):
    home = write_mnist(tmp_path)
    (home / "train-images-idx3-ubyte").write_bytes(content)
    assert f"MNIST in {home} is not complete" in refusal(MNISTData, tmp_path)


def test_a_broken_packed_file_is_refused(tmp_path):
    home = write_mnist(tmp_path, packed=True)
    packed = home / "train-images-idx3-ubyte.gz"
    packed.write_bytes(packed.read_bytes()[:200])
    assert f"MNIST in {home} is not complete" in refusal(MNISTData, tmp_path)


def test_images_and_labels_of_different_number_are_refused(tmp_path):
    home = write_mnist(tmp_path)
    (home / "train-labels-idx1-ubyte").write_bytes(idx(np.arange(30) % 10))
    assert "40 images and 30 labels" in refusal(MNISTData, tmp_path)


def test_labels_of_classes_that_do_not_exist_are_refused(tmp_path):
    home = write_mnist(tmp_path)
    (home / "train-labels-idx1-ubyte").write_bytes(idx(np.arange(40)))
    assert "labels are not all from 0 to 9" in refusal(MNISTData, tmp_path)


def test_images_that_are_not_square_are_refused(tmp_path):
    home = write_mnist(tmp_path)
    (home / "train-images-idx3-ubyte").write_bytes(idx(np.zeros((40, 28, 20))))
    assert "images are 20 x 28, not square" in refusal(MNISTData, tmp_path)


@pytest.mark.parametrize("content", [b"", b"no pickle", pickle.dumps(["no", "dict"])])
def test_a_broken_cifar10_file_is_refused(tmp_path, content):
    home = write_cifar(tmp_path)
    (home / "data_batch_3").write_bytes(content)
    assert f"CIFAR-10 in {home} is not complete" in refusal(CIFAR10Data, tmp_path)


def test_missing_files_are_named_when_download_is_off(tmp_path):
    home = write_mnist(tmp_path)
    (home / "t10k-labels-idx1-ubyte").unlink()
    message = refusal(MNISTData, tmp_path)
    assert f"MNIST is not in {home}: download is off" in message
    assert "got:      t10k-labels-idx1-ubyte missing" in message
    assert "paths.data=FOLDER" in message
    assert "data.download=true fetches them" in message


@pytest.fixture
def no_proxy(monkeypatch):
    """Connections to this machine go to this machine."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")


def test_a_failed_download_says_which_files_to_put_where(tmp_path, monkeypatch, no_proxy):
    monkeypatch.setattr(datasets.MNIST, "mirrors", ["http://127.0.0.1:9/"])
    message = refusal(MNISTData, tmp_path / "data", download=True)
    home = tmp_path / "data" / "MNIST" / "raw"
    assert f"MNIST is not in {home}: the download failed" in message
    for name in MNISTData.files:
        assert name in message
    assert "put the files there" in message
    assert list((tmp_path / "data").iterdir()) == []


def test_a_folder_that_cannot_be_made_is_told_in_the_same_way(tmp_path):
    (tmp_path / "data").write_text("a file")
    assert "the download failed" in refusal(CIFAR10Data, tmp_path / "data", download=True)


@pytest.fixture
def mirror(tmp_path, monkeypatch, no_proxy):
    """A server on this machine that has a small MNIST, and the addresses that it was asked for."""
    home = write_mnist(tmp_path / "mirror", packed=True)
    asked = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            if self.command == "GET":
                asked.append(self.path)

    handler = functools.partial(Handler, directory=str(home))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sums = {path.name: hashlib.md5(path.read_bytes()).hexdigest() for path in home.iterdir()}
    resources = [(name, sums[name]) for name, _ in datasets.MNIST.resources]
    monkeypatch.setattr(datasets.MNIST, "mirrors", [f"http://127.0.0.1:{server.server_port}/"])
    monkeypatch.setattr(datasets.MNIST, "resources", resources)
    yield asked
    server.shutdown()
    server.server_close()


def test_missing_files_are_downloaded_once(tmp_path, mirror):
    root = tmp_path / "data"
    first = ready(MNISTData, root, download=True)
    asked = len(mirror)
    assert len(set(mirror)) == 4
    assert sorted(path.name for path in root.iterdir()) == ["MNIST"]
    assert ready(MNISTData, root, download=True).fingerprint == first.fingerprint
    assert len(mirror) == asked


def test_files_that_are_there_are_not_downloaded(tmp_path, mirror):
    write_mnist(tmp_path / "data")
    ready(MNISTData, tmp_path / "data", download=True)
    assert mirror == []


def test_the_archive_of_cifar10_is_unpacked_without_network(tmp_path, monkeypatch):
    home = write_cifar(tmp_path / "there")
    before = ready(CIFAR10Data, tmp_path / "there").fingerprint
    root = tmp_path / "data"
    root.mkdir()
    archive = root / "cifar-10-python.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(home, home.name)
    take_as_official(monkeypatch, home, archive)
    assert ready(CIFAR10Data, root, download=False).fingerprint == before
    shutil.rmtree(root / home.name)
    archive.write_bytes(b"half")
    assert "download is off" in refusal(CIFAR10Data, root)
    assert archive.read_bytes() == b"half"


def take_as_official(monkeypatch, home, archive):
    """Put the checksums of a small set in the place of the official ones."""

    def with_sums(names):
        return [[name, hashlib.md5((home / name).read_bytes()).hexdigest()] for name, _ in names]

    kind = datasets.CIFAR10
    monkeypatch.setattr(kind, "tgz_md5", hashlib.md5(archive.read_bytes()).hexdigest())
    monkeypatch.setattr(kind, "train_list", with_sums(kind.train_list))
    monkeypatch.setattr(kind, "test_list", with_sums(kind.test_list))
    meta = hashlib.md5((home / "batches.meta").read_bytes()).hexdigest()
    monkeypatch.setattr(kind, "meta", {**kind.meta, "md5": meta})


def test_a_fraction_of_one_is_refused():
    with pytest.raises(ConfigError, match=r"data.val_fraction cannot be used"):
        MNISTData(val_fraction=1.0)
