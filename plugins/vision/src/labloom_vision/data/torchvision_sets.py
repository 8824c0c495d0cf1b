"""MNIST, Fashion-MNIST and CIFAR-10 as torchvision reads them, held in memory.

MNIST: Y. LeCun, C. Cortes and C. Burges, CC BY-SA 3.0. 60,000 + 10,000 digits, 28x28 grey.
Fashion-MNIST: H. Xiao, K. Rasul and R. Vollgraf, https://arxiv.org/abs/1708.07747, MIT licence.
60,000 + 10,000 pictures of clothes, 28x28 grey.
CIFAR-10: A. Krizhevsky, Learning Multiple Layers of Features from Tiny Images (2009), published
without a licence, for research. 50,000 + 10,000 photographs, 32x32 colour.

The official test part is the test split; validation is cut from the training part.
"""

from __future__ import annotations

import gzip
import pickle
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor
from torchvision import datasets
from torchvision.datasets.utils import check_integrity

from labloom.arguments import require_parts
from labloom.errors import DataError
from labloom_vision.data.base import ImageData
from labloom_vision.data.loader import ImagesInMemory, Split
from labloom_vision.data.splits import stratified_split

UNREADABLE = (
    RuntimeError,
    OSError,
    EOFError,
    ValueError,
    TypeError,
    KeyError,
    AssertionError,
    pickle.UnpicklingError,
)
"""What torchvision's readers raise for a file that is not what its name says."""


class TorchvisionData(ImageData):
    """A set with an official training and test part, in the folder layout of torchvision.

    Args:
        root: folder of all data sets; the set lies in its own folder below.
        download: fetch the files that are missing; present files are never fetched again.
        verify: accept the official files only. False takes any files in the same layout, a subset
            or pictures of your own; CIFAR-10's are unpickled, so only files that you trust.
        batch_size: images in a batch, in each process; None: the whole split in one batch.
        val_fraction: part of the official training part that validates; 0: none.
        split_seed: draws the split, 0 to 2**32 - 1.
        limit: train on so many images only, the classes in proportion; None: on all.
        augment: how training images are varied: none, shift, crop_flip, photo or trivial.
        strengths: how strongly, by key; None is the recipe's own value (``augment.RECIPES``).
        drop_last: leave out a last training batch that is smaller than the others.
        num_workers: processes that load; 0 is fastest for images in memory.

    Raises:
        ConfigError: an argument is out of range, or an augmentation is unknown.
    """

    title: ClassVar[str]
    home: ClassVar[str]  # folder of the files, below root
    files: ClassVar[tuple[str, ...]]
    official_counts: ClassVar[tuple[int, int]]  # training part, test part
    classes: ClassVar[tuple[str, ...]]

    def __init__(  # noqa: PLR0913  (one argument for each key of the config)
        self,
        *,
        root: str = "data",
        download: bool = True,
        verify: bool = True,
        batch_size: int | None = 128,
        val_fraction: float = 0.1,
        split_seed: int = 0,
        limit: int | None = None,
        augment: str = "none",
        strengths: Mapping[str, float | None] | None = None,
        drop_last: bool = False,
        num_workers: int = 0,
    ) -> None:
        super().__init__(
            batch_size=batch_size,
            num_workers=num_workers,
            drop_last=drop_last,
            limit=limit,
            split_seed=split_seed,
            augment=augment,
            strengths=strengths,
        )
        require_parts("data", val_fraction=val_fraction)
        self.root = Path(root).expanduser()
        self.download = download
        self.verify = verify
        self.val_fraction = val_fraction

    def prepare_data(self) -> None:
        """Download what is missing, if that is allowed.

        Raises:
            DataError: files are missing, and cannot or must not be downloaded.
        """
        missing = self.missing()
        if not missing:
            return
        if not (self.download or self.packed()):
            raise self._absent(missing, "download is off", "; data.download=true fetches them")
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            # Beside its place, then moved file by file: no other process, and no later run after
            # this one was killed, ever sees half a file under its final name.
            with tempfile.TemporaryDirectory(prefix=".download-", dir=self.root) as scratch:
                self.fetch(Path(scratch))
                self._move_in(Path(scratch))
        except (RuntimeError, OSError) as error:
            raise self._absent(missing, f"the download failed ({error})", "") from error

    def read(self) -> tuple[dict[str, Split], Sequence[str]]:
        """The splits from the files, which ``prepare_data`` fetches where they are missing."""
        self.prepare_data()
        try:
            train, test = self.parts()
        except UNREADABLE as error:
            raise self._broken(f"{type(error).__name__}: {error}") from error
        counts = (len(train), len(test))
        if self.verify and counts != self.official_counts:
            raise self._broken(f"{counts[0]:,} + {counts[1]:,} images")
        fractions = {"val": self.val_fraction}
        chosen = stratified_split(train.labels, fractions, self.split_seed, self.classes)
        cut = {name: train.subset(positions) for name, positions in chosen.items()}
        return {**cut, "test": test}, self.classes

    def missing(self) -> list[str]:
        """The files that are not there."""
        return [name for name in self.files if not (self.root / self.home / name).is_file()]

    def packed(self) -> bool:
        """Whether an intact archive of the set lies in the root folder: no network is needed."""
        return False

    def fetch(self, scratch: Path) -> None:
        """Download the set into another root folder, checksums verified."""
        raise NotImplementedError

    def parts(self) -> tuple[ImagesInMemory, ImagesInMemory]:
        """The official training and test part."""
        raise NotImplementedError

    def _move_in(self, scratch: Path) -> None:
        home = self.root / self.home
        home.mkdir(parents=True, exist_ok=True)
        for name in self.files:
            (scratch / self.home / name).replace(home / name)

    def _absent(self, missing: Sequence[str], reason: str, also: str) -> DataError:
        home = self.root / self.home
        return DataError(
            f"{self.title} is not in {home}: {reason}",
            expected=f"{', '.join(self.files)} in {home}",
            got=f"{', '.join(missing)} missing",
            fix=f"put the files there, or say where they are with paths.data=FOLDER (the folder "
            f"that holds {self.home}) or LABLOOM_DATA{also}",
        )

    def _broken(self, got: str) -> DataError:
        train, test = self.official_counts
        return DataError(
            f"{self.title} in {self.root / self.home} is not complete",
            expected=f"the official files, {train:,} + {test:,} images",
            got=got,
            fix="remove the folder and download again; data.verify=false takes another set of "
            "images in the same layout",
        )


class MNISTData(TorchvisionData):
    """Handwritten digits, 28x28 grey, from ``<root>/MNIST/raw``, plain or .gz files."""

    dataset: ClassVar[type[datasets.MNIST]] = datasets.MNIST
    title = "MNIST"
    home = "MNIST/raw"
    files = (
        "train-images-idx3-ubyte",
        "train-labels-idx1-ubyte",
        "t10k-images-idx3-ubyte",
        "t10k-labels-idx1-ubyte",
    )
    official_counts = (60_000, 10_000)
    classes = tuple("0123456789")

    def missing(self) -> list[str]:
        """The files that are there neither plain nor as .gz."""
        home = self.root / self.home
        return [name for name in super().missing() if not (home / f"{name}.gz").is_file()]

    def fetch(self, scratch: Path) -> None:
        """Download by torchvision, which unpacks the files."""
        self.dataset(scratch, download=True)

    def parts(self) -> tuple[ImagesInMemory, ImagesInMemory]:
        """The official parts, read by torchvision."""
        with self._plain_files() as root:
            return self._part(root, train=True), self._part(root, train=False)

    def _part(self, root: Path, *, train: bool) -> ImagesInMemory:
        part = self.dataset(root, train=train)
        return _in_memory(part.data.unsqueeze(1), part.targets, self.classes)

    @contextmanager
    def _plain_files(self) -> Iterator[Path]:
        """A root folder that has every file unpacked, for torchvision does not read .gz."""
        packed = super().missing()
        if not packed:
            yield self.root
            return
        with tempfile.TemporaryDirectory() as scratch:
            copies = Path(scratch) / self.home
            copies.mkdir(parents=True)
            for name in self.files:
                original = (self.root / self.home / name).absolute()
                if name not in packed:
                    (copies / name).symlink_to(original)
                    continue
                with gzip.open(f"{original}.gz") as source, (copies / name).open("wb") as copy:
                    shutil.copyfileobj(source, copy)
            yield Path(scratch)


class FashionMNISTData(MNISTData):
    """Pictures of clothes, 28x28 grey, from ``<root>/FashionMNIST/raw``, plain or .gz files."""

    dataset = datasets.FashionMNIST
    title = "Fashion-MNIST"
    home = "FashionMNIST/raw"
    classes = tuple(datasets.FashionMNIST.classes)


class CIFAR10Data(TorchvisionData):
    """Photographs of ten kinds of things, 32x32 colour, from ``<root>/cifar-10-batches-py``."""

    title = "CIFAR-10"
    home = datasets.CIFAR10.base_folder
    files = (
        *(name for name, _ in datasets.CIFAR10.train_list),
        *(name for name, _ in datasets.CIFAR10.test_list),
        datasets.CIFAR10.meta["filename"],
    )
    official_counts = (50_000, 10_000)
    classes = (
        "airplane",
        "automobile",
        "bird",
        "cat",
        "deer",
        "dog",
        "frog",
        "horse",
        "ship",
        "truck",
    )

    def packed(self) -> bool:
        """Whether the root folder has the intact archive."""
        archive = self.root / datasets.CIFAR10.filename
        return check_integrity(archive, datasets.CIFAR10.tgz_md5)

    def fetch(self, scratch: Path) -> None:
        """Unpack the archive that lies in the root folder, or download it by torchvision."""
        if self.packed():  # a broken one is not linked: torchvision would overwrite it
            archive = self.root / datasets.CIFAR10.filename
            (scratch / archive.name).symlink_to(archive.absolute())
        datasets.CIFAR10(scratch, download=True)

    def parts(self) -> tuple[ImagesInMemory, ImagesInMemory]:
        """The official parts, read by torchvision; opening the first one checks every file."""
        reader = datasets.CIFAR10 if self.verify else _UncheckedCIFAR10
        return self._part(reader(self.root, train=True)), self._part(
            _UncheckedCIFAR10(self.root, train=False)
        )

    def _part(self, part: datasets.CIFAR10) -> ImagesInMemory:
        images = torch.from_numpy(part.data).permute(0, 3, 1, 2)  # [n, h, w, c] -> [n, c, h, w]
        return _in_memory(images, torch.tensor(part.targets), self.classes)


class _UncheckedCIFAR10(datasets.CIFAR10):
    """torchvision's reader without its checksums: they were checked, or are not wanted."""

    train_list: ClassVar = [[name, None] for name, _ in datasets.CIFAR10.train_list]
    test_list: ClassVar = [[name, None] for name, _ in datasets.CIFAR10.test_list]
    meta: ClassVar = {**datasets.CIFAR10.meta, "md5": None}


def _in_memory(images: Tensor, targets: Tensor, classes: Sequence[str]) -> ImagesInMemory:
    """One part, after checks that torchvision's readers leave out."""
    if len(images) != len(targets):
        raise ValueError(f"{len(images)} images and {len(targets)} labels")
    if len(targets) == 0 or targets.min() < 0 or targets.max() >= len(classes):
        raise ValueError(f"labels are not all from 0 to {len(classes) - 1}")
    if images.shape[-2] != images.shape[-1]:
        raise ValueError(f"images are {images.shape[-1]} x {images.shape[-2]}, not square")
    return ImagesInMemory(images, targets.to(torch.int64))
