"""Model ``robotics_ppo_lagrange``: PPO that keeps the costs of an episode within limits."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from labloom.arguments import require_number
from labloom.errors import ConfigError, listing, nearest
from labloom_robotics.losses.lagrange import multiplier_update, penalised_advantages
from labloom_robotics.nets.algorithm import Batch
from labloom_robotics.nets.encoders import Scan
from labloom_robotics.nets.layers import Activation
from labloom_robotics.nets.ppo import PPO, Decay
from labloom_robotics.spaces import PlainSpace


class PPOLagrange(PPO):
    """PPO on advantages from which each cost's advantage is taken off, times its multiplier.

    A multiplier grows while the mean cost of an episode is above its limit, and shrinks below
    (Ray et al. 2019, "Benchmarking Safe Exploration in Deep Reinforcement Learning", with plain
    gradient ascent). It is a buffer: part of every checkpoint, and not the optimizer's.

    Args:
        observation_space: of one agent, plain.
        action_space: of one agent, plain.
        cost_names: costs of the data, in the order of their columns.
        limits: name of a cost -> what its mean sum over an episode may be, in its own units; costs
            without a limit, or with None, are measured and otherwise ignored.
        multiplier: at which every multiplier starts, at least 0; worth of a unit of cost in units
            of reward.
        multiplier_rate: how much a multiplier changes in an epoch for a unit of cost too much.
        multiplier_max: largest multiplier.
        steps: see ``PPO``.
        passes: see there.
        batch_size: see there.
        gamma: see there.
        gae_lambda: see there.
        clip: see there.
        clip_decay: see there.
        value_clip: see there.
        normalise_advantages: see there.
        value_weight: see there.
        entropy_weight: see there.
        target_kl: see there.
        hidden: see there.
        activation: see there.
        log_std: see there.
        normalise_observations: see there.
        normalise_returns: see there.
        scan_encoder: see there.
        scan_key: see there.
        scan_width: see there.
        scan_features: see there.
        encoder_from: see there.
        encoder_frozen: see there.

    Attributes:
        multipliers: [k], 0 for costs without a limit.
        limits: [k], infinite for costs without one.

    Raises:
        ConfigError: a limit is for an unknown cost, or there is none; an argument is out of range.
    """

    multipliers: Tensor
    limits: Tensor

    def __init__(  # noqa: PLR0913  (each is a choice to sweep over)
        self,
        observation_space: PlainSpace,
        action_space: PlainSpace,
        cost_names: Sequence[str] = (),
        *,
        limits: Mapping[str, float | None],
        multiplier: float = 0.0,
        multiplier_rate: float = 0.05,
        multiplier_max: float = 100.0,
        steps: int = 128,
        passes: int = 10,
        batch_size: int = 256,
        gamma: float = 0.99,
        gae_lambda: float = 0.95,
        clip: float = 0.2,
        clip_decay: Decay = "constant",
        value_clip: float | None = None,
        normalise_advantages: bool = True,
        value_weight: float = 0.5,
        entropy_weight: float = 0.0,
        target_kl: float | None = None,
        hidden: Sequence[int] = (64, 64),
        activation: Activation = "tanh",
        log_std: float = 0.0,
        normalise_observations: bool = False,
        normalise_returns: bool = False,
        scan_encoder: Scan = "flat",
        scan_key: str = "scan",
        scan_width: int = 32,
        scan_features: int = 64,
        encoder_from: str | None = None,
        encoder_frozen: bool = False,
    ) -> None:
        super().__init__(
            observation_space,
            action_space,
            cost_names,
            steps=steps,
            passes=passes,
            batch_size=batch_size,
            gamma=gamma,
            gae_lambda=gae_lambda,
            clip=clip,
            clip_decay=clip_decay,
            value_clip=value_clip,
            normalise_advantages=normalise_advantages,
            value_weight=value_weight,
            entropy_weight=entropy_weight,
            target_kl=target_kl,
            hidden=hidden,
            activation=activation,
            log_std=log_std,
            normalise_observations=normalise_observations,
            normalise_returns=normalise_returns,
            scan_encoder=scan_encoder,
            scan_key=scan_key,
            scan_width=scan_width,
            scan_features=scan_features,
            encoder_from=encoder_from,
            encoder_frozen=encoder_frozen,
        )
        given = {name: limit for name, limit in limits.items() if limit is not None}
        _check_limits(given, cost_names)
        require_number("model.multiplier_max", multiplier_max, at_least=0)
        require_number("model.multiplier", multiplier, at_least=0, at_most=multiplier_max)
        require_number("model.multiplier_rate", multiplier_rate, at_least=0)
        self.cost_names = list(cost_names)
        self.multiplier_rate, self.multiplier_max = multiplier_rate, multiplier_max
        bounds = [float(given.get(name, math.inf)) for name in cost_names]
        starts = [float(multiplier) if name in given else 0.0 for name in cost_names]
        # A limit is a setting, not a state: an evaluation may ask for another.
        self.register_buffer("limits", torch.tensor(bounds), persistent=False)
        self.register_buffer("multipliers", torch.tensor(starts))

    def advantages(self, batch: Batch) -> Tensor:
        """What the policy is to become better by, [b]: reward less priced costs."""
        return penalised_advantages(batch["advantages"], self.multipliers)

    @torch.no_grad()
    def learn_multipliers(self, costs: Tensor) -> None:
        """Let the multipliers follow the mean sums of costs over an episode, [k]."""
        changed = multiplier_update(
            self.multipliers, costs, self.limits, self.multiplier_rate, self.multiplier_max
        )
        self.multipliers.copy_(torch.where(self.limits.isfinite(), changed, 0.0))


def _check_limits(limits: Mapping[str, float], cost_names: Sequence[str]) -> None:
    example = next(iter(cost_names), "collision")
    if not limits or not cost_names:
        raise ConfigError(
            "model.limits says of no cost what it may be",
            expected=f"a limit for one or more of the data's costs: {listing(cost_names)}",
            got=f"limits for {listing(limits)}",
            fix=f"set +model.limits.{example}=0.05"
            if cost_names
            else "choose data with costs, such as data=robotics_navigate",
        )
    for name, limit in limits.items():
        if name not in cost_names:
            guess = nearest(str(name), cost_names) or example
            raise ConfigError(
                f"model.limits.{name} is for no cost of this data",
                expected=f"one of {listing(cost_names)}",
                got=repr(name),
                fix=f"set model.limits.{name}=null and +model.limits.{guess}={limit}",
            )
        require_number(f"model.limits.{name}", limit, at_least=0)
