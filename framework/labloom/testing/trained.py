"""One small training, unrecorded: on one thread, without the network, and watched."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from omegaconf import OmegaConf
from pytorch_lightning import LightningModule, Trainer

from labloom.build.parts import Parts, build_parts
from labloom.build.trainer import build_trainer
from labloom.compose.job import Job
from labloom.run import fit, plain_metrics, seed
from labloom.testing.foreign import told_as_contract_error
from labloom.testing.network import blocked_network
from labloom.testing.watch import Watch


@dataclass(frozen=True)
class Trained:
    """A small training that came to its end.

    Args:
        job: what was run.
        watch: what was seen.
        trainer: of the fit.
        metrics: the last value of everything that was logged.
    """

    job: Job
    watch: Watch
    trainer: Trainer
    metrics: dict[str, float]

    @property
    def module(self) -> LightningModule:
        """What was trained."""
        return self.trainer.lightning_module

    @property
    def by_hand(self) -> bool:
        """Whether the module calls backward and its optimizers itself."""
        return not self.module.automatic_optimization

    @property
    def losses(self) -> list[float]:
        """Loss of every training batch."""
        return self.watch.losses

    def trace(self) -> list[float]:
        """The losses, or with manual optimization, which need not return any, sums of weights."""
        if self.losses:
            return self.losses
        return [float(p.detach().double().sum()) for p in self.module.parameters()]

    def weights(self) -> dict[str, torch.Tensor]:
        """A copy of the module's state."""
        return {name: value.clone() for name, value in self.module.state_dict().items()}


def train(
    job: Job, watch: Watch | None = None, prepare: Callable[[Parts], None] = lambda parts: None
) -> Trained:
    """Fit ``job``.

    Args:
        job: a small run.
        watch: sees the fit; None: a fresh one.
        prepare: may change the parts before they are fitted.

    Raises:
        NetworkError: something reached for the network.
        LabloomError: it does not train; foreign errors are told with their place.
    """
    watch = watch or Watch()
    job.output_dir.mkdir(exist_ok=True)
    with told_as_contract_error(job.plugin), quietly(), blocked_network():
        seed(job.config.seed)
        parts = build_parts(job)
        prepare(parts)
        trainer = build_trainer(job, None, parts, [watch])
        fit(trainer, parts, job)
    return Trained(job, watch, trainer, plain_metrics(trainer))


def plain_config(job: Job) -> Any:
    """The config of a job as plain values, a copy."""
    return copy.deepcopy(OmegaConf.to_container(job.config))


def in_full(numbers: list[float]) -> list[str]:
    """Numbers as texts that are equal only when the numbers are, NaN too."""
    return [repr(number) for number in numbers]


def shown(numbers: list[float]) -> str:
    """Numbers as a person compares them."""
    return ", ".join(f"{number:.8g}" for number in numbers)


@contextmanager
def quietly() -> Iterator[None]:
    """One thread for torch, so that sums are the same in every process; warnings are for runs."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        torch.set_num_threads(threads)
