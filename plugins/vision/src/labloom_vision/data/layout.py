"""Finding the pictures of a folder: which splits, which classes, which files.

Two layouts are known, with pictures at any depth below a class:

    photos/ants/*.jpg                    a folder per class, split by a seed
    photos/bees/*.jpg

    photos/train/ants/*.jpg              given splits; val (or valid, validation) and test
    photos/train/bees/*.jpg              may be absent
    photos/val/ants/*.jpg  ...
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from labloom.errors import DataError, listing

SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".jp2", ".avif"}
    | {".ppm", ".pgm", ".pbm", ".pnm"}
)
SPLIT_NAMES = {"val": ("val", "valid", "validation"), "test": ("test",)}


@dataclass(frozen=True)
class Found:
    """The pictures of one split.

    Args:
        paths: picture files, sorted within their class.
        labels: class number of each.
    """

    paths: list[Path]
    labels: list[int]


def find_pictures(folder: Path) -> tuple[dict[str, Found], list[str]]:
    """The splits of a folder, "train" always among them, and the names of its classes.

    Warns once if files were ignored: hidden ones, and those without a picture's suffix.

    Raises:
        DataError: fewer than two classes, a class without pictures, or a class
            outside train/ that train/ lacks.
    """
    homes = _split_homes(folder)
    classes = _class_names(homes["train"])
    if len(classes) < 2:
        raise DataError(
            f"{homes['train']} has {'one class only' if classes else 'no class'}",
            expected="a folder per class, at least two: photos/ants/*.jpg, photos/bees/*.jpg",
            got=listing(classes) if classes else "no folders in it",
            fix="sort the pictures into one folder per class, or check data.folder",
        )
    ignored = 0
    splits = {}
    for split, home in homes.items():
        splits[split], skipped = _read_split(home, classes)
        ignored += skipped
    if ignored:
        warnings.warn(
            f"{ignored} files in {folder} were ignored: hidden, or without a picture's suffix",
            stacklevel=2,
        )
    return splits, classes


def _split_homes(folder: Path) -> dict[str, Path]:
    """Split -> its folder."""
    given = {
        split: folder / name
        for split, names in SPLIT_NAMES.items()
        for name in names
        if (folder / name).is_dir()
    }
    if (folder / "train").is_dir():
        return {"train": folder / "train", **given}
    for home in given.values():
        # A class may be called "test"; a folder of class folders is a split without its train/.
        if _class_names(home):
            raise DataError(
                f"{folder} has {home.name}/ but no train/",
                expected="train/ beside it, or only class folders",
                got=listing(_class_names(folder)),
                fix=f"move the class folders for training into {folder / 'train'}",
            )
    return {"train": folder}


def _class_names(home: Path) -> list[str]:
    return sorted(p.name for p in home.iterdir() if p.is_dir() and not p.name.startswith("."))


def _read_split(home: Path, classes: Sequence[str]) -> tuple[Found, int]:
    """The pictures of one split, and how many files were ignored."""
    here = _class_names(home)
    unknown = sorted(set(here) - set(classes))
    if unknown:
        raise DataError(
            f"{home} has a class that train lacks: {listing(unknown)}",
            expected=f"classes of train: {listing(classes)}",
            got=listing(here),
            fix="add training pictures of the class, rename its folder, or remove it",
        )
    absent = sorted(set(classes) - set(here))
    if absent:
        warnings.warn(f"{home} has no pictures of {listing(absent)}", stacklevel=3)
    ignored = sum(1 for entry in home.iterdir() if entry.is_file())
    paths: list[Path] = []
    labels: list[int] = []
    for name in here:
        pictures, skipped = _pictures_below(home / name)
        if not pictures:
            raise DataError(
                f"class {name!r} has no pictures: {home / name}",
                expected=f"files ending in {listing(SUFFIXES, limit=len(SUFFIXES))}",
                got=f"{skipped} other files" if skipped else "an empty folder",
                fix="add pictures, or remove the folder",
            )
        ignored += skipped
        paths += pictures
        labels += [classes.index(name)] * len(pictures)
    return Found(paths, labels), ignored


def _pictures_below(folder: Path) -> tuple[list[Path], int]:
    """Sorted picture files at any depth, and how many other files there are."""
    pictures: list[Path] = []
    others = 0
    for where, folders, names in os.walk(folder, followlinks=True):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            path = Path(where, name)
            if name.startswith(".") or path.suffix.lower() not in SUFFIXES:
                others += 1
            else:
                pictures.append(path)
    return sorted(pictures), others
