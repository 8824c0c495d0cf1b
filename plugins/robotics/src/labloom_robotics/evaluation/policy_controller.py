"""A learned policy at the wheel: its best action in every step, without exploring."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from numpy.typing import NDArray
from pytorch_lightning import LightningModule

from labloom_robotics.observations import as_tensors
from labloom_robotics.worlds import Observations, World


class PolicyController:
    """Lets a module decide for all agents of a world.

    Args:
        module: gives actions [n, ...] for observations [n, ...], in the units of the world.
    """

    def __init__(self, module: LightningModule) -> None:
        self.module = module

    def __call__(self, observations: Observations, world: World) -> NDArray:
        """The module's actions."""
        with torch.no_grad():
            actions = self.module(as_tensors(observations, self.module.device))
        return actions.cpu().numpy()

    def counts(self) -> Mapping[str, NDArray]:
        """Nothing."""
        return {}
