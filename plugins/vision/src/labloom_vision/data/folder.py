"""Your own pictures: a folder per class, any image size.

The pictures are turned upright, resized by their shorter side and cropped to the centre square.
Where the decoded pictures fit, they stay in memory; otherwise workers decode them in every epoch.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.data import Dataset

from labloom.arguments import require, require_parts, require_whole
from labloom.errors import DataError
from labloom_vision.augment import to_unit_range
from labloom_vision.data.base import ImageData
from labloom_vision.data.layout import find_pictures
from labloom_vision.data.loader import Augment, Batch, Split, count_values
from labloom_vision.data.pictures import read_picture
from labloom_vision.data.splits import stratified_split

CACHE_BYTES = 2 * 2**30
"""Decoded pictures stay in memory up to here unless ``cache`` says otherwise: 14,000 at 224x224."""

HASHED_BYTES = 2 * 2**30
"""Up to here a split's fingerprint covers every byte of its files."""

EDGE_BYTES = 4096
"""Of larger splits it covers so much of both ends of each file."""

SAMPLED_PICTURES = 1000
"""Mean and std of a set that is not in memory come from so many pictures, evenly spaced."""


class FolderData(ImageData):
    """Pictures in a folder per class, in given or seeded stratified splits.

    Args:
        folder: class folders, or train/ and if you like val/ and test/ with class folders in them;
            absolute, or relative to the working directory or to ``root``, whichever has it.
        root: folder of all data sets.
        image_size: side of the square images, pixels.
        channels: 3 colour, 1 grey.
        cache: keep decoded pictures in memory; None: if they take at most 2 GiB.
        batch_size: images in a batch, in each process; None: the whole split in one batch.
        val_fraction: part of the training pictures that validates if there is no val/; 0: none.
        test_fraction: part of the training pictures that tests if there is no test/; 0: none.
        split_seed: draws the split, 0 to 2**32 - 1.
        limit: train on so many pictures only, the classes in proportion; None: on all.
        augment: how training pictures are varied: none, shift, crop_flip, photo or trivial.
        strengths: how strongly, by key; None is the recipe's own value (``augment.RECIPES``).
        drop_last: leave out a last training batch that is smaller than the others.
        num_workers: processes that load; None: 0 in memory, otherwise one for each of torch's
            threads, at most 8.
        persistent_workers: keep them from epoch to epoch; a resumed run is then not bit-equal.

    Raises:
        ConfigError: an argument is out of range, or an augmentation is unknown.
    """

    def __init__(  # noqa: PLR0913  (one argument for each key of the config)
        self,
        *,
        folder: str,
        root: str = "data",
        image_size: int = 64,
        channels: int = 3,
        cache: bool | None = None,
        batch_size: int | None = 32,
        val_fraction: float = 0.15,
        test_fraction: float = 0.15,
        split_seed: int = 0,
        limit: int | None = None,
        augment: str = "none",
        strengths: Mapping[str, float | None] | None = None,
        drop_last: bool = False,
        num_workers: int | None = None,
        persistent_workers: bool = False,
    ) -> None:
        super().__init__(
            batch_size=batch_size,
            num_workers=0 if num_workers is None else num_workers,
            drop_last=drop_last,
            limit=limit,
            split_seed=split_seed,
            augment=augment,
            strengths=strengths,
        )
        require_parts("data", val_fraction=val_fraction, test_fraction=test_fraction)
        require_whole("data.image_size", image_size, at_least=1, fix="data.image_size=64")
        require(
            channels in (1, 3),
            "data.channels",
            expected="3 (colour) or 1 (grey)",
            got=channels,
            fix="data.channels=3; grey pictures are then repeated in all three",
        )
        self.folder = folder
        self.root = root
        self.image_size = image_size
        self.channels = channels
        self.cache = cache
        self.val_fraction = val_fraction
        self.test_fraction = test_fraction
        self.choose_workers = num_workers is None
        self.persistent_workers = persistent_workers

    def read(self) -> tuple[dict[str, Split], Sequence[str]]:
        """The given splits, and those that are cut from the training pictures."""
        folder = find_folder(self.folder, self.root)
        given, classes = find_pictures(folder)
        splits = {
            name: PictureFiles(folder, found.paths, found.labels, self.image_size, self.channels)
            for name, found in given.items()
        }
        wanted = {"test": self.test_fraction, "val": self.val_fraction}
        fractions = {name: part for name, part in wanted.items() if name not in splits}
        uncut = splits["train"]
        parts = stratified_split(uncut.labels, fractions, self.split_seed, classes)
        splits |= {name: uncut.subset(chosen) for name, chosen in parts.items()}
        pictures = sum(len(split) for split in splits.values())
        in_memory = self.cache
        if in_memory is None:
            in_memory = pictures * self.channels * self.image_size**2 <= CACHE_BYTES
        if self.choose_workers:
            self.num_workers = 0 if in_memory else min(8, torch.get_num_threads())
        for split in splits.values():
            split.in_memory = in_memory
        return dict(splits), classes


def find_folder(folder: str, root: str) -> Path:
    """A folder as typed if it is there, otherwise below ``root``.

    Raises:
        DataError: it is in neither place.
    """
    typed = Path(folder).expanduser()
    places = [typed] if typed.is_absolute() else [typed, Path(root).expanduser() / typed]
    for place in places:
        if place.is_dir():
            return place
    raise DataError(
        f"there is no folder {folder}",
        expected=f"a folder of class folders, {' or '.join(str(p.absolute()) for p in places)}",
        got="a file" if any(place.exists() for place in places) else "nothing of that name",
        fix="data.folder=PATH, absolute, from the working directory, or from paths.data",
    )


class PictureFiles(Dataset):
    """One split of picture files, decoded when asked for, or once if they stay in memory.

    Args:
        folder: where the set lies; the digest covers the paths below it.
        paths: picture files.
        labels: class number of each.
        image_size: side of the square images, pixels.
        channels: 3 colour, 1 grey.

    Attributes:
        in_memory: keep all decoded pictures from ``load`` on.
        augment: from uint8 images to float32 in [0, 1].
    """

    def __init__(
        self,
        folder: Path,
        paths: Sequence[Path],
        labels: Sequence[int],
        image_size: int,
        channels: int,
    ) -> None:
        self.folder = folder
        self.paths = list(paths)
        self.labels = torch.as_tensor(labels, dtype=torch.int64)
        self.image_size = image_size
        self.channels = channels
        self.in_memory = False
        self.augment: Augment = to_unit_range
        self._images: Tensor | None = None

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Batch:
        """One image [c, h, w] and its label []."""
        images, labels = self.__getitems__([index])
        return images[0], labels[0]

    def __getitems__(self, indices: list[int]) -> Batch:
        chosen = torch.as_tensor(indices)
        images = self.decode(indices) if self._images is None else self._images[chosen]
        return self.augment(images), self.labels[chosen]

    def load(self) -> None:
        """Decode all pictures, if they are to stay in memory and do not yet.

        Raises:
            DataError: a picture cannot be read.
        """
        if self.in_memory and self._images is None:
            self._images = self.decode(range(len(self)))

    def decode(self, indices: Sequence[int]) -> Tensor:
        """The pictures at these positions, uint8 [b, c, h, w], decoded by torch's threads.

        Raises:
            DataError: a picture cannot be read.
        """

        def read(index: int) -> Tensor:
            return read_picture(self.paths[index], self.image_size, self.channels)

        # Pillow frees the interpreter lock while it decodes and resizes.
        with ThreadPoolExecutor(torch.get_num_threads()) as threads:
            return torch.stack(list(threads.map(read, indices)))

    @cached_property
    def digest(self) -> str:
        """SHA-256 of paths below the folder, sizes, labels and contents.

        Of more than 2 GiB, the contents are the first and last 4 KiB of each file.

        Raises:
            DataError: a file is gone or cannot be read.
        """
        try:
            return self._digest()
        except OSError as error:
            raise DataError(
                f"picture {error.filename} cannot be read",
                expected="a file",
                got=str(error.strerror),
                fix="remove or replace it, or make it readable",
            ) from error

    def _digest(self) -> str:
        sizes = [path.stat().st_size for path in self.paths]
        whole = sum(sizes) <= HASHED_BYTES
        digest = hashlib.sha256()
        for path, label, size in zip(self.paths, self.labels.tolist(), sizes, strict=True):
            name = path.relative_to(self.folder).as_posix()
            digest.update(f"{name}\0{label}\0{size}\0".encode("utf-8", "surrogateescape"))
            with path.open("rb") as file:
                if whole or size <= 2 * EDGE_BYTES:
                    digest.update(file.read())
                else:
                    digest.update(file.read(EDGE_BYTES))
                    file.seek(-EDGE_BYTES, os.SEEK_END)
                    digest.update(file.read())
        return digest.hexdigest()

    def histogram(self) -> Tensor:
        """How often each of the 256 values occurs in each channel, int64 [c, 256].

        Of pictures that do not stay in memory, 1,000 stand for all.
        """
        self.load()
        if self._images is not None:
            return count_values(self._images)
        step = max(1, len(self) // SAMPLED_PICTURES)
        sample = range(0, len(self), step)
        chunks = [sample[i : i + 64] for i in range(0, len(sample), 64)]
        return torch.stack([count_values(self.decode(chunk)) for chunk in chunks]).sum(dim=0)

    def subset(self, positions: Tensor) -> PictureFiles:
        """The pictures at these positions."""
        chosen = positions.tolist()
        return PictureFiles(
            self.folder,
            [self.paths[i] for i in chosen],
            self.labels[positions],
            self.image_size,
            self.channels,
        )
