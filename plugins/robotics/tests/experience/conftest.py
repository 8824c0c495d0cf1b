"""A small built-in world that draws on, and small modules that act and learn in it."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from torch import Tensor, nn

from labloom_robotics.evaluation.episodes import Episodes, play
from labloom_robotics.experience.actor import Decision
from labloom_robotics.experience.plan import Plan, Replay, Rollouts
from labloom_robotics.worlds import Transition, World, make


class Drift(World):
    """A point on a line that drifts by chance and is pushed left (0) or right (1).

    It crashes beyond 1; its time is over after ``max_episode_steps``. Each agent has a generator.
    """

    cost_names = ("effort",)

    def __init__(self, num_agents: int, *, max_episode_steps: int = 9, spread: float = 0.3) -> None:
        self.num_agents = num_agents
        self.max_episode_steps = max_episode_steps
        self.spread = spread
        self.observation_space = spaces.Box(-np.inf, np.inf, (2,), np.float32)
        self.action_space = spaces.Discrete(2)
        self.reset(range(num_agents))

    def reset(self, seeds: Sequence[int]) -> NDArray:
        self._generators = [np.random.default_rng(seed) for seed in seeds]
        self.place = np.array([g.uniform(-0.5, 0.5) for g in self._generators])
        self.steps = np.zeros(self.num_agents, dtype=np.int64)
        return self.observe()

    def step(self, actions: NDArray) -> Transition:
        drift = np.array([g.normal(0, self.spread) for g in self._generators])
        self.place = self.place + drift + 0.2 * (2 * actions - 1)
        self.steps += 1
        final = self.observe()
        terminated = np.abs(self.place) > 1
        truncated = (self.steps >= self.max_episode_steps) & ~terminated
        rewards = (1 - np.abs(self.place)).astype(np.float32)
        for agent in np.flatnonzero(terminated | truncated):
            self.place[agent] = self._generators[agent].uniform(-0.5, 0.5)
            self.steps[agent] = 0
        return Transition(
            observations=self.observe(),
            final_observations=final,
            rewards=rewards,
            costs=actions[:, None].astype(np.float32),
            terminated=terminated,
            truncated=truncated,
            info={"collision": terminated, "success": truncated},
        )

    def observe(self) -> NDArray:
        return np.stack([self.place, self.steps / 10], axis=1).astype(np.float32)

    def state_dict(self) -> dict[str, Any]:
        states = [g.bit_generator.state["state"] for g in self._generators]
        return {
            "place": torch.from_numpy(self.place.copy()),
            "steps": torch.from_numpy(self.steps.copy()),
            "generators": [[hex(s["state"]), hex(s["inc"])] for s in states],
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.place = state["place"].numpy().copy()
        self.steps = state["steps"].numpy().copy()
        for generator, (value, inc) in zip(self._generators, state["generators"], strict=True):
            whole = generator.bit_generator.state
            whole["state"] = {"state": int(value, 16), "inc": int(inc, 16)}
            generator.bit_generator.state = whole


class Greedy:
    """The controller of a ``Learner``."""

    def __init__(self, learner: Learner) -> None:
        self.learner = learner

    def __call__(self, observations: NDArray, world: World) -> NDArray:
        with torch.no_grad():
            return self.learner.policy(torch.from_numpy(observations)).argmax(-1).numpy()

    def counts(self) -> dict[str, NDArray]:
        return {}


class Learner(pl.LightningModule):
    """Acts by a small network with dropout, and learns from rollouts or from replay."""

    def __init__(self, plan: Plan, features: int = 2, costs: int = 1) -> None:
        super().__init__()
        self.plan = plan
        self.policy = nn.Sequential(
            nn.Linear(features, 8), nn.Tanh(), nn.Dropout(0.1), nn.Linear(8, 2)
        )
        self.critic = nn.Linear(features, 1 + costs)
        self.heard: list[tuple[int, int]] = []
        self.ended: list[Episodes] = []
        self.acted_in_training_mode = False

    def act(self, observations: Tensor, generator: torch.Generator) -> Decision:
        self.acted_in_training_mode |= self.policy.training or torch.is_grad_enabled()
        chances = self.policy(observations).softmax(-1)
        actions = torch.multinomial(chances, 1, generator=generator)
        log_prob = chances.gather(1, actions)[:, 0].log()
        extras = {"log_prob": log_prob, "values": self.critic(observations)}
        return Decision(actions=actions[:, 0], extras=extras)

    def values(self, observations: Tensor) -> Tensor:
        return self.critic(observations)

    def collected(self, observations: Tensor, steps: int) -> None:
        self.heard.append((len(observations), steps))

    def finished(self, episodes: Episodes) -> None:
        self.ended.append(episodes)

    def training_step(self, batch: dict[str, Any]) -> Tensor:
        chosen = self.policy(batch["observations"]).log_softmax(-1)
        chosen = chosen.gather(1, batch["actions"][:, None])[:, 0]
        worth = self.critic(batch["observations"])
        if isinstance(self.plan, Rollouts):
            errors = worth - batch["returns"]
            return (errors**2).mean() - (chosen * batch["advantages"][:, 0]).mean()
        target = (
            batch["rewards"]
            + batch["discounts"] * self.critic(batch["next_observations"])[:, 0].detach()
        )
        return ((worth[:, 0] - target) ** 2 - chosen * (target - worth[:, 0]).detach()).mean()

    def controller(self, num_agents: int) -> Greedy:
        return Greedy(self)

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        returns = play(batch, self.controller(len(batch.seeds))).returns
        self.log("val/return", returns.mean(), batch_size=len(returns))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), 1e-2)


ROLLOUTS = Rollouts(steps=7, passes=2, batch_size=8, gamma=0.9, gae_lambda=0.8)
REPLAY = Replay(
    collections=3, steps=2, updates=2, batch_size=8, capacity=40, warmup=12, n_step=3, gamma=0.9
)


@pytest.fixture(params=[ROLLOUTS, REPLAY], ids=["rollouts", "replay"])
def plan(request: pytest.FixtureRequest) -> Plan:
    return request.param


@pytest.fixture
def rollouts() -> Rollouts:
    return ROLLOUTS


@pytest.fixture
def replay() -> Replay:
    return REPLAY


@pytest.fixture
def drift(monkeypatch: pytest.MonkeyPatch) -> type[Drift]:
    """The class; ``world="drift"`` names it, too."""
    monkeypatch.setitem(make.BUILT_IN, "drift", f"{Drift.__module__}:Drift")
    return Drift


@pytest.fixture
def learner() -> Callable[..., Learner]:
    """Makes learners, all with the same weights."""

    def make_learner(plan: Plan, **sizes: int) -> Learner:
        torch.manual_seed(3)
        return Learner(plan, **sizes)

    return make_learner


@pytest.fixture
def fit() -> Iterator[Callable[..., pl.Trainer]]:
    """Trains for some epochs, quietly."""
    logger = logging.getLogger("pytorch_lightning")
    level = logger.level
    logger.setLevel(logging.ERROR)

    def run(module: pl.LightningModule, data: Any, epochs: int, **settings: Any) -> pl.Trainer:
        checkpoint = settings.pop("ckpt_path", None)
        trainer = pl.Trainer(
            max_epochs=epochs,
            accelerator="cpu",
            logger=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            **{"enable_checkpointing": bool(settings.get("callbacks")), **settings},
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if isinstance(data, pl.LightningDataModule):
                trainer.fit(module, datamodule=data, ckpt_path=checkpoint)
            else:
                trainer.fit(module, data)
        return trainer

    yield run
    logger.setLevel(level)
