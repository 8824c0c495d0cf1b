"""Raw inputs of perception as a batch: arrays, or names of files that hold one input each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from labloom.errors import DataError


def to_batch(inputs: Sequence[Any], shape: Sequence[int]) -> Tensor:
    """Batch float32 [b, *shape] of raw inputs.

    Args:
        inputs: each an array, tensor or nested list of ``shape``, or the name of a file with one:
            .npy, or a text of numbers between commas or blanks, a row a line.
        shape: of one input.

    Raises:
        DataError: there is no such file, it holds no numbers, or they have another shape.
    """
    return torch.stack([_one(value, tuple(shape)) for value in inputs])


def _one(value: Any, shape: tuple[int, ...]) -> Tensor:
    named = isinstance(value, str | Path)
    name = str(value) if named else "an input"
    array = _read(Path(value)) if named else _as_numbers(value, name)
    if array.shape != shape and array.size == np.prod(shape) and 1 in array.shape:
        array = array.reshape(shape)  # a text with one row or one column
    if array.shape != shape:
        raise DataError(
            f"{name} has another shape than what the model was trained on",
            expected=f"numbers of shape {list(shape)}",
            got=f"shape {list(array.shape)}",
            fix="give one input at a time, in the order of the training data",
        )
    if not np.isfinite(array).all():
        raise DataError(
            f"{name} has entries that are no numbers",
            expected="finite numbers",
            got="nan or infinity",
            fix="replace lost returns of a scan by 1, the end of the range",
        )
    return torch.from_numpy(array)


def _read(path: Path) -> np.ndarray:
    if not path.is_file():
        raise DataError(f"there is no file {path}", fix="check the path")
    try:
        if path.suffix == ".npy":
            return _as_numbers(np.load(path, allow_pickle=False), str(path))
        lines = path.read_text(encoding="utf-8").split("\n")
        rows = [line.replace(",", " ").split() for line in lines if line.strip()]
        return _as_numbers(rows, str(path))
    except (OSError, ValueError, EOFError) as error:
        raise DataError(
            f"{path} cannot be read as one input",
            expected=".npy, or numbers between commas or blanks",
            got=str(error),
        ) from error


def _as_numbers(value: Any, name: str) -> np.ndarray:
    try:
        tensor = isinstance(value, Tensor)
        return np.array(value.cpu().numpy() if tensor else value, dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"{name} is no array of numbers",
            expected="an array, a tensor, or nested lists of numbers of equal length",
            got=str(error),
        ) from error
