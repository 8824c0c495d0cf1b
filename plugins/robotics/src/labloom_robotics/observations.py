"""Observations on their way into a network: arrays of a world, or what a user typed.

Legend of shapes: ``n`` observations.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from labloom.errors import DataError
from labloom_robotics.experience.actor import TensorObservations
from labloom_robotics.spaces import PlainSpace
from labloom_robotics.worlds import Observations


def as_tensors(observations: Observations, device: torch.device) -> TensorObservations:
    """Observations of a world, [n, ...], as tensors; float64 becomes float32."""
    if isinstance(observations, dict):
        return {name: _tensor(values, device) for name, values in observations.items()}
    return _tensor(observations, device)


def read_observations(inputs: Sequence[Any], space: PlainSpace) -> TensorObservations:
    """A batch [n, ...] of observations that somebody wrote down.

    Args:
        inputs: one or more of: array, list or number; mapping of names to these where the space is
            a Dict; or a text: path of a .npy, .npz or .json file, or JSON itself.
        space: of one observation, plain.

    Raises:
        DataError: an input cannot be read, or has not the space's names or shape.
    """
    values = [_read(value) for value in inputs]
    if space["kind"] != "dict":
        return torch.stack([_checked(value, space, "") for value in values])
    for value in values:
        if not isinstance(value, Mapping) or not set(space["spaces"]) <= set(value):
            raise DataError(
                "an observation lacks names",
                expected=f"a mapping with {', '.join(space['spaces'])}",
                got=", ".join(value) if isinstance(value, Mapping) else type(value).__name__,
                fix="give every name, e.g. as JSON or as a .npz file",
            )
    return {
        name: torch.stack([_checked(value[name], part, name) for value in values])
        for name, part in space["spaces"].items()
    }


def _tensor(values: Any, device: torch.device) -> Tensor:
    tensor = torch.from_numpy(np.ascontiguousarray(values))
    if tensor.dtype == torch.float64:
        tensor = tensor.float()
    return tensor.to(device)


def _read(value: Any) -> Any:
    if not isinstance(value, str | Path):
        return value
    path = Path(value)
    try:
        if path.suffix == ".npy":
            return np.load(path, allow_pickle=False)
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as arrays:
                return dict(arrays)
        return json.loads(path.read_text() if path.suffix == ".json" else str(value))
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(
            f"{value} is no observation",
            expected="a .npy, .npz or .json file, or JSON such as [0.1, -0.2]",
            got=f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}",
        ) from error


def _checked(value: Any, space: PlainSpace, name: str) -> Tensor:
    shape = [] if space["kind"] == "discrete" else list(space["shape"])
    dtype = "int64" if space["kind"] == "discrete" else space["dtype"]
    try:
        array = np.asarray(value, dtype=dtype)
    except (TypeError, ValueError, OverflowError) as error:
        raise _misfit(name, f"numbers of shape {shape}", str(error)) from error
    if list(array.shape) != shape:
        raise _misfit(name, f"shape {shape}", f"shape {list(array.shape)}")
    if space["kind"] == "discrete" and not 0 <= array < space["n"]:
        raise _misfit(name, f"a whole number from 0 to {space['n'] - 1}", str(array))
    return _tensor(array, torch.device("cpu"))


def _misfit(name: str, expected: str, got: str) -> DataError:
    return DataError(
        f"an observation{f' of {name}' if name else ''} does not fit what the policy learned from",
        expected=expected,
        got=got,
        fix="give one observation of one agent, without a batch dimension",
    )
