"""Task ``robotics_safe``: a policy that keeps named costs within limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from labloom.arguments import require_known
from labloom.errors import ConfigError
from labloom_robotics.control import ControlAgent, CurvesOn
from labloom_robotics.evaluation.controller import Controller
from labloom_robotics.evaluation.shield import ShieldedController, ShieldOptions
from labloom_robotics.losses.lagrange import constrained_return
from labloom_robotics.nets.ppo_lagrange import PPOLagrange
from labloom_robotics.spaces import PlainSpace


class SafeAgent(ControlAgent):
    """Trains a policy under limits of named costs; optionally drives behind a shield.

    Beside what ``ControlAgent`` logs: ``train/multiplier_<cost>`` and ``train/cost_<cost>``, the
    mean sum over the episodes that ended while collecting; and ``val/constrained_return``, the
    monitor: ``val/return`` where every ``val/cost_<cost>`` is within its limit, otherwise below any
    such value (see ``losses.lagrange.constrained_return``). The same under ``test/``.

    Multipliers follow once an epoch, after collecting and before learning; not in an epoch in which
    no episode ended.

    Args:
        model: ``robotics_ppo_lagrange``.
        observation_space: of one agent, plain (see ``labloom_robotics.spaces``).
        action_space: of one agent, plain.
        cost_names: costs of the data.
        curves_on: see ``ControlAgent``.
        shield: settings of a shield that drives along in validation and test (see
            ``ShieldOptions``), which logs ``val/interventions``, a mean per episode; None: none.
        video_episodes: see ``ControlAgent``.

    Raises:
        ConfigError: ``model`` knows no limits, or a setting of the shield is wrong.
    """

    def __init__(
        self,
        model: nn.Module,
        observation_space: PlainSpace,
        action_space: PlainSpace,
        cost_names: Sequence[str] = (),
        curves_on: CurvesOn = "updates",
        shield: Mapping[str, Any] | None = None,
        video_episodes: int = 3,
    ) -> None:
        super().__init__(model, observation_space, action_space, curves_on, video_episodes)
        if not isinstance(model, PPOLagrange):
            raise ConfigError(
                f"{type(model).__name__} knows no limits of costs",
                expected="model=robotics_ppo_lagrange",
                got=type(model).__name__,
                fix="set model=robotics_ppo_lagrange, or task=robotics_control to learn without",
            )
        self.lagrange: PPOLagrange = model
        self.cost_names = list(cost_names)
        self.shield = None if shield is None else _shield_options(shield)

    def controller(self, num_agents: int) -> Controller:
        """The policy, behind the shield if there is one."""
        controller = super().controller(num_agents)
        return controller if self.shield is None else ShieldedController(controller, self.shield)

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        """Let the multipliers follow the costs of what was collected."""
        if batch_idx == 0:
            costs = self._collected_costs()
            if costs is not None:
                self.lagrange.learn_multipliers(costs.to(self.device))

    def on_train_epoch_end(self) -> None:
        """Log the epoch, the costs and their multipliers."""
        multipliers = zip(self.cost_names, self.lagrange.multipliers, strict=True)
        logged = {f"train/multiplier_{name}": value.clone() for name, value in multipliers}
        costs = self._collected_costs()
        if costs is not None:
            logged |= {
                f"train/cost_{name}": value
                for name, value in zip(self.cost_names, costs, strict=True)
            }
        self.log_dict(logged)
        super().on_train_epoch_end()

    def _collected_costs(self) -> Tensor | None:
        """Mean sums of each cost over the episodes that ended while collecting, float32 [k]."""
        if not sum(len(episodes.returns) for episodes in self._finished):
            return None
        means = [
            float(np.concatenate([episodes.costs[name] for episodes in self._finished]).mean())
            for name in self.cost_names
        ]
        return torch.tensor(means)

    def _log_measured(self, split: str) -> Mapping[str, Any]:
        measured = super()._log_measured(split)
        if measured:
            costs = torch.tensor([float(measured[f"{split}/cost_{n}"]) for n in self.cost_names])
            mean = float(measured[f"{split}/return"])
            ranked = constrained_return(mean, costs, self.lagrange.limits.cpu())
            self.log(f"{split}/constrained_return", ranked)
        return measured


def _shield_options(settings: Mapping[str, Any]) -> ShieldOptions:
    require_known("module.shield", settings, ShieldOptions.__dataclass_fields__)
    return ShieldOptions(**settings)
