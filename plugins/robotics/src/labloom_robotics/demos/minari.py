"""Minari's data sets: a folder with ``metadata.json`` and ``main_data.hdf5``.

The layout (Minari 0.4 to 0.5, https://minari.farama.org, MIT): ``<name>-vN/data/`` holds the two
files. Group ``episode_I`` has ``observations`` (t + 1 rows; a group for a Dict), ``actions``,
``rewards``, ``terminations``, ``truncations`` and perhaps ``infos``, with ``id``, ``seed`` and
``total_steps`` as attributes. Spaces are JSON texts in the metadata. Images of at least 32 x 32
pixels are stored as JPEG unless ``jpeg_encoding`` is false; we read both and write them whole.

Only h5py is needed. Costs, which Minari does not know, go to ``infos/costs/NAME``.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray
from PIL import Image

from labloom.errors import DataError
from labloom_robotics.demos.episode import (
    Demonstration,
    Demonstrations,
    action_rows,
    check_demonstrations,
    each_array,
    inferred_space,
    plain_rows,
)
from labloom_robotics.demos.files import (
    choose_keys,
    opened_hdf5,
    read_dataset,
    read_json,
    refuse_to_overwrite,
    require_dataset,
    require_key,
    write_json,
)
from labloom_robotics.worlds import Observations

METADATA, MAIN = "metadata.json", "main_data.hdf5"
WRITTEN_AS = "0.5.3"  # the layout that we write
SMALLEST_IMAGE = 32  # pixels; Minari takes smaller arrays for no images


def is_minari(path: Path) -> bool:
    """Whether the folder, or ``data`` in it, looks like a Minari data set."""
    return (path / METADATA).is_file() or (path / "data" / METADATA).is_file()


def read_minari(path: Path, keys: Sequence[str] | None = None) -> Demonstrations:
    """Read a Minari data set.

    Args:
        path: its folder, with or without the ``data`` at the end.
        keys: of Dict observations, those to read; None: all.

    Raises:
        DataError: a file is missing, corrupt, or in a form that is not read; the message says
            which.
    """
    folder = path if (path / METADATA).is_file() else path / "data"
    metadata = read_json(folder / METADATA)
    stored = metadata.get("data_format", "hdf5")
    if stored != "hdf5":
        raise DataError(
            f"{folder} is stored as {stored}",
            expected="data_format hdf5 in metadata.json",
            got=str(stored),
            fix="write it again with Minari's data_format='hdf5'",
        )
    told = {name: _space_told(metadata, name, folder) for name in ("observation", "action")}
    jpeg = bool(metadata.get("jpeg_encoding", True))
    file = folder / MAIN
    with opened_hdf5(file) as opened:
        numbers = sorted(int(name.removeprefix("episode_")) for name in opened)
        episodes = [
            _episode(opened[f"episode_{i}"], f"{file}: episode_{i}", told, jpeg, keys)
            for i in numbers
        ]
    if not episodes:
        return check_demonstrations(
            Demonstrations(
                episodes=(), observation_space=spaces.Dict(), action_space=spaces.Dict()
            ),
            str(file),
        )
    observation_space, action_space = _spaces(told, episodes[0])
    found = Demonstrations(
        episodes=episodes,
        observation_space=observation_space,
        action_space=action_space,
        cost_names=tuple(metadata.get("cost_names", ())),
        frames_per_second=metadata.get("frames_per_second"),
        environment=_environment(metadata),
    )
    return check_demonstrations(found, str(file))


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
            "observation_space": json.dumps(_space_as_json(demonstrations.observation_space)),
            "action_space": json.dumps(_space_as_json(demonstrations.action_space)),
            "minari_version": WRITTEN_AS,
            "dataset_size": round((folder / MAIN).stat().st_size / 1e6, 1),  # MB
            "cost_names": list(demonstrations.cost_names),
            "frames_per_second": demonstrations.frames_per_second,
            "environment": demonstrations.environment,
        },
    )


def _episode(
    group: h5py.Group,
    where: str,
    told: Mapping[str, spaces.Space | None],
    jpeg: bool,
    keys: Sequence[str] | None,
) -> Demonstration:
    observations = _observations(group, where, told["observation"], jpeg, keys)
    actions = read_dataset(group, "actions", where)
    action_space = told["action"] or inferred_space(_as_rows(actions))
    terminations, truncations = (
        read_dataset(group, key, where) for key in ("terminations", "truncations")
    )
    infos = group.get("infos", {})
    costs = infos.get("costs", {})
    steps = len(actions)
    return Demonstration(
        observations=observations,
        actions=action_rows(actions, action_space, where),
        rewards=read_dataset(group, "rewards", where).astype(np.float32),
        terminated=bool(np.any(terminations[-1:])),
        truncated=bool(np.any(truncations[-1:])),
        costs=np.stack([costs[n][-steps:] for n in costs], axis=1).astype(np.float32)
        if len(costs)
        else None,
        info=_final_facts(infos),
        seed=int(group.attrs["seed"]) if "seed" in group.attrs else None,
    )


def _observations(
    group: h5py.Group,
    where: str,
    space: spaces.Space | None,
    jpeg: bool,
    keys: Sequence[str] | None,
) -> Observations:
    stored = require_key(group, "observations", where)
    if isinstance(stored, h5py.Dataset):
        return plain_rows(_decoded(stored, space, jpeg))
    parts = space.spaces if isinstance(space, spaces.Dict) else {}
    found: dict[str, NDArray] = {}
    for key in choose_keys(stored, keys, where):
        require_dataset(stored, key, f"{where}/observations")
        found[key] = plain_rows(_decoded(stored[key], parts.get(key), jpeg))
    return found


def _decoded(stored: h5py.Dataset, space: spaces.Space | None, jpeg: bool) -> NDArray:
    """Rows [t + 1, ...]; JPEG files are opened where the space says that they are images."""
    rows = stored[()]
    if jpeg and space is not None and _is_image(space):
        return np.stack([np.asarray(Image.open(io.BytesIO(row.tobytes()))) for row in rows])
    return _as_rows(rows) if stored.ndim == 1 else rows


def _as_rows(array: NDArray) -> NDArray:
    return array[:, None] if array.ndim == 1 else array  # [t] -> [t, 1]


def _is_image(space: spaces.Space) -> bool:
    return (
        isinstance(space, spaces.Box)
        and space.dtype == np.uint8
        and len(space.shape) in (2, 3)
        and min(space.shape[:2]) >= SMALLEST_IMAGE
    )


def _final_facts(infos: Mapping[str, Any]) -> dict[str, Any]:
    """The last row of what the world told, where it is one number or truth value."""
    return {
        key: stored[-1].item()
        for key, stored in infos.items()
        if isinstance(stored, h5py.Dataset) and stored.ndim == 1 and len(stored)
        if stored.dtype.kind in "bif"
    }


def _spaces(
    told: Mapping[str, spaces.Space | None], first: Demonstration
) -> tuple[spaces.Space, spaces.Space]:
    """The spaces of what was read: float32, and only the keys that were chosen."""
    observation = told["observation"]
    if isinstance(observation, spaces.Dict) and isinstance(first.observations, dict):
        observation = spaces.Dict(
            {key: _as_kept(observation.spaces[key]) for key in first.observations}
        )
    elif observation is not None:
        observation = _as_kept(observation)
    return (
        inferred_space(first.observations) if observation is None else observation,
        inferred_space(first.actions) if told["action"] is None else _as_kept(told["action"]),
    )


def _as_kept(space: spaces.Space) -> spaces.Space:
    if not isinstance(space, spaces.Box) or (space.dtype == np.uint8 and len(space.shape) == 3):
        return space
    shape = space.shape or (1,)
    low, high = (bound.astype(np.float32).reshape(shape) for bound in (space.low, space.high))
    return spaces.Box(low, high, shape, np.float32)


def _environment(metadata: Mapping[str, Any]) -> str:
    try:
        return str(json.loads(metadata["env_spec"])["id"])
    except (KeyError, TypeError, json.JSONDecodeError):
        return str(metadata.get("environment", ""))


def _space_told(metadata: Mapping[str, Any], name: str, folder: Path) -> spaces.Space | None:
    """The space that the metadata tell; None where they do not, as before Minari 0.4.2."""
    text = metadata.get(f"{name}_space")
    if text is None:
        return None
    try:
        return _space_of_json(json.loads(text))
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"{folder / METADATA}: {name}_space cannot be used",
            expected="Box, Discrete that starts at 0, or Dict of Boxes",
            got=str(text)[:120],
            fix="flatten or rename what was recorded",
        ) from error


def _space_of_json(told: Mapping[str, Any]) -> spaces.Space:
    if told["type"] == "Box":
        dtype = np.dtype(told["dtype"])
        low, high = (np.array(told[side], dtype=dtype) for side in ("low", "high"))
        return spaces.Box(low, high, tuple(told["shape"]), dtype.type)
    if told["type"] == "Discrete" and told.get("start", 0) == 0:
        return spaces.Discrete(told["n"])
    if told["type"] == "Dict":
        return spaces.Dict({key: _space_of_json(s) for key, s in told["subspaces"].items()})
    raise ValueError(told["type"])


def _space_as_json(space: spaces.Space) -> dict[str, Any]:
    if isinstance(space, spaces.Dict):
        return {
            "type": "Dict",
            "subspaces": {key: _space_as_json(part) for key, part in space.spaces.items()},
        }
    if isinstance(space, spaces.Discrete):
        return {"type": "Discrete", "dtype": "int64", "start": 0, "n": int(space.n)}
    return {
        "type": "Box",
        "dtype": str(space.dtype),
        "shape": list(space.shape),
        "low": space.low.tolist(),
        "high": space.high.tolist(),
    }


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
