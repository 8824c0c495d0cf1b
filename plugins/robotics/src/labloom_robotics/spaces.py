"""Spaces as plain values, so that a checkpoint can hold them and a network can be sized by them.

A Box is ``{"kind": "box", "shape": [3], "low": [...], "high": [...], "dtype": "float32"}``; ``low``
and ``high`` are numbers when all entries are equal (``inf`` as the text "inf"), else nested lists.
Discrete is ``{"kind": "discrete", "n": 4}``, Dict ``{"kind": "dict", "spaces": {name: ...}}``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from gymnasium import spaces

from labloom.errors import DataError

PlainSpace = Mapping[str, Any]


def plain_space(space: spaces.Space) -> dict[str, Any]:
    """A gymnasium space as plain values.

    Raises:
        DataError: it is none of Box, Discrete (from 0) and Dict of these.
    """
    if isinstance(space, spaces.Box):
        return {
            "kind": "box",
            "shape": list(space.shape),
            "low": _plain_bound(space.low),
            "high": _plain_bound(space.high),
            "dtype": str(space.dtype),
        }
    if isinstance(space, spaces.Discrete) and space.start == 0:
        return {"kind": "discrete", "n": int(space.n)}
    if isinstance(space, spaces.Dict) and not _is_nested(space):
        return {"kind": "dict", "spaces": {k: plain_space(s) for k, s in space.spaces.items()}}
    raise DataError(
        f"{type(space).__name__} is a space that no network here reads",
        expected="Box, Discrete that starts at 0, or Dict of these without another Dict inside",
        got=str(space),
        fix="wrap the environment, e.g. with gymnasium.wrappers.FlattenObservation",
    )


def gym_space(plain: PlainSpace) -> spaces.Space:
    """The gymnasium space that ``plain_space`` told."""
    if plain["kind"] == "discrete":
        return spaces.Discrete(plain["n"])
    if plain["kind"] == "dict":
        return spaces.Dict({name: gym_space(space) for name, space in plain["spaces"].items()})
    shape, dtype = tuple(plain["shape"]), np.dtype(plain["dtype"])
    low, high = bounds(plain)
    return spaces.Box(low.astype(dtype), high.astype(dtype), shape=shape, dtype=dtype.type)


def bounds(plain: PlainSpace) -> tuple[np.ndarray, np.ndarray]:
    """Lowest and highest values of a Box, float64 in its shape."""
    low, high = (
        np.broadcast_to(np.array(plain[side], dtype=np.float64), tuple(plain["shape"]))
        for side in ("low", "high")
    )
    return low, high


def _is_nested(space: spaces.Dict) -> bool:
    return any(isinstance(part, spaces.Dict) for part in space.spaces.values())


def _plain_bound(bound: np.ndarray) -> Any:
    values = bound.astype(np.float64)
    if values.size and (values == values.flat[0]).all():
        return _plain_number(values.flat[0])
    return _nested(values)


def _nested(values: np.ndarray) -> Any:
    if values.ndim == 0:
        return _plain_number(values.item())
    return [_nested(value) for value in values]


def _plain_number(value: float) -> float | str:
    # YAML and JSON have no infinity that every reader understands; float("inf") reads the text.
    return float(value) if np.isfinite(value) else str(float(value))
