"""Reading LeRobot's parquet tables: columns of a file, and the episodes in its rows.

See ``lerobot`` for what the columns are called.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from gymnasium import spaces
from numpy.typing import NDArray
from PIL import Image

from labloom.errors import DataError
from labloom_robotics.demos.episode import Demonstration, action_rows, inferred_space, plain_rows
from labloom_robotics.demos.files import broken, require_file, require_key
from labloom_robotics.demos.lerobot import (
    ACTION,
    COST,
    DONE,
    INFO,
    REWARD,
    SUCCESS,
    TRUNCATED,
    Info,
    is_choice,
)


def read_table(file: Path, columns: Sequence[str]) -> pa.Table:
    """Columns of a parquet file.

    Raises:
        DataError: the file is missing or corrupt, or lacks a column.
    """
    try:
        table = pq.ParquetFile(require_file(file))
        names = dict.fromkeys(table.schema_arrow.names)
        for column in columns:
            require_key(names, column, file)
        return table.read(columns=list(columns))
    except (pa.ArrowException, OSError) as error:
        raise broken(file, "a whole parquet file", error) from error


def episodes_of(
    table: pa.Table, file: Path, info: Info, features: Mapping[str, str]
) -> Iterator[tuple[int, Demonstration]]:
    """The episodes of one table, with their numbers; without what lies in videos.

    Raises:
        DataError: frames are not in order, or rows have not the shape that ``info`` tells.
    """
    columns = {name: _rows(table[name], name, file, info) for name in table.column_names}
    numbers = columns["episode_index"].reshape(-1)
    starts = np.flatnonzero(np.r_[True, numbers[1:] != numbers[:-1]]) if len(numbers) else []
    for start, end in zip(starts, [*starts[1:], len(numbers)], strict=True):
        number = int(numbers[start])
        frames = columns["frame_index"].reshape(-1)[start:end]
        if not np.array_equal(frames, np.arange(end - start)):
            raise DataError(
                f"{file}: frames of episode {number} are not in order",
                expected=f"frame_index 0 to {end - start - 1}",
                got=f"{frames[:6].tolist()}{' ...' if len(frames) > 6 else ''}",
                fix="rows are missing or mixed up: convert or record the data set again",
            )
        rows = {name: column[start:end] for name, column in columns.items()}
        yield number, _demonstration(rows, info, features, f"{file}: episode {number}")


def _demonstration(
    rows: Mapping[str, NDArray], info: Info, features: Mapping[str, str], where: str
) -> Demonstration:
    actions = rows[ACTION]
    space = spaces.Discrete(1) if is_choice(info) else inferred_space(actions)
    steps = len(actions)
    done = bool(rows[DONE][-1]) if DONE in rows else False
    truncated = bool(rows[TRUNCATED][-1]) if TRUNCATED in rows else False
    rewards = rows.get(REWARD, np.zeros(steps))
    return Demonstration(
        observations={k: plain_rows(rows[name]) for k, name in features.items() if name in rows},
        actions=action_rows(actions, space, where),
        rewards=rewards.reshape(-1).astype(np.float32),
        terminated=done and not truncated,
        truncated=truncated,
        costs=rows[COST].astype(np.float32) if COST in rows else None,
        info={"success": bool(rows[SUCCESS][-1])} if SUCCESS in rows else {},
    )


def _rows(column: pa.ChunkedArray, name: str, file: Path, info: Info) -> NDArray:
    """A column as rows of the shape that ``info`` tells, [rows, ...]."""
    told = info["features"].get(name, {})
    if told.get("dtype") == "image":
        return np.stack([_picture(cell, name, file) for cell in column.to_pylist()])
    shape = tuple(told.get("shape", (1,)))
    kind = column.type
    try:
        if pa.types.is_fixed_size_list(kind) or pa.types.is_list(kind):
            values = np.array(column.to_pylist())
        else:
            values = column.to_numpy(zero_copy_only=False)
        return values.reshape(len(column), *shape)
    except (ValueError, pa.ArrowException) as error:
        raise DataError(
            f"{file}: column {name} does not fit {INFO}",
            expected=f"rows of shape {list(shape)}",
            got=f"a column of {kind}",
            fix="the data set contradicts itself: convert or record it again",
        ) from error


def _picture(cell: Mapping[str, Any] | None, name: str, file: Path) -> NDArray[np.uint8]:
    try:
        with Image.open(io.BytesIO(cell["bytes"])) as picture:  # type: ignore[index]
            return np.asarray(picture.convert("RGB"))
    except (OSError, TypeError, KeyError) as error:
        raise broken(file, f"pictures as bytes in column {name}", error) from error
