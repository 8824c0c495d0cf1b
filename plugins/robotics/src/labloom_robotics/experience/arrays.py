"""Observations of many agents or steps: one array, or a dict with one for each key."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from gymnasium import spaces


def room(space: spaces.Space, *sizes: int) -> Any:
    """Zeros [*sizes, ...] for values of ``space``; numbers with a point are float32."""
    if isinstance(space, spaces.Dict):
        return {name: room(part, *sizes) for name, part in space.spaces.items()}
    if isinstance(space, spaces.Discrete):
        return np.zeros(sizes, dtype=np.int64)
    dtype = np.float32 if np.issubdtype(space.dtype, np.floating) else space.dtype
    return np.zeros((*sizes, *space.shape), dtype=dtype)


def read(arrays: Any, rows: Any) -> Any:
    """Copies of the rows with these numbers."""
    if isinstance(arrays, dict):
        return {name: part.take(rows, axis=0) for name, part in arrays.items()}
    return arrays.take(rows, axis=0)


def write(arrays: Any, rows: Any, values: Any) -> None:
    """Overwrite rows: numbers, a slice, or one number."""
    if isinstance(arrays, dict):
        for name, part in arrays.items():
            part[rows] = values[name]
    else:
        arrays[rows] = values


def joined(parts: list[Any]) -> Any:
    """Rows of several, one after the other."""
    if len(parts) == 1:
        return parts[0]
    if isinstance(parts[0], dict):
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return np.concatenate(parts)


def as_tensors(arrays: Any) -> Any:
    """Tensors that share the arrays' memory."""
    if isinstance(arrays, dict):
        return {name: torch.from_numpy(part) for name, part in arrays.items()}
    return torch.from_numpy(arrays)
