"""Environments of Gymnasium to train and evaluate in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from labloom.errors import ConfigError
from labloom_robotics.data.control import WorldData
from labloom_robotics.worlds.make import BUILT_IN


class GymData(WorldData):
    """Any environment of Gymnasium, by its id.

    Args:
        env: id, such as ``CartPole-v1``; ``package:Name-v0`` imports the package first.
        env_options: arguments of ``gymnasium.make``: of the environment, or ``max_episode_steps``.
        costs: keys of a step's info that are costs; ``velocity`` counts steps that are too fast.
        vectorization: ``sync`` steps one after the other, ``async`` each in its own process.
        num_agents: environments that are trained on.
        val_episodes: episodes of a validation; 0: no validation.
        val_seed: of its first episode; the next ones count up.
        test_episodes: episodes of the test; 0: no test.
        test_seed: of its first episode.
        eval_agents: episodes that are played at the same time; None: all of them, up to 64.
        seed: of training: episodes, exploration, order of the batches; None: torch's own.
        keep_replay: write the replay buffer beside ``last.ckpt``, so that a continued run has it.

    Raises:
        ConfigError: a number is out of range, an episode is in validation and test, or ``env`` is a
            built-in world.
    """

    def __init__(  # noqa: PLR0913  (each is a key of the option file)
        self,
        *,
        env: str,
        env_options: Mapping[str, Any] | None = None,
        costs: Sequence[str] = (),
        vectorization: str = "sync",
        num_agents: int = 8,
        val_episodes: int = 20,
        val_seed: int = 1_000,
        test_episodes: int = 100,
        test_seed: int = 100_000,
        eval_agents: int | None = None,
        seed: int | None = None,
        keep_replay: bool = True,
    ) -> None:
        if env in BUILT_IN:
            raise ConfigError(
                f"'{env}' is a built-in world, which has options of its own",
                expected="an id of Gymnasium",
                got=f"data.env={env}",
                fix=f"data=robotics_{env} without data.env",
            )
        super().__init__(
            world=env,
            options={
                "env_options": dict(env_options or {}),
                "costs": list(costs),
                "vectorization": vectorization,
            },
            num_agents=num_agents,
            val_episodes=val_episodes,
            val_seed=val_seed,
            test_episodes=test_episodes,
            test_seed=test_seed,
            eval_agents=eval_agents,
            seed=seed,
            keep_replay=keep_replay,
        )
