"""What LeRobot's two layouts share when they are read: features, and episodes put together.

LeRobot (https://github.com/huggingface/lerobot, Apache-2.0) stores one row a frame. Features whose
names begin with ``observation.`` are observed, ``action`` is what was done next; ``next.reward``,
``next.done`` and ``next.success`` are there for simulated data. There is no final observation.

A data set whose only observation is ``observation.state`` gives a Box, any other a Dict whose keys
are the names without ``observation.``. Images are PNG or JPEG files inside the table (dtype
``image``) or beside it as mp4 (dtype ``video``), for which the package ``av`` is needed.

Only pyarrow is needed, never ``lerobot`` itself, and never a network. We write two features of our
own, ``next.truncated`` and ``next.cost``, which other readers pass over.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from gymnasium import spaces
from numpy.typing import NDArray

from labloom.errors import DataError
from labloom_robotics.demos.episode import (
    Demonstration,
    Demonstrations,
    check_demonstrations,
    inferred_space,
)
from labloom_robotics.demos.files import (
    choose_keys,
    read_json,
    require_key,
)
from labloom_robotics.worlds import Observations

INFO = "meta/info.json"
STATE, PREFIX, ACTION = "observation.state", "observation.", "action"
REWARD, DONE, TRUNCATED, SUCCESS, COST = (
    f"next.{name}" for name in ("reward", "done", "truncated", "success", "cost")
)
COUNTERS = {  # every data set has them; numbers from 0, timestamp in s
    "timestamp": "float32",
    "frame_index": "int64",
    "episode_index": "int64",
    "index": "int64",
    "task_index": "int64",
}
FRAMES_PER_CHUNK = 1000  # files in a folder

Info = Mapping[str, Any]


def is_lerobot(path: Path) -> bool:
    """Whether the folder looks like a LeRobot data set of either version."""
    return (path / INFO).is_file()


def read_info(path: Path) -> dict[str, Any]:
    """The data set's ``meta/info.json``.

    Raises:
        DataError: it is missing, corrupt, or of a version that is not read.
    """
    info = read_json(path / INFO)
    version = str(require_key(info, "codebase_version", path / INFO))
    if version not in ("v2.0", "v2.1", "v3.0"):
        raise DataError(
            f"{path / INFO} is of version {version}",
            expected="codebase_version v2.0, v2.1 or v3.0",
            got=version,
            fix="convert the data set with LeRobot",
        )
    require_key(info, "features", path / INFO)
    return info


def observation_features(info: Info, keys: Sequence[str] | None, where: object) -> dict[str, str]:
    """Key of the observations -> feature, of those that are to be read.

    Raises:
        DataError: a wanted key is not there, or there is none.
    """
    found = {n.removeprefix(PREFIX): n for n in info["features"] if n.startswith(PREFIX)}
    return {key: found[key] for key in choose_keys(found, keys, where)}


def wanted_columns(info: Info, features: Mapping[str, str]) -> list[str]:
    """The columns that a reader asks the tables for: no videos, which are not in them."""
    kinds = info["features"]
    stored = [name for name in features.values() if kinds[name]["dtype"] != "video"]
    known = [n for n in (REWARD, DONE, TRUNCATED, SUCCESS, COST) if n in kinds]
    return ["episode_index", "frame_index", *stored, ACTION, *known]


def assembled(
    episodes: Mapping[int, Demonstration],
    features: Mapping[str, str],
    info: Info,
    path: Path,
) -> Demonstrations:
    """All episodes of a data set, checked.

    Raises:
        DataError: episodes are missing, broken or not of one kind.
    """
    told = int(info.get("total_episodes", len(episodes)))
    if len(episodes) != told:
        raise DataError(
            f"{path} does not hold all of its episodes",
            expected=f"total_episodes of {INFO}: {told}",
            got=f"{len(episodes)} in the tables",
            fix="copy the data set again, with all of its folders",
        )
    ordered = [episodes[number] for number in sorted(episodes)]
    if not ordered:
        empty = Demonstrations(
            episodes=(), observation_space=spaces.Dict(), action_space=spaces.Dict()
        )
        return check_demonstrations(empty, str(path))
    first = ordered[0]
    choices = None
    if is_choice(info):
        # At least one, so that negative choices come to the check below.
        choices = 1 + max(int(episode.actions.max(initial=0)) for episode in ordered)
    found = Demonstrations(
        episodes=[_plain(episode, features) for episode in ordered],
        observation_space=inferred_space(_plain(first, features).observations),
        action_space=inferred_space(first.actions, discrete=choices),
        cost_names=tuple(info["features"].get(COST, {}).get("names") or ()),
        frames_per_second=info.get("fps"),
        environment=str(info.get("robot_type") or ""),
        masks=_masks(info, len(ordered)),
    )
    return check_demonstrations(found, str(path))


def is_choice(info: Info) -> bool:
    """Whether actions are choices: one whole number."""
    action = info["features"][ACTION]
    return str(action["dtype"]).startswith("int") and list(action["shape"]) == [1]


def with_video(episode: Demonstration, key: str, frames: NDArray, where: str) -> Demonstration:
    """The episode with what was decoded from its video, uint8 [t, h, w, c], under ``key``.

    Raises:
        DataError: the video has not as many frames as the episode.
    """
    if len(frames) != len(episode):
        raise DataError(
            f"{where} does not fit its episode",
            expected=f"{len(episode)} frames",
            got=f"{len(frames)}",
            fix="the video is cut off: copy it again",
        )
    assert isinstance(episode.observations, dict)
    return replace(episode, observations={**episode.observations, key: frames})


def _plain(episode: Demonstration, features: Mapping[str, str]) -> Demonstration:
    """A Box where ``observation.state`` is all there is; keys in the order of the features."""
    observed = episode.observations
    assert isinstance(observed, dict)
    observations: Observations = {key: observed[key] for key in features}
    if list(features.values()) in ([STATE], [PREFIX + "image"]):
        (observations,) = observed.values()
    return replace(episode, observations=observations)


def _masks(info: Info, episodes: int) -> dict[str, list[int]]:
    """The named splits, ``"train": "0:40"``; one that holds everything says nothing."""
    masks = {}
    for name, text in (info.get("splits") or {}).items():
        start, _, end = str(text).partition(":")
        if start.isdigit() and end.isdigit():
            masks["val" if name in ("valid", "validation") else name] = list(
                range(int(start), min(int(end), episodes))
            )
    return {} if list(masks) == ["train"] else masks
