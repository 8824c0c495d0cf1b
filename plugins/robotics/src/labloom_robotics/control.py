"""Task ``robotics_control``: a policy from reward and punishment.

Legend of shapes: ``n`` agents, ``k`` costs.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from labloom.arguments import require_whole
from labloom.errors import ConfigError, DataError
from labloom_robotics.evaluation.controller import Controller
from labloom_robotics.evaluation.episodes import EpisodeBatch, Episodes, play
from labloom_robotics.evaluation.metrics import EpisodeMetrics
from labloom_robotics.evaluation.policy_controller import PolicyController
from labloom_robotics.experience.actor import Decision, TensorObservations
from labloom_robotics.experience.plan import Replay
from labloom_robotics.nets.algorithm import Algorithm
from labloom_robotics.observations import read_observations
from labloom_robotics.spaces import PlainSpace, bounds

CurvesOn = Literal["updates", "environment_steps"]
ONLY_LOGGED = "_"


class ControlAgent(pl.LightningModule):
    """Trains ``model``, an algorithm with its networks, on what the data module collects with it.

    An epoch is a round of collecting, a batch a gradient step, a validation a fixed set of seeded
    episodes in which the policy does not explore. The data module owns worlds, memory and seeds,
    and calls ``act``, ``values``, ``collected`` and ``finished``; this module owns all that learns.

    Logged once an epoch: ``train/loss`` and ``train/<term>``, means over its batches;
    ``train/return``, ``train/length`` and ``train/success`` of the episodes that ended while
    collecting, exploration and all; ``train/env_steps``. Under ``val/`` and ``test/`` what
    ``EpisodeMetrics`` measures.

    Args:
        model: the algorithm.
        observation_space: of one agent, plain (see ``labloom_robotics.spaces``).
        action_space: of one agent, plain.
        curves_on: what the curves of metrics stand on: gradient steps (``updates``), or steps of
            all agents together (``environment_steps``). ``train/lr`` and the results of a test stay
            on updates.
        video_episodes: episodes in the film that a run records of its validation, and of its test;
            0: no film.

    Attributes:
        env_steps: steps of all agents together so far; part of the state.

    Raises:
        ConfigError: ``model`` is no algorithm of control, or a number is out of range.
    """

    env_steps: Tensor

    def __init__(
        self,
        model: nn.Module,
        observation_space: PlainSpace,
        action_space: PlainSpace,
        curves_on: CurvesOn = "updates",
        video_episodes: int = 3,
    ) -> None:
        super().__init__()
        require_whole(
            "module.video_episodes", video_episodes, at_least=0, fix="0: no film is recorded"
        )
        if not isinstance(model, Algorithm):
            raise ConfigError(
                f"{type(model).__name__} does not learn from reward",
                expected="an algorithm of control, such as model=robotics_ppo",
                got=type(model).__name__,
                fix="set model=robotics_ppo, robotics_dqn or robotics_sac",
            )
        self.model: Algorithm = model
        self.plan = model.plan
        self.observation_space, self.action_space = observation_space, action_space
        self.curves_on = curves_on
        self.video_episodes = video_episodes
        self.register_buffer("env_steps", torch.zeros((), dtype=torch.long))
        self.metrics = nn.ModuleDict({split: EpisodeMetrics(split) for split in ("val", "test")})
        self._sums: dict[str, Tensor] = {}
        self._counts: dict[str, int] = {}
        self._finished: list[Episodes] = []

    def forward(self, observations: TensorObservations) -> Tensor:
        """The best actions for observations [n, ...], or by key: int64 [n], or float32 [n, a]."""
        if isinstance(observations, Mapping):
            observations = {name: part.to(self.device) for name, part in observations.items()}
        return self.model.decide(observations)

    def act(self, observations: TensorObservations, generator: torch.Generator) -> Decision:
        """Decide while exploring."""
        return self.model.act(observations, generator)

    def values(self, observations: TensorObservations) -> Tensor:
        """Worth of observations in rewards, then in each cost, [n, 1 + k]; on-policy only."""
        return self.model.values(observations)

    def collected(self, observations: TensorObservations, steps: int) -> None:
        """Hear what was collected: observations [m, ...], and how many steps of all agents."""
        self.env_steps += steps
        self.model.collected(observations)

    def finished(self, episodes: Episodes) -> None:
        """Hear of the episodes that ended while collecting."""
        self._finished.append(episodes)

    def controller(self, num_agents: int) -> Controller:
        """A fresh controller for ``num_agents`` episodes."""
        return PolicyController(self)

    def setup(self, stage: str) -> None:
        """Refuse weights of another kind than the observations that worlds give.

        Raises:
            ConfigError: the trainer would change the weights' precision.
        """
        precision = str(self.trainer.precision)
        if precision.endswith("-true") and precision != "32-true":
            raise ConfigError(
                f"{type(self).__name__} cannot have weights of precision {precision}",
                expected="trainer.precision=32-true",
                got=f"trainer.precision={precision}",
                fix="trainer.precision=32-true; worlds tell and take float32",
            )

    def on_fit_start(self) -> None:
        """Let encoders read the weights they start from; know how long the training is.

        Raises:
            ConfigError: something depends on the length of the training, and it has none.
        """
        self.model.load_pretrained()
        epochs = self.trainer.max_epochs
        if self.model.scheduled and (epochs is None or epochs < 1):
            raise ConfigError(
                "the schedule of this model needs to know how long the training is",
                expected="trainer.max_epochs of at least 1, rounds of collecting",
                got=f"trainer.max_epochs={epochs}",
                fix="set trainer.max_epochs; stop earlier by trainer.max_steps or early stopping",
            )
        # A policy that has moved too far skips the rest of its epoch on purpose.
        warnings.filterwarnings("ignore", r"`training_step` returned `None`")

    def on_train_epoch_start(self) -> None:
        """Forget the last epoch, and tell the algorithm where the training stands."""
        self._sums, self._counts, self._finished = {}, {}, []
        self.model.start_epoch()
        self._tell_progress(0.0)

    def training_step(self, batch: dict[str, Any], batch_idx: int) -> Tensor | None:
        """The sum of the algorithm's terms; None where it wants no step."""
        terms = self.model.losses(batch)
        if terms is None:
            return None
        minimised = [term for name, term in terms.items() if not name.startswith(ONLY_LOGGED)]
        loss = functools.reduce(torch.add, minimised)
        self._add_up({"loss": loss, **terms})
        return loss

    def optimizer_zero_grad(self, epoch: int, batch_idx: int, optimizer: Optimizer) -> None:
        """Drop the gradients; the optimizer's own way takes as long as its step."""
        for group in optimizer.param_groups:
            for weight in group["params"]:
                weight.grad = None

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Let target networks follow."""
        self.model.after_step()
        if isinstance(self.plan, Replay):
            self._tell_progress((batch_idx + 1) / self.trainer.num_training_batches)

    def on_train_epoch_end(self) -> None:
        """Log the epoch: one call for all, because one for each batch would cost as much as PPO.

        Raises:
            DataError: the loss is not finite: training has diverged.
        """
        means = {
            f"train/{name.removeprefix(ONLY_LOGGED)}": total / self._counts[name]
            for name, total in self._sums.items()
        }
        self._require_finite(means)
        self.log_dict({**means, **self._finished_means(), "train/env_steps": self._env_steps()})
        self._log_axis()

    def on_validation_epoch_start(self) -> None:
        """Forget what an interrupted epoch left."""
        self._metrics("val").reset()

    def validation_step(self, batch: EpisodeBatch, batch_idx: int) -> Episodes:
        """Play a batch of seeded episodes."""
        return self._play("val", batch)

    def on_validation_epoch_end(self) -> None:
        """Log what was measured."""
        self._log_measured("val")
        self._log_axis()

    def on_test_epoch_start(self) -> None:
        """Forget what an interrupted epoch left."""
        self._metrics("test").reset()

    def test_step(self, batch: EpisodeBatch, batch_idx: int) -> Episodes:
        """Play a batch of seeded episodes."""
        return self._play("test", batch)

    def on_test_epoch_end(self) -> None:
        """Log what was measured."""
        self._log_measured("test")

    def preprocess(self, inputs: Sequence[Any]) -> TensorObservations:
        """Observations [n, ...] of what somebody wrote down (see ``read_observations``).

        Raises:
            DataError: an input cannot be read, or does not fit the observation space.
        """
        return read_observations(inputs, self.observation_space)

    def postprocess(self, outputs: Tensor) -> list[dict[str, Any]]:
        """One answer per action: ``action``, its number, or its numbers within their bounds."""
        actions = outputs.cpu()
        if self.action_space["kind"] == "box":
            low, high = (
                torch.from_numpy(side.astype(np.float32)) for side in bounds(self.action_space)
            )
            actions = actions.float().clamp(low, high)
        return [{"action": action} for action in actions.tolist()]

    def _add_up(self, terms: Mapping[str, Tensor]) -> None:
        """Sum terms on their device, without waiting for it."""
        for name, term in terms.items():
            if name in self._sums:
                self._sums[name] += term.detach()
                self._counts[name] += 1
            else:
                self._sums[name] = term.detach().clone()
                self._counts[name] = 1

    def _require_finite(self, means: Mapping[str, Tensor]) -> None:
        """Refuse to go on from a loss that is none; once an epoch, because it waits for a GPU."""
        loss = means.get("train/loss")
        if loss is not None and not torch.isfinite(loss):
            raise DataError(
                "training has diverged: train/loss is not finite",
                expected="a finite loss",
                got=f"{float(loss)} in epoch {self.current_epoch + 1}",
                fix="a smaller learning rate: optimizer.lr",
            )

    def _tell_progress(self, share_of_epoch: float) -> None:
        epochs = self.trainer.max_epochs
        if epochs is not None and epochs > 0:
            self.model.progress_to(min((self.trainer.current_epoch + share_of_epoch) / epochs, 1.0))

    def _finished_means(self) -> dict[str, float]:
        """Means over the episodes that ended while collecting; empty if none did."""
        if not self._finished:
            return {}
        columns = {
            "return": [episodes.returns for episodes in self._finished],
            "length": [episodes.lengths for episodes in self._finished],
            "success": [e.facts["success"] for e in self._finished if "success" in e.facts],
        }
        joined = {name: np.concatenate(parts) for name, parts in columns.items() if parts}
        return {f"train/{name}": float(v.mean()) for name, v in joined.items() if len(v)}

    def _env_steps(self) -> Tensor:
        # float64 holds every number of steps; Lightning would take float32, exact to 16.7 million.
        return torch.tensor(int(self.env_steps), dtype=torch.float64)

    def _log_axis(self) -> None:
        """Lightning takes a metric named ``step`` for the place of all that is logged with it."""
        if self.curves_on == "environment_steps":
            self.log("step", self._env_steps())

    def _play(self, split: str, batch: EpisodeBatch) -> Episodes:
        episodes = play(batch, self.controller(len(batch.seeds)))
        self._metrics(split).update(episodes)
        return episodes

    def _metrics(self, split: str) -> EpisodeMetrics:
        metrics = self.metrics[split]
        assert isinstance(metrics, EpisodeMetrics)
        return metrics

    def _log_measured(self, split: str) -> Mapping[str, Any]:
        measured = self._metrics(split).compute()
        self.log_dict(measured)
        return measured
