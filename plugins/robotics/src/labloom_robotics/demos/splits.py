"""Which demonstrations are trained on: a seeded split of whole episodes, or what the file names."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from labloom.errors import ConfigError, DataError, listing, nearest
from labloom_robotics.demos.episode import Demonstrations


def split_episodes(
    demonstrations: Demonstrations,
    fractions: Mapping[str, float],
    seed: int,
    mask: str | None = None,
) -> dict[str, list[int]]:
    """Numbers of the episodes of ``train``, and of ``val`` and ``test`` where they exist.

    Args:
        demonstrations: all of them.
        fractions: part of the episodes that ``val`` and ``test`` get; at least one where above 0.
        seed: draws who goes where.
        mask: use only the episodes of this name.

    Raises:
        ConfigError: the file has no such mask.
        DataError: no episode is left for training.
    """
    masks = demonstrations.masks
    if mask is not None and mask not in masks:
        guess = nearest(mask, masks)
        raise ConfigError(
            f"the demonstrations name no episodes '{mask}'",
            expected=f"one of {listing(masks)}",
            got=f"data.mask={mask}",
            fix=f"data.mask={guess or 'null'}",
        )
    allowed = set(range(len(demonstrations)) if mask is None else masks[mask])
    named = {
        name: sorted(allowed & set(masks[name]))
        for name in ("train", "val", "test")
        if mask is None and name in masks
    }
    rest = sorted(set(named.get("train", allowed)) - set(named.get("val", ())))
    rest = [i for i in rest if i not in named.get("test", ())]
    order = np.random.default_rng(seed).permutation(rest).tolist()
    parts: dict[str, list[int]] = {}
    for name in ("val", "test"):
        if named.get(name):
            parts[name] = named[name]
        elif fractions[name] > 0:
            size = max(1, round(fractions[name] * len(rest)))
            parts[name], order = sorted(order[:size]), order[size:]
    if not order:
        raise DataError(
            "no demonstration is left for training",
            expected=f"more episodes than the {len(parts)} that are held out",
            got=f"{len(rest)} episodes",
            fix="more demonstrations, or data.val_fraction=0 data.test_fraction=0",
        )
    return {"train": sorted(order), **parts}
