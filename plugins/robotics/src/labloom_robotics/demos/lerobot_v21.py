"""LeRobot's data sets of version 2.1 (and 2.0): a parquet file, and perhaps mp4s, for each episode.

``meta/info.json``, ``meta/episodes.jsonl``, ``meta/episodes_stats.jsonl``, ``meta/tasks.jsonl``,
``data/chunk-000/episode_000000.parquet``. See ``lerobot`` for what the versions share.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from labloom_robotics.demos.episode import Demonstration, Demonstrations
from labloom_robotics.demos.files import (
    read_json_lines,
    refuse_to_overwrite,
    require_key,
    write_json,
)
from labloom_robotics.demos.lerobot import (
    FRAMES_PER_CHUNK,
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

DATA_PATH = "data/chunk-{episode_chunk:03d}/episode_{episode_index:06d}.parquet"
VIDEO_PATH = "videos/chunk-{episode_chunk:03d}/{video_key}/episode_{episode_index:06d}.mp4"
EPISODES, STATISTICS, TASKS = (
    f"meta/{name}.jsonl" for name in ("episodes", "episodes_stats", "tasks")
)


def read_lerobot_v21(path: Path, keys: Sequence[str] | None = None) -> Demonstrations:
    """Read a data set of version 2.1 or 2.0.

    Args:
        path: the folder with ``meta`` and ``data``.
        keys: of the observations, without ``observation.``, those to read; None: all.

    Raises:
        DataError: files are missing, corrupt, or contradict each other.
    """
    info = read_info(path)
    features = observation_features(info, keys, path / INFO)
    columns = wanted_columns(info, features)
    episodes = {}
    for line in read_json_lines(path / EPISODES):
        number = int(require_key(line, "episode_index", path / EPISODES))
        file = _file(path, info, "data_path", DATA_PATH, number)
        for found, episode in episodes_of(read_table(file, columns), file, info, features):
            episodes[found] = _with_videos(episode, number, path, info, features)
    return assembled(episodes, features, info, path)


def write_lerobot_v21(demonstrations: Demonstrations, path: Path) -> None:
    """Write a data set of version 2.1; images go into the tables, final observations are dropped.

    Raises:
        DataError: the folder is not empty.
    """
    refuse_to_overwrite(path)
    info = base_info(demonstrations, "v2.1") | {
        "total_videos": 0,
        "total_chunks": -(-len(demonstrations) // FRAMES_PER_CHUNK),
        "data_path": DATA_PATH,
        "video_path": None,
    }
    write_json(path / INFO, info)
    index = 0
    lines: dict[str, list[str]] = {EPISODES: [], STATISTICS: []}
    for number, episode in enumerate(demonstrations.episodes):
        table = table_of(episode, number, index, info["features"], rate_of(demonstrations))
        file = _file(path, info, "data_path", DATA_PATH, number)
        file.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, file)
        index += len(episode)
        told = {"episode_index": number, "tasks": [TASK], "length": len(episode)}
        measured = {"episode_index": number, "stats": statistics([numeric_columns(episode)])}
        lines[EPISODES].append(json.dumps(told))
        lines[STATISTICS].append(json.dumps(measured))
    lines[TASKS] = [json.dumps({"task_index": 0, "task": TASK})]
    for name, texts in lines.items():
        (path / name).write_text("\n".join(texts) + "\n", encoding="utf-8")


def _with_videos(
    episode: Demonstration,
    number: int,
    path: Path,
    info: Mapping[str, Any],
    features: Mapping[str, str],
) -> Demonstration:
    for key, name in features.items():
        if info["features"][name]["dtype"] == "video":
            file = _file(path, info, "video_path", VIDEO_PATH, number, video_key=name)
            episode = with_video(episode, key, read_frames(file), str(file))
    return episode


def _file(
    path: Path, info: Mapping[str, Any], entry: str, default: str, number: int, **names: str
) -> Path:
    size = int(info.get("chunks_size") or FRAMES_PER_CHUNK)
    template = info.get(entry) or default
    return path / template.format(episode_chunk=number // size, episode_index=number, **names)
