"""LeRobot's data sets of version 3.0: many episodes in a file, and a table that says where.

``meta/info.json``, ``meta/stats.json``, ``meta/tasks.parquet``,
``meta/episodes/chunk-000/file-000.parquet``, ``data/chunk-000/file-000.parquet`` and
``videos/KEY/chunk-000/file-000.mp4``. See ``lerobot`` for what the versions share.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from labloom.errors import DataError
from labloom_robotics.demos.episode import Demonstration, Demonstrations
from labloom_robotics.demos.files import refuse_to_overwrite, write_json
from labloom_robotics.demos.lerobot import (
    INFO,
    assembled,
    observation_features,
    read_info,
    wanted_columns,
    with_video,
)
from labloom_robotics.demos.lerobot_tables import episodes_of, read_table
from labloom_robotics.demos.lerobot_writing import (
    TASK,
    base_info,
    numeric_columns,
    rate_of,
    statistics,
    table_of,
)
from labloom_robotics.demos.video import read_frames

DATA_PATH = "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
VIDEO_PATH = "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4"
EPISODES_PATH = "meta/episodes/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
STATISTICS, TASKS = "meta/stats.json", "meta/tasks.parquet"
FRAMES_IN_A_FILE = 200_000  # when we write; LeRobot counts bytes, about 100 MB

Place = Mapping[str, Any]


def read_lerobot_v30(path: Path, keys: Sequence[str] | None = None) -> Demonstrations:
    """Read a data set of version 3.0.

    Args:
        path: the folder with ``meta`` and ``data``.
        keys: of the observations, without ``observation.``, those to read; None: all.

    Raises:
        DataError: files are missing, corrupt, or contradict each other.
    """
    info = read_info(path)
    features = observation_features(info, keys, path / INFO)
    columns = wanted_columns(info, features)
    videos = {k: n for k, n in features.items() if info["features"][n]["dtype"] == "video"}
    places = _places(path, list(videos.values()))
    template = info.get("data_path") or DATA_PATH
    episodes: dict[int, Demonstration] = {}
    for chunk, number in sorted({_where(place, "data") for place in places.values()}):
        file = path / template.format(chunk_index=chunk, file_index=number)
        for found, episode in episodes_of(read_table(file, columns), file, info, features):
            if found in places:
                _check_length(episode, places[found], found, file)
                episodes[found] = _with_videos(episode, places[found], path, info, videos)
    return assembled(episodes, features, info, path)


def write_lerobot_v30(
    demonstrations: Demonstrations, path: Path, *, frames_in_a_file: int = FRAMES_IN_A_FILE
) -> None:
    """Write a data set of version 3.0; images go into the tables, final observations are dropped.

    Args:
        demonstrations: what to write.
        path: a new or empty folder.
        frames_in_a_file: begin a new file of frames after so many.

    Raises:
        DataError: the folder is not empty.
    """
    refuse_to_overwrite(path)
    info = base_info(demonstrations, "v3.0") | {
        "data_files_size_in_mb": 100,
        "video_files_size_in_mb": 500,
        "data_path": DATA_PATH,
        "video_path": None,
    }
    write_json(path / INFO, info)
    numeric = [numeric_columns(episode) for episode in demonstrations.episodes]
    write_json(path / STATISTICS, statistics(numeric))
    _write_table(path / TASKS, _tasks())
    rows, index, number, tables = [], 0, 0, []
    for i, episode in enumerate(demonstrations.episodes):
        tables.append(table_of(episode, i, index, info["features"], rate_of(demonstrations)))
        rows.append(_row(i, episode, index, number, numeric[i]))
        index += len(episode)
        if sum(map(len, tables)) >= frames_in_a_file or i + 1 == len(demonstrations):
            file = DATA_PATH.format(chunk_index=0, file_index=number)
            _write_table(path / file, pa.concat_tables(tables))
            tables, number = [], number + 1
    file = EPISODES_PATH.format(chunk_index=0, file_index=0)
    _write_table(path / file, pa.Table.from_pylist(rows))


def _places(path: Path, videos: Sequence[str]) -> dict[int, Place]:
    """Where each episode is, by number."""
    folder = path / "meta" / "episodes"
    files = sorted(folder.glob("*/*.parquet"))
    if not files:
        raise DataError(
            f"{folder} holds no table of episodes",
            expected=EPISODES_PATH.format(chunk_index=0, file_index=0),
            got="no parquet file",
            fix="copy the data set again, with all of its folders",
        )
    columns = ["episode_index", "length", "data/chunk_index", "data/file_index"]
    for name in videos:
        columns += [
            f"videos/{name}/{entry}" for entry in ("chunk_index", "file_index", "from_timestamp")
        ]
    rows = [row for file in files for row in read_table(file, columns).to_pylist()]
    return {int(row["episode_index"]): row for row in rows}


def _where(place: Place, folder: str) -> tuple[int, int]:
    return int(place[f"{folder}/chunk_index"]), int(place[f"{folder}/file_index"])


def _check_length(episode: Demonstration, place: Place, number: int, file: Path) -> None:
    if len(episode) != int(place["length"]):
        raise DataError(
            f"{file}: episode {number} is not whole",
            expected=f"{place['length']} frames, as meta/episodes says",
            got=f"{len(episode)} frames",
            fix="the file is cut off or of another version: copy the data set again",
        )


def _with_videos(
    episode: Demonstration,
    place: Place,
    path: Path,
    info: Mapping[str, Any],
    videos: Mapping[str, str],
) -> Demonstration:
    template = info.get("video_path") or VIDEO_PATH
    for key, name in videos.items():
        chunk, number = _where(place, f"videos/{name}")
        file = path / template.format(video_key=name, chunk_index=chunk, file_index=number)
        start = float(place[f"videos/{name}/from_timestamp"])
        episode = with_video(episode, key, read_frames(file, start, len(episode)), str(file))
    return episode


def _row(
    number: int,
    episode: Demonstration,
    first_index: int,
    file_number: int,
    numeric: Mapping[str, Any],
) -> dict[str, Any]:
    measured = statistics([numeric])
    return {
        "episode_index": number,
        "tasks": [TASK],
        "length": len(episode),
        "data/chunk_index": 0,
        "data/file_index": file_number,
        "dataset_from_index": first_index,
        "dataset_to_index": first_index + len(episode),
        "meta/episodes/chunk_index": 0,
        "meta/episodes/file_index": 0,
        **{f"stats/{n}/{m}": value for n, told in measured.items() for m, value in told.items()},
    }


def _tasks() -> pa.Table:
    """Tasks and their numbers, with the task as index of the data frame that pandas makes of it."""
    told = {
        "index_columns": ["task"],
        "column_indexes": [],
        "columns": [
            {
                "name": name,
                "field_name": name,
                "pandas_type": kind,
                "numpy_type": numpy,
                "metadata": None,
            }
            for name, kind, numpy in (
                ("task_index", "int64", "int64"),
                ("task", "unicode", "object"),
            )
        ],
        "pandas_version": "2.0.0",
    }
    table = pa.table({"task_index": pa.array([0], pa.int64()), "task": [TASK]})
    return table.replace_schema_metadata({"pandas": json.dumps(told)})


def _write_table(file: Path, table: pa.Table) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, file)
