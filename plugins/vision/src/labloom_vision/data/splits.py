"""Seeded stratified splits: every part keeps the proportions of the classes.

``numpy.random.RandomState`` draws them, because NumPy promises that its stream never changes:
the same seed means the same split in every version.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from labloom.errors import ConfigError, DataError


def allot(counts: Sequence[int], total: int, keep: int) -> list[int]:
    """Share out ``total`` places among classes in proportion to their counts.

    Largest remainder (Hare quota), with at least one place for every class. Where there are fewer
    places than classes, every class still gets one.

    Args:
        counts: images of each class, each above ``keep``.
        total: places to share out, at most ``sum(counts) - keep * len(counts)``.
        keep: how many images each class must hold back.
    """
    exact = [total * count / sum(counts) for count in counts]
    room = [count - keep for count in counts]
    places = [min(max(int(share), 1), most) for share, most in zip(exact, room, strict=True)]
    classes = range(len(counts))
    while sum(places) < total:
        open_classes = [i for i in classes if places[i] < room[i]]
        places[max(open_classes, key=lambda i: exact[i] - places[i])] += 1
    while sum(places) > total and max(places) > 1:
        full_classes = [i for i in classes if places[i] > 1]
        places[min(full_classes, key=lambda i: exact[i] - places[i])] -= 1
    return places


def stratified_split(
    labels: Tensor, fractions: Mapping[str, float], seed: int, classes: Sequence[str]
) -> dict[str, Tensor]:
    """Cut a labelled set into "train" and the named parts.

    Args:
        labels: class of each image, ``[n]``, every class present.
        fractions: part -> its fraction of the n images; a part of 0 is left out.
        seed: draws the split, 0 to 2**32 - 1.
        classes: name of each class, for the error.

    Returns:
        "train" and each part -> ascending positions in ``labels``.

    Raises:
        DataError: a class has too few images to be in every part.
    """
    parts = {name: fraction for name, fraction in fractions.items() if fraction > 0}
    by_class = _shuffled_by_class(labels, seed, len(classes))
    needed = len(parts) + 1
    for name, members in zip(classes, by_class, strict=True):
        if len(members) < needed:
            raise DataError(
                f"class {name!r} has too few images for a stratified split",
                expected=f"at least {needed}, one for each of {', '.join(['train', *parts])}",
                got=str(len(members)),
                fix=f"add images of {name!r}, remove the class, or set one of the fractions to 0",
            )
    chosen = {}
    for position, (name, fraction) in enumerate(parts.items()):
        keep = needed - 1 - position
        left = [len(members) for members in by_class]
        size = min(round(fraction * len(labels)), sum(left) - keep * len(left))
        chosen[name], by_class = _deal(by_class, allot(left, size, keep))
    return {"train": _ascending(by_class), **chosen}


def stratified_limit(labels: Tensor, limit: int, seed: int, num_classes: int) -> Tensor:
    """Positions of ``limit`` images that keep the proportions of the classes, ascending.

    Raises:
        ConfigError: the limit is smaller than the number of classes.
    """
    if limit < num_classes:
        raise ConfigError(
            "data.limit leaves classes without a training image",
            expected=f"at least {num_classes}, one for each class",
            got=str(limit),
            fix=f"data.limit={num_classes} or more, or data.limit=null for all images",
        )
    if limit >= len(labels):
        return torch.arange(len(labels))
    by_class = _shuffled_by_class(labels, seed, num_classes)
    taken, _ = _deal(by_class, allot([len(members) for members in by_class], limit, keep=0))
    return taken


def _shuffled_by_class(labels: Tensor, seed: int, num_classes: int) -> list[np.ndarray]:
    draw = np.random.RandomState(seed)
    classes = labels.numpy()
    return [draw.permutation(np.flatnonzero(classes == label)) for label in range(num_classes)]


def _deal(by_class: list[np.ndarray], places: list[int]) -> tuple[Tensor, list[np.ndarray]]:
    pairs = list(zip(by_class, places, strict=True))
    taken = _ascending([members[:place] for members, place in pairs])
    return taken, [members[place:] for members, place in pairs]


def _ascending(by_class: list[np.ndarray]) -> Tensor:
    return torch.from_numpy(np.sort(np.concatenate(by_class)))
