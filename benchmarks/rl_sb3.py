"""The peer of ``rl.py``: stable-baselines3 with the settings of rl-baselines3-zoo.

Settings: rl-baselines3-zoo, ``hyperparams/ppo.yml`` and ``dqn.yml``, entries ``CartPole-v1``, and
for Reacher those of the experiment file ``robotics_reacher``, on both sides.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from stable_baselines3 import DQN, PPO
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.env_util import make_vec_env


def falling(start: float) -> Callable[[float], float]:
    """A straight line from ``start`` to 0 over the training."""
    return lambda remaining: remaining * start


def ppo_cartpole(seed: int) -> BaseAlgorithm:
    """PPO as the zoo trains it on CartPole-v1: 8 environments, 32 steps, one batch of 256."""
    return PPO(
        "MlpPolicy",
        make_vec_env("CartPole-v1", n_envs=8, seed=seed),
        n_steps=32,
        batch_size=256,
        n_epochs=20,
        gamma=0.98,
        gae_lambda=0.8,
        ent_coef=0.0,
        learning_rate=falling(1e-3),
        clip_range=falling(0.2),
        seed=seed,
        device="cpu",
    )


def dqn_cartpole(seed: int) -> BaseAlgorithm:
    """DQN as the zoo trains it on CartPole-v1: 256 steps, then 128 updates."""
    return DQN(
        "MlpPolicy",
        make_vec_env("CartPole-v1", n_envs=1, seed=seed),
        learning_rate=2.3e-3,
        batch_size=64,
        buffer_size=100_000,
        learning_starts=1000,
        gamma=0.99,
        target_update_interval=10,
        train_freq=256,
        gradient_steps=128,
        exploration_fraction=0.16,
        exploration_final_eps=0.04,
        policy_kwargs={"net_arch": [256, 256]},
        seed=seed,
        device="cpu",
    )


def ppo_reacher(seed: int) -> BaseAlgorithm:
    """PPO on MuJoCo's Reacher-v5."""
    return PPO(
        "MlpPolicy",
        make_vec_env("Reacher-v5", n_envs=8, seed=seed),
        n_steps=128,
        batch_size=256,
        n_epochs=10,
        gamma=0.9,
        gae_lambda=0.9,
        ent_coef=0.0,
        learning_rate=falling(1e-3),
        clip_range=0.2,
        seed=seed,
        device="cpu",
    )


PEERS: dict[str, Callable[[int], BaseAlgorithm]] = {
    "ppo-cartpole": ppo_cartpole,
    "dqn-cartpole": dqn_cartpole,
    "ppo-reacher": ppo_reacher,
}


def train(
    contest: str, seed: int, steps: int, clock: Callable[[], float]
) -> tuple[float, int, Callable[..., NDArray]]:
    """Train the peer of a contest.

    Args:
        contest: which.
        seed: of everything.
        steps: of all environments together.
        clock: that times it, s.

    Returns:
        Seconds in ``learn``, steps of all environments together, and the policy, deterministic.
    """
    model = PEERS[contest](seed)
    start = clock()
    model.learn(steps)
    seconds = clock() - start

    def decide(observations: NDArray[Any], world: Any) -> NDArray[Any]:
        return np.asarray(model.predict(observations, deterministic=True)[0])

    return seconds, model.num_timesteps, decide
