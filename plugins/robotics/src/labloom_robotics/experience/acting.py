"""How an actor is asked while agents collect: without gradients, in eval mode.

``torch.no_grad`` and not ``inference_mode``: what comes out is trained on, and a tensor of
inference cannot be saved for a backward pass.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from labloom_robotics.experience.actor import Actor, TensorObservations
from labloom_robotics.worlds import Observations


@contextmanager
def acting(actor: Actor) -> Iterator[None]:
    """Ask ``actor`` in here; each of its modules is in its former mode afterwards.

    Modes are set one by one, because a part that is frozen may be in eval mode while the rest
    trains, and ``train()`` would wake it.
    """
    modules = actor.modules() if isinstance(actor, nn.Module) else ()
    training = [module for module in modules if module.training]
    for module in training:
        module.training = False
    try:
        with torch.no_grad():
            yield
    finally:
        for module in training:
            module.training = True


def tensors(observations: Observations, device: torch.device) -> TensorObservations:
    """Observations as tensors on ``device``; on the CPU they share the memory of the arrays."""
    if isinstance(observations, dict):
        return {name: tensors(part, device) for name, part in observations.items()}
    found = torch.from_numpy(observations)
    return found if device.type == "cpu" else found.to(device)
