"""What the suite sees of a training: losses, gradients, and what goes through ``forward``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from torch import Tensor, nn

from labloom.errors import ExitStatus, Stopped


@dataclass(frozen=True)
class ForwardCall:
    """The inputs of one call of a network.

    Args:
        name: of the child module that was called; empty for the LightningModule itself.
        args: positional arguments.
        kwargs: the others.
    """

    name: str
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]


class Watch(Callback):
    """Keeps what happens in a fit.

    Args:
        stop_after: raise ``Stopped`` at the start of the epoch after so many; None: never.
        enough: end the training once the loss is at most this share of the first; None: never.

    Attributes:
        module: what was trained.
        datamodule: what it was trained on.
        losses: loss of every training batch, as ``training_step`` returned it; may be empty with
            manual optimization.
        trainable: names of the parameters that required a gradient when the fit began.
        frozen: names of the others.
        with_gradient: names of the parameters that had a gradient after a backward pass.
        weights: the module's state at the end of the last epoch.
        reached: those whose gradient was not zero everywhere.
    """

    def __init__(self, stop_after: int | None = None, enough: float | None = None) -> None:
        self.stop_after = stop_after
        self.enough = enough
        self.module: LightningModule | None = None
        self.datamodule: Any = None
        self.losses: list[float] = []
        self.trainable: set[str] = set()
        self.frozen: set[str] = set()
        self.reached: set[str] = set()
        self.with_gradient: set[str] = set()
        self.weights: Mapping[str, Tensor] = {}
        self._calls: dict[str, ForwardCall] = {}
        self._hooks: list[Any] = []

    @property
    def call(self) -> ForwardCall | None:
        """The first call in validation of the module, or else of a child with parameters."""
        return self._calls.get("") or next(iter(self._calls.values()), None)

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Take down what may learn."""
        self.module, self.datamodule = pl_module, trainer.datamodule
        for name, parameter in pl_module.named_parameters():
            (self.trainable if parameter.requires_grad else self.frozen).add(name)

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stop, as Ctrl-C would."""
        if self.stop_after is not None and trainer.current_epoch >= self.stop_after:
            raise Stopped(ExitStatus.INTERRUPTED)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Keep what a checkpoint is about to hold; averages may be put in its place later."""
        self.weights = copied(pl_module.state_dict())

    def on_after_backward(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Take down who has a gradient."""
        for name, parameter in pl_module.named_parameters():
            if parameter.grad is not None:
                self.with_gradient.add(name)
                if bool((parameter.grad != 0).any()):
                    self.reached.add(name)

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Take down the loss."""
        loss = outputs.get("loss") if isinstance(outputs, Mapping) else outputs
        if isinstance(loss, Tensor):
            self.losses.append(float(loss))
            if self.enough is not None and self.losses[0] > 0:
                trainer.should_stop = self.losses[-1] <= self.enough * self.losses[0]

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Listen to the module and to the networks in it; a loss or a metric is none."""
        if self._calls:
            return
        networks = [
            (name, child)
            for name, child in pl_module.named_children()
            if next(child.parameters(), None) is not None
        ]
        for name, network in [("", pl_module), *networks]:
            hook = network.register_forward_pre_hook(self._listener(name), with_kwargs=True)
            self._hooks.append(hook)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stop listening."""
        self._forget_hooks()

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        """Stop listening."""
        self._forget_hooks()

    def _listener(self, name: str) -> Any:
        def listen(network: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            if name not in self._calls:
                self._calls[name] = ForwardCall(name, copied(args), copied(kwargs))

        return listen

    def _forget_hooks(self) -> None:
        for hook in self._hooks:
            hook.remove()
        self._hooks.clear()


def copied(value: Any) -> Any:
    """``value`` with every tensor in it cloned."""
    if isinstance(value, Tensor):
        return value.detach().clone()
    if isinstance(value, Mapping):
        return {key: copied(entry) for key, entry in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*map(copied, value))
    if isinstance(value, (list, tuple)):
        return type(value)(copied(entry) for entry in value)
    return value


def tensors_in(value: Any) -> list[Tensor]:
    """Every tensor in nested lists, tuples and mappings, in order."""
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, Mapping):
        return [tensor for entry in value.values() for tensor in tensors_in(entry)]
    if isinstance(value, (list, tuple)):
        return [tensor for entry in value for tensor in tensors_in(entry)]
    return []


def answers(module: LightningModule, call: ForwardCall) -> list[Tensor]:
    """What ``module`` answers to ``call``, in eval mode, with the same random numbers each time."""
    network = module.get_submodule(call.name)
    was_training = module.training
    module.eval()
    torch.manual_seed(0)
    try:
        with torch.no_grad():
            return tensors_in(copied(network(*copied(call.args), **copied(dict(call.kwargs)))))
    finally:
        module.train(was_training)
