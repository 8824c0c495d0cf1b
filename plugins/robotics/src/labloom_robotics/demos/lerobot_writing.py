"""What LeRobot's two layouts share when they are written: features, tables and statistics.

See ``lerobot`` for what they are. Images are written as PNG files inside the table; final
observations, for which there is no place, are left out.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from PIL import Image

from labloom_robotics.demos.episode import Demonstration, Demonstrations
from labloom_robotics.demos.lerobot import (
    ACTION,
    COST,
    COUNTERS,
    DONE,
    FRAMES_PER_CHUNK,
    PREFIX,
    REWARD,
    STATE,
    SUCCESS,
    TRUNCATED,
)

DEFAULT_RATE = 10  # frames a second, where the demonstrations do not tell
TASK = "demonstrated"


def base_info(demonstrations: Demonstrations, version: str) -> dict[str, Any]:
    """The entries of ``meta/info.json`` that both versions have."""
    return {
        "codebase_version": version,
        "robot_type": demonstrations.environment or None,
        "total_episodes": len(demonstrations),
        "total_frames": sum(map(len, demonstrations.episodes)),
        "total_tasks": 1,
        "chunks_size": FRAMES_PER_CHUNK,
        "fps": rate_of(demonstrations),
        "splits": {"train": f"0:{len(demonstrations)}"},
        "features": features_of(demonstrations),
    }


def features_of(demonstrations: Demonstrations) -> dict[str, dict[str, Any]]:
    """The features that a writer tells in ``meta/info.json``."""
    first = demonstrations.episodes[0]
    told = {
        name: _feature(rows.dtype, rows.shape[1:]) for name, rows in observed_columns(first).items()
    }
    told[ACTION] = _feature(first.actions.dtype, first.actions.shape[1:] or (1,))
    told[REWARD] = _feature("float32", (1,))
    told[DONE] = told[TRUNCATED] = _feature("bool", (1,))
    if all("success" in episode.info for episode in demonstrations.episodes):
        told[SUCCESS] = _feature("bool", (1,))
    if demonstrations.cost_names:
        names = list(demonstrations.cost_names)
        told[COST] = _feature("float32", (len(names),), names)
    return {**told, **{name: _feature(dtype, (1,)) for name, dtype in COUNTERS.items()}}


def table_of(
    episode: Demonstration, number: int, first_index: int, features: Mapping[str, Any], rate: float
) -> pa.Table:
    """One episode as a table, a row a frame."""
    steps = len(episode)
    last = np.arange(steps) == steps - 1
    columns = {
        **observed_columns(episode),
        ACTION: episode.actions,
        REWARD: episode.rewards,
        DONE: last & (episode.terminated or episode.truncated),
        TRUNCATED: last & episode.truncated,
        SUCCESS: last & bool(episode.info.get("success", False)),
        COST: episode.costs,
        "timestamp": np.arange(steps, dtype=np.float32) / np.float32(rate),
        "frame_index": np.arange(steps),
        "episode_index": np.full(steps, number),
        "index": np.arange(first_index, first_index + steps),
        "task_index": np.zeros(steps, dtype=np.int64),
    }
    return pa.table({name: _column(columns[name], told) for name, told in features.items()})


def observed_columns(episode: Demonstration) -> dict[str, NDArray]:
    """Feature -> rows [t, ...], as they are written."""
    observations = episode.chosen_from()
    if isinstance(observations, dict):
        return {PREFIX + key: rows for key, rows in observations.items()}
    return {STATE if observations.dtype != np.uint8 else PREFIX + "image": observations}


def numeric_columns(episode: Demonstration) -> dict[str, NDArray]:
    """What statistics are made of: observations without images, and actions."""
    rows = {n: r for n, r in observed_columns(episode).items() if not _is_image(r.dtype, r.shape)}
    return {**rows, ACTION: episode.actions}


def statistics(episode_tables: Sequence[Mapping[str, NDArray]]) -> dict[str, dict[str, Any]]:
    """min, max, mean, std and count of each feature, over rows, as LeRobot writes them.

    Args:
        episode_tables: feature -> numeric rows [t, ...], of one or more episodes.
    """
    told = {}
    for name in episode_tables[0]:
        rows = np.concatenate([np.asarray(t[name], dtype=np.float64) for t in episode_tables])
        rows = rows.reshape(len(rows), -1)
        measured = {m: getattr(rows, m)(axis=0).tolist() for m in ("min", "max", "mean", "std")}
        told[name] = {**measured, "count": [len(rows)]}
    return told


def rate_of(demonstrations: Demonstrations) -> int | float:
    """Frames a second; whole numbers as such."""
    rate = demonstrations.frames_per_second or DEFAULT_RATE
    return int(rate) if rate == int(rate) else rate


def _feature(dtype: Any, shape: Sequence[int], names: list[str] | None = None) -> dict[str, Any]:
    if np.dtype(dtype) == np.uint8 and len(shape) == 3:
        return {
            "dtype": "image",
            "shape": list(shape),
            "names": ["height", "width", "channels"],
        }
    return {"dtype": str(np.dtype(dtype)), "shape": list(shape), "names": names}


def _column(rows: NDArray, told: Mapping[str, Any]) -> pa.Array:
    """Rows [t, ...] as a column; more than one dimension as lists of lists, images as PNG."""
    if told["dtype"] == "image":
        cells = [{"bytes": _png(row), "path": None} for row in rows]
        return pa.array(cells, pa.struct([("bytes", pa.binary()), ("path", pa.string())]))
    kind = pa.from_numpy_dtype(np.dtype(told["dtype"]))
    values = pa.array(np.asarray(rows, dtype=told["dtype"]).reshape(-1), kind)
    if told["shape"] == [1]:
        return values
    for size in reversed(told["shape"]):
        values = pa.FixedSizeListArray.from_arrays(values, size)
    return values


def _png(picture: NDArray[np.uint8]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, format="PNG")
    return buffer.getvalue()


def _is_image(dtype: Any, shape: Sequence[int]) -> bool:
    return np.dtype(dtype) == np.uint8 and len(shape) == 4
