"""robomimic's data sets: one HDF5 file.

The layout (https://robomimic.github.io, MIT; ``docs/datasets/overview.md``): group ``data`` with
attributes ``total`` and ``env_args`` (JSON: ``env_name``, ``type``, ``env_kwargs``); in it
``demo_I`` with ``actions``, ``rewards``, ``dones``, ``obs/KEY`` and perhaps ``next_obs/KEY`` and
``states``, and ``num_samples`` as attribute. ``mask/NAME`` lists episodes: ``train``, ``valid``.

Actions lie in [-1, 1]. We write those of a bounded space so, keep the bounds in the attributes
``action_low`` and ``action_high`` of ``data``, and undo it when we read. A single observation
without a key is ``flat``, as robomimic names it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from labloom.errors import DataError
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
    refuse_to_overwrite,
    require_key,
)
from labloom_robotics.worlds import Observations

FLAT = "flat"
GYM = 2  # robomimic's number for environments of gym
SUFFIXES = (".hdf5", ".h5")


def is_robomimic(path: Path) -> bool:
    """Whether the path is an HDF5 file with a group ``data``."""
    if not path.is_file() or path.suffix not in SUFFIXES:
        return False
    try:
        with h5py.File(path, "r") as file:
            return "data" in file
    except OSError:
        return True  # a damaged file is told of when it is read


def read_robomimic(path: Path, keys: Sequence[str] | None = None) -> Demonstrations:
    """Read a robomimic file.

    Args:
        path: the HDF5 file.
        keys: of the observations, those to read; None: all. One key that is ``flat`` gives a Box,
            anything else a Dict.

    Raises:
        DataError: the file is missing, corrupt, or contradicts itself.
    """
    with opened_hdf5(path) as file:
        data = require_key(file, "data", path)
        names = sorted(data, key=_number)
        low, high = (
            np.asarray(data.attrs[f"action_{side}"]) if f"action_{side}" in data.attrs else None
            for side in ("low", "high")
        )
        episodes = [
            _episode(data[name], f"{path}: {name}", keys, None if low is None else (low, high))
            for name in names
        ]
        masks = {
            "val" if name == "valid" else name: _positions(entry[()], names, f"{path}: mask/{name}")
            for name, entry in file.get("mask", {}).items()
        }
        cost_names = tuple(json.loads(data.attrs.get("cost_names", "[]")))
        rate = data.attrs.get("frames_per_second")
        environment = _environment(data)
    first = episodes[0] if episodes else None
    action_space: spaces.Space = spaces.Dict()
    if first is not None:
        unit = np.ones(first.actions.shape[1:], np.float32)
        bounds = (-unit, unit) if low is None else (low, high)
        action_space = spaces.Box(*(b.astype(np.float32) for b in bounds), dtype=np.float32)
    found = Demonstrations(
        episodes=episodes,
        observation_space=inferred_space(first.observations) if first else spaces.Dict(),
        action_space=action_space,
        cost_names=cost_names,
        frames_per_second=None if rate is None else float(rate),
        environment=environment,
        masks=masks,
    )
    return check_demonstrations(found, str(path))


def write_robomimic(demonstrations: Demonstrations, path: Path) -> None:
    """Write a robomimic file.

    Args:
        demonstrations: with actions in a Box: bounded, or all in [-1, 1].
        path: the new HDF5 file.

    Raises:
        DataError: the file is there already, or actions are choices or of unknown scale.
    """
    refuse_to_overwrite(path)
    scale = _scale(demonstrations)
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        data = file.create_group("data")
        data.attrs["total"] = sum(map(len, demonstrations.episodes))
        data.attrs["env_args"] = json.dumps(
            {"env_name": demonstrations.environment, "type": GYM, "env_kwargs": {}}
        )
        data.attrs["cost_names"] = json.dumps(list(demonstrations.cost_names))
        if demonstrations.frames_per_second is not None:
            data.attrs["frames_per_second"] = demonstrations.frames_per_second
        if scale is not None:
            data.attrs["action_low"], data.attrs["action_high"] = scale
        for i, episode in enumerate(demonstrations.episodes):
            _write_episode(data.create_group(f"demo_{i}"), episode, scale)
        for name, positions in demonstrations.masks.items():
            listed = np.array([f"demo_{i}" for i in positions], dtype="S")
            file.create_dataset(f"mask/{'valid' if name == 'val' else name}", data=listed)


def _episode(
    group: h5py.Group,
    where: str,
    keys: Sequence[str] | None,
    bounds: tuple[NDArray, NDArray] | None,
) -> Demonstration:
    actions = read_dataset(group, "actions", where)
    told = int(group.attrs.get("num_samples", len(actions)))
    if told != len(actions):
        raise DataError(
            f"{where} is not whole",
            expected=f"num_samples = {told} actions",
            got=f"{len(actions)}",
            fix="the file was cut off while it was written: take the episode out",
        )
    if bounds is not None:
        space = spaces.Box(*(bound.astype(np.float32) for bound in bounds), dtype=np.float32)
        actions = action_rows(actions, space, where)
        low, high = (bound.astype(np.float64) for bound in bounds)
        actions = low + (actions.astype(np.float64) + 1) / 2 * (high - low)
    steps = len(actions)
    done = bool(np.any(read_dataset(group, "dones", where)[-1:])) if "dones" in group else False
    truncated = bool(group.attrs.get("truncated", False))
    rewards = read_dataset(group, "rewards", where) if "rewards" in group else np.zeros(steps)
    return Demonstration(
        observations=_observations(group, where, keys),
        actions=actions.astype(np.float32),
        rewards=rewards.astype(np.float32),
        terminated=done and not truncated,
        truncated=truncated,
        costs=group["costs"][()].astype(np.float32) if "costs" in group else None,
        info=json.loads(group.attrs.get("info", "{}")),
        seed=int(group.attrs["seed"]) if "seed" in group.attrs else None,
    )


def _observations(group: h5py.Group, where: str, keys: Sequence[str] | None) -> Observations:
    """Rows of each key, with what the episode ended with where ``next_obs`` tells it."""
    stored = require_key(group, "obs", where)
    after = group.get("next_obs", {})
    found = {}
    names = choose_keys(stored, keys, where)
    final = all(name in after and len(after[name]) for name in names)
    for name in names:
        rows = read_dataset(stored, name, f"{where}/obs")
        rows = rows[:, None] if rows.ndim == 1 else rows  # [t] -> [t, 1]
        if final:
            last = after[name][-1:].reshape(1, *rows.shape[1:])
            rows = np.concatenate([rows, last])
        found[name] = plain_rows(rows)
    return found[FLAT] if list(found) == [FLAT] else found


def _write_episode(
    group: h5py.Group, episode: Demonstration, scale: tuple[NDArray, NDArray] | None
) -> None:
    steps = len(episode)
    actions = episode.actions.astype(np.float64)
    if scale is not None:
        low, high = (bound.astype(np.float64) for bound in scale)
        # A label may lie outside, as an expert's does before the world clips it.
        actions = np.clip(2 * (actions - low) / (high - low) - 1, -1, 1)
    ended = episode.terminated or episode.truncated
    group.attrs["num_samples"] = steps
    group.attrs["truncated"] = episode.truncated
    group.attrs["info"] = json.dumps(dict(episode.info))
    if episode.seed is not None:
        group.attrs["seed"] = episode.seed
    group.create_dataset("actions", data=actions.astype(np.float32))
    group.create_dataset("rewards", data=episode.rewards)
    group.create_dataset("dones", data=(np.arange(steps) == steps - 1) & ended, dtype=np.int64)
    group.create_dataset("states", data=np.zeros((steps, 0), np.float32))
    if episode.costs is not None:
        group.create_dataset("costs", data=episode.costs)
    observed = episode.observations
    for key, rows in (observed if isinstance(observed, dict) else {FLAT: observed}).items():
        group.create_dataset(f"obs/{key}", data=rows[:steps])
        if episode.has_final_observation:
            group.create_dataset(f"next_obs/{key}", data=rows[1:])


def _scale(demonstrations: Demonstrations) -> tuple[NDArray, NDArray] | None:
    """Bounds that actions are divided by; None where they lie in [-1, 1] as they are.

    Raises:
        DataError: actions are choices, or of unknown scale.
    """
    space = demonstrations.action_space
    if not isinstance(space, spaces.Box):
        raise DataError(
            "robomimic has no actions that are choices",
            expected="an action space that is a Box",
            got=str(space),
            fix="write Minari's or LeRobot's format",
        )
    if np.all(space.low == -1) and np.all(space.high == 1):
        return None
    if space.is_bounded():
        return space.low, space.high
    if all(np.abs(episode.actions).max() <= 1 for episode in demonstrations.episodes):
        return None
    raise DataError(
        "robomimic has actions in [-1, 1] only",
        expected="an action space with bounds to divide by",
        got=f"{space} and actions beyond 1",
        fix="write Minari's or LeRobot's format",
    )


def _positions(listed: NDArray, names: Sequence[str], where: str) -> list[int]:
    known = {name: i for i, name in enumerate(names)}
    texts = [entry.decode() if isinstance(entry, bytes) else str(entry) for entry in listed]
    for text in texts:
        require_key(known, text, where)
    return [known[text] for text in texts]


def _number(name: str) -> int:
    digits = name.rpartition("_")[2]
    return int(digits) if digits.isdigit() else -1


def _environment(data: Mapping[str, Any]) -> str:
    try:
        return str(json.loads(data.attrs["env_args"])["env_name"])  # type: ignore[attr-defined]
    except (KeyError, json.JSONDecodeError):
        return ""
