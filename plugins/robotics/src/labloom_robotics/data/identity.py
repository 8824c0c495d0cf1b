"""What the episodes of a world follow from, as digests that a record can compare."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Mapping, Sequence
from importlib import metadata
from typing import Any

from labloom_robotics.worlds import World


def fingerprint_of(
    world: World,
    name: str,
    options: Mapping[str, Any],
    spec: Mapping[str, Any],
    seeds: Mapping[str, Sequence[int]],
) -> dict[str, str]:
    """Split -> SHA-256 of world, options, spec, versions and the split's seeds.

    Args:
        world: one that was made of ``name`` and ``options``.
        name: of the world.
        options: of the world.
        spec: what the data says about itself.
        seeds: split -> numbers that its seeds follow from.
    """
    facts = {"world": name, "options": options, "spec": spec, "versions": versions_of(world)}
    return {
        split: hashlib.sha256(
            json.dumps({**facts, "seeds": list(numbers)}, sort_keys=True, default=str).encode()
        ).hexdigest()
        for split, numbers in seeds.items()
    }


def versions_of(world: World) -> dict[str, str]:
    """Versions of the packages that decide what happens in a world, as far as they are told."""
    packages = {type(world).__module__.partition(".")[0]}
    if not world.resumable:  # of Gymnasium
        packages |= {"gymnasium", *(p for p in ("mujoco", "Box2D", "ale_py") if p in sys.modules)}
    return {package: version for package in packages if (version := _version(package))}


def _version(package: str) -> str | None:
    try:
        return metadata.version(package.replace("_", "-"))
    except metadata.PackageNotFoundError:
        return None
