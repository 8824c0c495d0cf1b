"""Demonstrations without any download: a world's scripted expert acts, and is written down.

Legend of shapes: ``n`` agents, ``t`` steps of an episode, ``a`` numbers of a continuous action.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from labloom.errors import ConfigError, DataError
from labloom_robotics.demos.episode import (
    Demonstration,
    Demonstrations,
    action_rows,
    check_demonstrations,
    each_array,
    plain_rows,
)
from labloom_robotics.spaces import bounds, plain_space
from labloom_robotics.worlds import Observations, Transition, World

MOST_ATTEMPTS = 10  # for each episode that is kept
LONGEST_EPISODE = 100_000  # steps


@dataclass(slots=True)
class _Recording:
    """One agent's episode while it goes on."""

    seed: int
    observations: list[Observations] = field(default_factory=list)
    actions: list[NDArray] = field(default_factory=list)
    rewards: list[float] = field(default_factory=list)
    costs: list[NDArray] = field(default_factory=list)
    episode: Demonstration | None = None


def roll_out(
    world: World,
    episodes: int,
    *,
    first_seed: int,
    noise: float = 0.0,
    clean_labels: bool = True,
    only_successes: bool = False,
) -> Demonstrations:
    """Let a world's expert act until ``episodes`` episodes are written down.

    With ``noise`` and ``clean_labels`` the world is disturbed and the expert's own action is the
    label, so the set shows how to come back from mistakes (DART, Laskey et al. 2017,
    arXiv:1703.09327; its noise is fitted to the learner, ours is fixed). With ``clean_labels``
    false the label is what was done, noise included, as with a clumsy teacher.

    Args:
        world: with an expert.
        episodes: how many to keep.
        first_seed: of the first episode; the next ones count up. All noise comes from it too.
        noise: standard deviation of the disturbance as part of half the action's range; with
            Discrete actions the probability of a random one.
        clean_labels: whether the label is the expert's action, or the one that was executed.
        only_successes: drop episodes that end without ``success``.

    Raises:
        ConfigError: the world has no expert, or does not tell success; noise is out of range, or
            the action space has no bounds to measure it by.
        DataError: the expert succeeds too rarely, or an episode does not end.
    """
    disturb = _disturbance(world.action_space, noise)
    generator = np.random.default_rng([first_seed, episodes])
    kept: list[Demonstration] = []
    attempts, seed = 0, first_seed
    while len(kept) < episodes:
        if attempts >= MOST_ATTEMPTS * episodes:
            raise DataError(
                f"the expert of {type(world).__name__} succeeds too rarely",
                expected=f"{episodes} successes in {attempts} episodes",
                got=f"{len(kept)} successes",
                fix="an easier world, less data.noise, or data.only_successes=false",
            )
        seeds = range(seed, seed + world.num_agents)
        done = _roll_out_once(world, seeds, disturb, generator, clean_labels)
        kept += [e for e in done if not only_successes or _succeeded(e, world)]
        attempts, seed = attempts + len(done), seed + len(done)
    found = Demonstrations(
        episodes=kept[:episodes],
        observation_space=world.observation_space,
        action_space=world.action_space,
        cost_names=world.cost_names,
        frames_per_second=world.frames_per_second,
        environment=type(world).__name__,
    )
    return check_demonstrations(found, f"the expert of {type(world).__name__}")


def expert_actions(world: World) -> NDArray:
    """What the world's expert would do now, [n] or [n, a].

    Raises:
        ConfigError: the world has none.
    """
    try:
        return world.expert()
    except NotImplementedError as error:
        raise ConfigError(
            f"{type(world).__name__} has no scripted expert",
            expected="a world whose expert() tells actions",
            got=str(error),
            fix="another data.world, or demonstrations from a file: data.source=auto data.path=...",
        ) from error


def _roll_out_once(
    world: World,
    seeds: Sequence[int],
    disturb: Any,
    generator: np.random.Generator,
    clean_labels: bool,
) -> list[Demonstration]:
    """One episode of every agent; what an agent does after its end is not written down."""
    observations = world.reset(list(seeds))
    recordings = [_Recording(seed) for seed in seeds]
    for _ in range(LONGEST_EPISODE):
        expert = expert_actions(world)
        executed = disturb(expert, generator)
        step = world.step(executed)
        labels = expert if clean_labels else executed
        for agent, recording in enumerate(recordings):
            if recording.episode is None:
                _write_down(recording, agent, observations, labels, step, world)
        if all(recording.episode is not None for recording in recordings):
            return [r.episode for r in recordings if r.episode is not None]
        observations = step.observations
    raise DataError(
        f"an episode of {type(world).__name__} does not end",
        expected=f"at most {LONGEST_EPISODE} steps",
        fix="give the world a limit of steps",
    )


def _write_down(
    recording: _Recording,
    agent: int,
    observations: Observations,
    labels: NDArray,
    step: Transition,
    world: World,
) -> None:
    # Copies: a world may use its arrays again in the next step.
    recording.observations.append(each_array(observations, lambda rows: rows[agent].copy()))
    recording.actions.append(np.array(labels[agent]))
    recording.rewards.append(float(step.rewards[agent]))
    recording.costs.append(step.costs[agent].copy())
    if not step.ended[agent]:
        return
    final = each_array(step.final_observations, lambda rows: rows[agent].copy())
    recording.episode = Demonstration(
        observations=_stacked([*recording.observations, final]),
        actions=action_rows(np.stack(recording.actions), world.action_space, type(world).__name__),
        rewards=np.array(recording.rewards, dtype=np.float32),
        terminated=bool(step.terminated[agent]),
        truncated=bool(step.truncated[agent]),
        costs=np.stack(recording.costs).astype(np.float32) if world.cost_names else None,
        info={name: values[agent].item() for name, values in step.info.items()},
        seed=recording.seed,
    )


def _stacked(rows: Sequence[Observations]) -> Observations:
    if isinstance(rows[0], dict):
        return {key: plain_rows(np.stack([row[key] for row in rows])) for key in rows[0]}
    return plain_rows(np.stack(rows))


def _succeeded(episode: Demonstration, world: World) -> bool:
    if "success" not in episode.info:
        raise ConfigError(
            f"{type(world).__name__} does not tell whether an episode was a success",
            expected="info['success'] at the end of an episode",
            got=f"{sorted(episode.info)}",
            fix="data.only_successes=false",
        )
    return bool(episode.info["success"])


def _disturbance(space: spaces.Space, noise: float) -> Any:
    """A function from actions [n, ...] and a generator to disturbed actions."""
    if noise == 0:
        return lambda actions, generator: actions
    if isinstance(space, spaces.Discrete):
        _require_noise(0 <= noise <= 1, noise, "a probability, from 0 to 1")
        return lambda actions, generator: np.where(
            generator.random(len(actions)) < noise,
            generator.integers(space.n, size=len(actions)),
            actions,
        )
    low, high = bounds(plain_space(space))
    _require_noise(noise > 0, noise, "a number of at least 0")
    _require_noise(
        bool(np.isfinite(low).all() and np.isfinite(high).all()), noise, "0: actions have no bounds"
    )

    def add(actions: NDArray, generator: np.random.Generator) -> NDArray[np.float32]:
        drawn = generator.normal(size=actions.shape) * noise * (high - low) / 2
        return np.clip(actions + drawn, low, high).astype(np.float32)

    return add


def _require_noise(holds: bool, noise: float, expected: str) -> None:
    if not holds:
        raise ConfigError(
            "data.noise cannot be used with these actions",
            expected=expected,
            got=repr(noise),
            fix="data.noise=0",
        )
