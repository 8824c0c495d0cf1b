"""Demonstrations: what somebody observed and did, episode by episode, whatever file it came from.

Legend of shapes: ``t`` steps of an episode, ``a`` numbers of a continuous action, ``k`` costs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from labloom.errors import DataError, listing
from labloom_robotics.worlds import Observations


@dataclass(frozen=True, slots=True, kw_only=True)
class Demonstration:
    """One episode.

    Files differ in whether they hold what the last action led to. Both are fine here: row ``i`` of
    ``observations`` is what action ``i`` was chosen from, and a row beyond the last action, if
    there is one, is what the episode ended with.

    Args:
        observations: [t, ...] or [t + 1, ...], or by key.
        actions: float32 [t, a] in the units of the action space, or int64 [t].
        rewards: float32 [t]; zeros where nobody wrote them down.
        terminated: the task itself ended the episode.
        truncated: the clock ended it.
        costs: float32 [t, k], in the order of the set's ``cost_names``; None: no costs.
        info: facts about the whole episode, plain values, e.g. ``success`` (bool).
        seed: what the episode was started from; None where unknown.
    """

    observations: Observations
    actions: NDArray
    rewards: NDArray[np.float32]
    terminated: bool = False
    truncated: bool = False
    costs: NDArray[np.float32] | None = None
    info: Mapping[str, Any] = field(default_factory=dict)
    seed: int | None = None

    def __len__(self) -> int:
        """Steps."""
        return len(self.actions)

    @property
    def has_final_observation(self) -> bool:
        """Whether there is one row more of observations than of actions."""
        return len(first_array(self.observations)) == len(self) + 1

    def chosen_from(self) -> Observations:
        """The observations that the actions were chosen from, [t, ...] or by key."""
        return each_array(self.observations, lambda rows: rows[: len(self)])


@dataclass(frozen=True, slots=True, kw_only=True)
class Demonstrations:
    """Episodes of one kind: what a file or a scripted expert gives.

    Args:
        episodes: at least one.
        observation_space: a Box, or a Dict of them.
        action_space: Box, or Discrete from 0.
        cost_names: names of the costs, in the order of ``Demonstration.costs``.
        frames_per_second: steps a second of the robot's time; None where unknown.
        environment: what it was recorded in, for people; empty where unknown.
        masks: named groups of episodes, by position, that the file names: ``train``, ``val``, ...
    """

    episodes: Sequence[Demonstration]
    observation_space: spaces.Space
    action_space: spaces.Space
    cost_names: tuple[str, ...] = ()
    frames_per_second: float | None = None
    environment: str = ""
    masks: Mapping[str, Sequence[int]] = field(default_factory=dict)

    def __len__(self) -> int:
        """Episodes."""
        return len(self.episodes)


def first_array(observations: Observations) -> NDArray:
    """The observations, or those of their first key: enough to count rows."""
    return next(iter(observations.values())) if isinstance(observations, dict) else observations


def each_array(observations: Observations, change: Callable[[NDArray], NDArray]) -> Observations:
    """``change`` done to the observations, or to those of each key."""
    if isinstance(observations, dict):
        return {key: change(rows) for key, rows in observations.items()}
    return change(observations)


def named_arrays(observations: Observations) -> list[tuple[str, NDArray]]:
    """The arrays with their names, ``observations`` or ``observations/KEY``."""
    if isinstance(observations, dict):
        return [(f"observations/{key}", rows) for key, rows in observations.items()]
    return [("observations", observations)]


def check_episode(episode: Demonstration, where: str) -> None:
    """Refuse an episode that cannot be learned from.

    Args:
        episode: as it was read.
        where: file and episode, for the message.

    Raises:
        DataError: it has no step, its lengths differ, or a number is NaN or infinite.
    """
    steps = len(episode)
    if steps == 0:
        raise DataError(
            f"{where} has no step",
            expected="at least one action",
            got="0 actions",
            fix="take the episode out of the file",
        )
    observed = named_arrays(episode.observations)
    for name, rows in observed:
        if len(rows) not in (steps, steps + 1) or len(rows) != len(observed[0][1]):
            raise _wrong_length(where, name, len(rows), f"{steps} rows, or {steps + 1}", steps)
    arrays = [*observed, ("actions", episode.actions), ("rewards", episode.rewards)]
    if episode.costs is not None:
        arrays.append(("costs", episode.costs))
    for name, rows in arrays[len(observed) :]:
        if len(rows) != steps:
            raise _wrong_length(where, name, len(rows), f"{steps} rows", steps)
    for name, rows in arrays:
        if rows.dtype.kind == "f" and not np.isfinite(rows).all():
            bad = int(np.argmin(np.isfinite(rows.reshape(len(rows), -1)).all(axis=1)))
            raise DataError(
                f"{where} has {name} that are no numbers",
                expected="finite numbers",
                got=f"NaN or infinity in row {bad}",
                fix="take the episode out, or repair what recorded it",
            )


def check_demonstrations(demonstrations: Demonstrations, where: str) -> Demonstrations:
    """Refuse an empty set, and episodes that are broken or not of one kind; else hand it on.

    Args:
        demonstrations: as they were read.
        where: the file or folder, for messages.

    Raises:
        DataError: as said; the message names the episode.
    """
    if not demonstrations.episodes:
        raise DataError(
            f"{where} holds no demonstrations",
            expected="at least one episode",
            got="none",
            fix="look at what wrote it",
        )
    first = demonstrations.episodes[0]
    kind = _kind(first)
    for i, episode in enumerate(demonstrations.episodes):
        check_episode(episode, f"{where}: episode {i}")
        if _kind(episode) != kind:
            raise DataError(
                f"{where}: episode {i} is of another kind than episode 0",
                expected=_in_words(kind),
                got=_in_words(_kind(episode)),
                fix="keep episodes of different robots or sensors in files of their own",
            )
        if isinstance(demonstrations.action_space, spaces.Discrete):
            _check_choices(episode.actions, demonstrations.action_space, f"{where}: episode {i}")
    _check_space(demonstrations.observation_space, first.observations, f"{where}: observations")
    _check_space(demonstrations.action_space, first.actions, f"{where}: actions")
    return demonstrations


def inferred_space(rows: Observations, *, discrete: int | None = None) -> spaces.Space:
    """The space that rows seem to come from, where a file does not say.

    Args:
        rows: observations or actions, [t, ...] or by key.
        discrete: number of choices if they are choices.

    Returns:
        uint8 in three dimensions: a Box of 0 to 255; other numbers: an unbounded float32 Box.
    """
    if isinstance(rows, dict):
        return spaces.Dict({key: inferred_space(array) for key, array in rows.items()})
    if discrete is not None:
        return spaces.Discrete(discrete)
    if rows.dtype == np.uint8 and rows.ndim == 4:
        return spaces.Box(0, 255, rows.shape[1:], np.uint8)
    return spaces.Box(-np.inf, np.inf, rows.shape[1:], np.float32)


def plain_rows(rows: NDArray) -> NDArray:
    """Rows as they are kept: images as uint8, other real and whole numbers as float32."""
    return rows if rows.dtype == np.uint8 and rows.ndim == 4 else rows.astype(np.float32)


def action_rows(rows: NDArray, space: spaces.Space, where: str) -> NDArray:
    """Actions as they are kept: int64 [t] for Discrete, float32 [t, a] for Box.

    Raises:
        DataError: they have another shape than the space.
    """
    discrete = isinstance(space, spaces.Discrete)
    shape = () if discrete else space.shape
    try:
        return rows.reshape(len(rows), *shape).astype(np.int64 if discrete else np.float32)
    except ValueError as error:
        raise DataError(
            f"{where} has actions that do not fit their space",
            expected=f"rows of shape {list(shape)}",
            got=f"rows of shape {list(rows.shape[1:])}",
            fix="the file contradicts itself, or was recorded with another robot",
        ) from error


def _check_space(space: spaces.Space, rows: Observations, name: str) -> None:
    parts = space.spaces if isinstance(space, spaces.Dict) else {"": space}
    arrays = rows if isinstance(rows, dict) else {"": rows}
    if parts.keys() != arrays.keys():
        raise DataError(
            f"{name} do not fit their space",
            expected=f"keys {listing(parts)}",
            got=f"keys {listing(arrays)}",
            fix="leave out or add the keys",
        )
    for key, part in parts.items():
        shape = () if isinstance(part, spaces.Discrete) else part.shape
        if arrays[key].shape[1:] != shape:
            raise DataError(
                f"{name}{f'/{key}' if key else ''} do not fit their space",
                expected=f"rows of shape {list(shape)}",
                got=f"rows of shape {list(arrays[key].shape[1:])}",
                fix="the file contradicts itself, or was recorded in another world",
            )


def _check_choices(actions: NDArray, space: spaces.Discrete, where: str) -> None:
    lowest, highest = int(actions.min()), int(actions.max())
    if lowest < 0 or highest >= space.n:
        raise DataError(
            f"{where} has choices that do not fit their space",
            expected=f"whole numbers from 0 to {space.n - 1}",
            got=f"{lowest}" if lowest < 0 else f"{highest}",
            fix="number the choices from 0, or take the episode out of the file",
        )


def _kind(episode: Demonstration) -> dict[str, tuple[int, ...]]:
    shapes = {name: rows.shape[1:] for name, rows in named_arrays(episode.observations)}
    return {**shapes, "actions": episode.actions.shape[1:]}


def _in_words(kind: Mapping[str, tuple[int, ...]]) -> str:
    return ", ".join(f"{name} {list(shape)}" for name, shape in kind.items())


def _wrong_length(where: str, name: str, got: int, expected: str, steps: int) -> DataError:
    return DataError(
        f"{where} has {name} that do not fit its {steps} actions",
        expected=expected,
        got=f"{got} rows",
        fix="the episode was cut off or written wrongly: take it out of the file",
    )
