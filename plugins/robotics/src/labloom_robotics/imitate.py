"""Task ``robotics_imitate``: a policy from demonstrations.

Legend of shapes: ``b`` batch, ``n`` agents, ``k`` actions of a chunk, ``a`` numbers of an action,
``w`` numbers that tell an action, or choices.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import pytorch_lightning as pl
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from labloom.arguments import require_choice, require_number, require_whole
from labloom.errors import ConfigError
from labloom_robotics.demos.windows import Batch
from labloom_robotics.evaluation.chunks import ChunkController
from labloom_robotics.evaluation.episodes import EpisodeBatch, play
from labloom_robotics.evaluation.metrics import EpisodeMetrics
from labloom_robotics.experience.actor import TensorObservations
from labloom_robotics.nets.algorithm import Algorithm
from labloom_robotics.nets.imitation import ActionNormaliser
from labloom_robotics.observations import as_tensors, read_observations
from labloom_robotics.spaces import PlainSpace, bounds
from labloom_robotics.worlds import Observations

Loss = Literal["l1", "l2"]
LOSSES = {"l1": functional.l1_loss, "l2": functional.mse_loss}


class Imitator(pl.LightningModule):
    """Trains ``model`` to tell what the demonstrator did next; validates by loss and by doing.

    A batch is ``observations`` [b, ...], ``actions`` [b, k, a] or [b, k] and ``is_pad`` [b, k]; or
    a world and the seeds of episodes to play. Actions of numbers are compared in units of their
    standard deviation in the training split, choices by cross entropy; padding counts nowhere.

    Logged: ``train/loss``; under ``val/`` and ``test/`` ``loss`` of held-out windows, over all of a
    chunk, and of its first action ``error`` (mean absolute difference, in the action's units) or
    ``agreement`` (share of equal choices). Where there are episodes, what ``EpisodeMetrics`` tells
    of them: ``return``, ``length``, ``success``, ``cost_NAME``.

    Args:
        model: maps observations [b, ...] to normalised actions or logits [b, k, w]; tells k as
            ``chunk``.
        action_space: of one agent, plain (see ``labloom_robotics.spaces``).
        observation_space: of one agent, plain.
        action_stats: mean and std of the training split's actions.
        loss: of actions of numbers, ``l1`` or ``l2``.
        execute: steps that are acted before the model is asked again, 1 to ``chunk``.
        ensemble: average all chunks that speak of the present, older ones weighted by this m, as
            ``ChunkController`` says; None: the newest decides.
        noise: disturbance of every action that is evaluated, to see how a policy copes:
            standard deviation as part of half the action's range, or the probability of a random
            choice.
        video_episodes: episodes in the film that a run records of its validation, and of its test;
            0: no film.

    Attributes:
        chunk: k; the data module asks for it.

    Raises:
        ConfigError: an argument is out of range or does not fit the model or the actions.
    """

    def __init__(  # noqa: PLR0913  (most are choices of their own)
        self,
        model: nn.Module,
        observation_space: PlainSpace,
        action_space: PlainSpace,
        action_stats: Mapping[str, Any],
        loss: Loss = "l1",
        execute: int = 1,
        ensemble: float | None = 0.01,
        noise: float = 0.0,
        video_episodes: int = 3,
    ) -> None:
        super().__init__()
        if isinstance(model, Algorithm):
            raise ConfigError(
                f"{type(model).__name__} learns from reward, not from demonstrations",
                expected="a model that maps observations to actions, such as model=robotics_bc",
                got=type(model).__name__,
                fix="set model=robotics_bc or robotics_chunk, or task=robotics_control",
            )
        self.chunk = int(getattr(model, "chunk", 1))
        _check_execution(execute, self.chunk, ensemble)
        _check_noise(noise, action_space)
        require_choice("module.loss", loss, LOSSES)
        require_whole(
            "module.video_episodes", video_episodes, at_least=0, fix="0: no film is recorded"
        )
        self.model = model
        self.observation_space, self.action_space = observation_space, action_space
        self.discrete = action_space["kind"] == "discrete"
        self.actions = ActionNormaliser(action_space, action_stats)
        self.loss = LOSSES[loss]
        self.execute, self.ensemble, self.noise = execute, ensemble, noise
        self.video_episodes = video_episodes
        self.metrics = nn.ModuleDict(
            {s: EpisodeMetrics(s, intervals=s == "test") for s in ("val", "test")}
        )

    def forward(self, observations: TensorObservations) -> Tensor:
        """Chunks of actions [b, k, a] in their units, or probabilities of choices [b, k, w]."""
        outputs = self.model(observations)
        return outputs.softmax(dim=-1) if self.discrete else self.actions.to_units(outputs)

    def on_fit_start(self) -> None:
        """Let an encoder read the weights it starts from; not if a checkpoint brought others."""
        for part in self.model.modules():
            if hasattr(part, "load_pretrained"):
                part.load_pretrained()

    def controller(self, num_agents: int) -> ChunkController:
        """Who drives ``num_agents`` episodes; what it remembers of chunks is its own."""
        return ChunkController(
            self._plan,
            self.action_space,
            execute=self.execute,
            ensemble=self.ensemble,
            noise=self.noise,
        )

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """The loss of one batch."""
        loss = self._losses(self.model(batch["observations"]), batch).sum() / _counted(batch)
        size = len(batch["actions"])
        self.log("train/loss", loss, on_step=True, on_epoch=True, batch_size=size)
        return loss

    def on_validation_epoch_start(self) -> None:
        """Forget what an interrupted epoch left."""
        self.metrics["val"].reset()

    def validation_step(
        self, batch: Batch | EpisodeBatch, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        """Held-out windows, or episodes."""
        self._evaluate("val", batch)

    def on_validation_epoch_end(self) -> None:
        """Log what the episodes told."""
        self._end_epoch("val")

    def on_test_epoch_start(self) -> None:
        """Forget what an interrupted epoch left."""
        self.metrics["test"].reset()

    def test_step(
        self, batch: Batch | EpisodeBatch, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        """Held-out windows, or episodes."""
        self._evaluate("test", batch)

    def on_test_epoch_end(self) -> None:
        """Log what the episodes told."""
        self._end_epoch("test")

    def preprocess(self, inputs: Sequence[Any]) -> TensorObservations:
        """A batch of raw observations: arrays, lists, JSON, or paths of .npy, .npz or .json files.

        Raises:
            DataError: one does not fit the observation space.
        """
        batch = read_observations(inputs, self.observation_space)
        if isinstance(batch, dict):  # who asks moves tensors to the device, and no dict
            return {key: part.to(self.device) for key, part in batch.items()}
        return batch

    def postprocess(self, outputs: Tensor) -> list[dict[str, Any]]:
        """For each observation ``action``, the next one, and ``chunk``, all that were told."""
        chunks = outputs.float().cpu()
        if self.discrete:
            chunks = chunks.argmax(dim=-1)
        return [{"action": chunk[0], "chunk": chunk} for chunk in chunks.tolist()]

    @torch.no_grad()
    def _plan(self, observations: Observations) -> NDArray:
        """Chunks [n, k, w] of what all agents observe."""
        return self(as_tensors(observations, self.device)).float().cpu().numpy()

    def _losses(self, outputs: Tensor, batch: Batch) -> Tensor:
        """Loss of each action, [b, k]; 0 where there is padding."""
        if self.discrete:
            losses = functional.cross_entropy(
                outputs.flatten(0, 1), batch["actions"].flatten(), reduction="none"
            ).view_as(batch["actions"])
        else:
            # [b, k, ...] -> [b, k, a]: an action may have any shape.
            wanted = self.actions.to_numbers(batch["actions"].flatten(2))
            losses = self.loss(outputs, wanted, reduction="none").mean(dim=-1)
        return losses * ~batch["is_pad"]

    def _evaluate(self, split: str, batch: Batch | EpisodeBatch) -> None:
        if isinstance(batch, EpisodeBatch):
            episodes = play(batch, self.controller(len(batch.seeds)))
            self.metrics[split].update(episodes)
            return
        outputs = self.model(batch["observations"])
        counted = _counted(batch)
        self._log(f"{split}/loss", self._losses(outputs, batch).sum() / counted, int(counted))
        first, wanted = outputs[:, 0], batch["actions"][:, 0]
        if self.discrete:
            agreement = (first.argmax(dim=-1) == wanted).float().mean()
            self._log(f"{split}/agreement", agreement, len(wanted))
        else:
            error = (self.actions.to_units(first) - wanted.flatten(1)).abs().mean()
            self._log(f"{split}/error", error, len(wanted))

    def _log(self, name: str, value: Tensor, size: int) -> None:
        self.log(name, value, batch_size=size, sync_dist=True, add_dataloader_idx=False)

    def _end_epoch(self, split: str) -> None:
        metrics = self.metrics[split]
        if metrics.update_called or self.trainer.world_size > 1:
            self.log_dict(metrics.compute())


def _counted(batch: Batch) -> Tensor:
    """Actions that are no padding; the first of a window never is."""
    return (~batch["is_pad"]).sum()


def _check_execution(execute: int, chunk: int, ensemble: float | None) -> None:
    require_whole(
        "module.execute",
        execute,
        at_least=1,
        at_most=chunk,
        unit="steps: as many as the model's chunks have actions",
        fix=f"module.execute={chunk} carries out whole chunks, module.execute=1 asks each step",
    )
    if ensemble is not None:
        fix = "module.ensemble=0.01; null: the newest chunk decides alone"
        require_number("module.ensemble", ensemble, at_least=0, fix=fix)


def _check_noise(noise: float, action_space: PlainSpace) -> None:
    discrete = action_space["kind"] == "discrete"
    bounded = discrete or all(np.isfinite(side).all() for side in bounds(action_space))
    if not noise >= 0 or (discrete and noise > 1) or (noise > 0 and not bounded):
        raise ConfigError(
            "module.noise cannot be used with these actions",
            expected="a probability"
            if discrete
            else "at least 0, and 0 for actions without bounds",
            got=repr(noise),
            fix="module.noise=0",
        )
