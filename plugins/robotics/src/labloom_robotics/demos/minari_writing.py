"""Writing demonstrations as a data set of Minari. See ``minari`` for the layout."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np

from labloom.errors import DataError
from labloom_robotics.demos.episode import Demonstration, Demonstrations, each_array
from labloom_robotics.demos.files import refuse_to_overwrite, write_json
from labloom_robotics.demos.minari_layout import MAIN, METADATA, space_as_json

WRITTEN_AS = "0.5.3"  # the layout that we write


def write_minari(demonstrations: Demonstrations, path: Path, *, name: str = "demos-v0") -> None:
    """Write a data set that Minari 0.5 reads.

    Args:
        demonstrations: with the final observation of every episode.
        path: the folder ``<name>-vN``, new or empty; its ``data`` is written.
        name: the data set's id, ``namespace/name-vN``.

    Raises:
        DataError: the folder is not empty, or an episode lacks its final observation.
    """
    refuse_to_overwrite(path)
    for i, episode in enumerate(demonstrations.episodes):
        if not episode.has_final_observation:
            raise DataError(
                f"episode {i} has no final observation",
                expected="one row more of observations than of actions, as Minari has them",
                got=f"{len(episode)} of both",
                fix="write LeRobot's or robomimic's format, which do without",
            )
    folder = path / "data"
    folder.mkdir(parents=True)
    with h5py.File(folder / MAIN, "w", track_order=True) as file:
        for i, episode in enumerate(demonstrations.episodes):
            _write_episode(file.create_group(f"episode_{i}"), i, episode, demonstrations.cost_names)
    write_json(
        folder / METADATA,
        {
            "dataset_id": name,
            "total_episodes": len(demonstrations),
            "total_steps": sum(map(len, demonstrations.episodes)),
            "data_format": "hdf5",
            "jpeg_encoding": False,
            "observation_space": json.dumps(space_as_json(demonstrations.observation_space)),
            "action_space": json.dumps(space_as_json(demonstrations.action_space)),
            "minari_version": WRITTEN_AS,
            "dataset_size": round((folder / MAIN).stat().st_size / 1e6, 1),  # MB
            "cost_names": list(demonstrations.cost_names),
            "frames_per_second": demonstrations.frames_per_second,
            "environment": demonstrations.environment,
        },
    )


def _write_episode(
    group: h5py.Group, number: int, episode: Demonstration, cost_names: Sequence[str]
) -> None:
    steps = len(episode)
    group.attrs["id"] = number
    group.attrs["total_steps"] = steps
    if episode.seed is not None:
        group.attrs["seed"] = episode.seed
    if isinstance(episode.observations, dict):
        for key, rows in episode.observations.items():
            group.create_dataset(f"observations/{key}", data=rows)
    else:
        group.create_dataset("observations", data=each_array(episode.observations, np.asarray))
    group.create_dataset("actions", data=episode.actions)
    group.create_dataset("rewards", data=episode.rewards)
    for key, ended in (("terminations", episode.terminated), ("truncations", episode.truncated)):
        group.create_dataset(key, data=np.arange(steps) == (steps - 1 if ended else -1))
    for key, value in episode.info.items():
        if isinstance(value, (bool, int, float)):  # t + 1 rows, as Minari has them
            group.create_dataset(f"infos/{key}", data=np.array([value] * (steps + 1)))
    for i, name in enumerate(cost_names if episode.costs is not None else ()):
        column = np.concatenate([[0], episode.costs[:, i]]).astype(np.float32)
        group.create_dataset(f"infos/costs/{name}", data=column)
