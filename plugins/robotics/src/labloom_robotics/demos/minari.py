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
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray
from PIL import Image

from labloom.errors import DataError, listing
from labloom_robotics.demos.episode import (
    Demonstration,
    Demonstrations,
    action_rows,
    check_demonstrations,
    inferred_space,
    plain_rows,
)
from labloom_robotics.demos.files import (
    choose_keys,
    opened_hdf5,
    read_dataset,
    read_json,
    require_dataset,
    require_key,
)
from labloom_robotics.demos.minari_layout import MAIN, METADATA, SMALLEST_IMAGE, space_told
from labloom_robotics.worlds import Observations


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
    told = {
        name: space_told(metadata, name, folder / METADATA) for name in ("observation", "action")
    }
    jpeg = bool(metadata.get("jpeg_encoding", True))
    file = folder / MAIN
    with opened_hdf5(file) as opened:
        groups = _in_order(opened, file)
        cost_names = tuple(metadata.get("cost_names") or _costs_of(groups))
        episodes = [
            _episode(group, f"{file}: {name}", told, jpeg, keys, cost_names)
            for name, group in groups.items()
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
        cost_names=cost_names,
        frames_per_second=metadata.get("frames_per_second"),
        environment=_environment(metadata),
    )
    return check_demonstrations(found, str(file))


def _in_order(opened: h5py.File, file: Path) -> dict[str, h5py.Group]:
    """The groups of all episodes, in the order of their numbers.

    Raises:
        DataError: a group is no episode.
    """
    for name in opened:
        if not re.fullmatch(r"episode_[0-9]+", name):
            raise DataError(
                f"{file} holds '{name}', which is no episode",
                expected="groups episode_0, episode_1, ...",
                got=listing(opened),
                fix="take it out of the file, or rename it",
            )
    names = sorted(opened, key=lambda name: int(name.removeprefix("episode_")))
    return {name: opened[name] for name in names}


def _costs_of(groups: Mapping[str, h5py.Group]) -> list[str]:
    """Names of the costs that episodes have, where the metadata name none: by alphabet."""
    return sorted({name for group in groups.values() for name in group.get("infos/costs", ())})


def _costs(
    group: h5py.Group, names: Sequence[str], steps: int, where: str
) -> NDArray[np.float32] | None:
    """Costs [t, k] in the order of ``names``; None for an episode without any."""
    if not names or "infos/costs" not in group:
        return None
    stored = group["infos/costs"]
    columns = [read_dataset(stored, name, f"{where}/infos/costs")[-steps:] for name in names]
    return np.stack(columns, axis=1).astype(np.float32)


def _episode(
    group: h5py.Group,
    where: str,
    told: Mapping[str, spaces.Space | None],
    jpeg: bool,
    keys: Sequence[str] | None,
    cost_names: Sequence[str],
) -> Demonstration:
    observations = _observations(group, where, told["observation"], jpeg, keys)
    actions = read_dataset(group, "actions", where)
    action_space = told["action"] or inferred_space(_as_rows(actions))
    terminations, truncations = (
        read_dataset(group, key, where) for key in ("terminations", "truncations")
    )
    return Demonstration(
        observations=observations,
        actions=action_rows(actions, action_space, where),
        rewards=read_dataset(group, "rewards", where).astype(np.float32),
        terminated=bool(np.any(terminations[-1:])),
        truncated=bool(np.any(truncations[-1:])),
        costs=_costs(group, cost_names, len(actions), where),
        info=_final_facts(group.get("infos", {})),
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
