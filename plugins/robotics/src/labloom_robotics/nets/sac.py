"""Model ``robotics_sac``: soft actor-critic (Haarnoja et al. 2018, arXiv:1812.05905).

Legend of shapes: ``n`` agents, ``b`` batch, ``m`` critics (2), ``a`` numbers of an action, ``f``
features, ``h`` hidden units.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from labloom.arguments import require_choice, require_number
from labloom_robotics.experience.actor import Decision, TensorObservations
from labloom_robotics.losses.sac import actor_loss, critic_loss, soft_target, temperature_loss
from labloom_robotics.nets.actions import ActionScale, action_numbers
from labloom_robotics.nets.algorithm import Algorithm, Batch, follow, frozen_copy, replay_plan
from labloom_robotics.nets.distributions import squashed_log_prob
from labloom_robotics.nets.encoders import Encoder, EncoderOptions, Scan
from labloom_robotics.nets.layers import (
    ACTIVATIONS,
    MLP,
    Activation,
    StackedLinear,
    StackedMLP,
    linear,
    require_hidden,
)
from labloom_robotics.spaces import PlainSpace

CRITICS = 2
LOG_STD = (-20.0, 2.0)  # as in the authors' code


class SAC(Algorithm):
    """A Gaussian through tanh, scaled to the bounds of the action, and twin critics.

    One optimizer minimises the sum of all terms, each of which moves only what is its own: the
    critics' target has no gradient, the actor is judged by frozen critics on features without
    gradient, and the temperature sees the entropy as a number. Actor and critics have encoders of
    their own. So leave ``trainer.gradient_clip_val`` off: it would measure all of them together.

    Terms: ``critic``, ``actor``, ``temperature``; and ``_alpha``, the temperature itself, and
    ``_entropy`` in nat, of actions in [-1, 1].

    Args:
        observation_space: of one agent, plain (see ``labloom_robotics.spaces``).
        action_space: of one agent, plain; a Box of shape [a] with finite bounds.
        collections: how often an epoch collects.
        steps: steps of each agent each time it collects.
        updates: batches after each time it collects.
        batch_size: transitions in a batch.
        capacity: transitions that are kept.
        warmup: transitions collected by random actions before the first batch, at most
            ``capacity``.
        n_step: rewards summed before the bootstrap; the entropy of the steps between is left out.
        gamma: discount of a step, 0 to 1.
        target_share: by which the target critics move after every batch, tau.
        temperature: alpha, at which it starts, in units of reward for a nat.
        temperature_learned: whether it follows the target entropy.
        target_entropy: in nat, of actions in [-1, 1]; None: -a.
        hidden: units of each hidden layer, of actor and critics alike.
        activation: tanh, relu or elu.
        scan_encoder: see ``EncoderOptions``, as all that follow.
        scan_key: see there.
        scan_width: see there.
        scan_features: see there.
        encoder_from: see there.
        encoder_frozen: see there.

    Raises:
        ConfigError: an argument is out of range, or the actions are no bounded numbers.
    """

    def __init__(  # noqa: PLR0913  (each is a choice to sweep over)
        self,
        observation_space: PlainSpace,
        action_space: PlainSpace,
        *,
        collections: int = 1000,
        steps: int = 1,
        updates: int = 1,
        batch_size: int = 256,
        capacity: int = 1_000_000,
        warmup: int = 1000,
        n_step: int = 1,
        gamma: float = 0.99,
        target_share: float = 0.005,
        temperature: float = 1.0,
        temperature_learned: bool = True,
        target_entropy: float | None = None,
        hidden: Sequence[int] = (256, 256),
        activation: Activation = "relu",
        scan_encoder: Scan = "flat",
        scan_key: str = "scan",
        scan_width: int = 32,
        scan_features: int = 64,
        encoder_from: str | None = None,
        encoder_frozen: bool = False,
    ) -> None:
        super().__init__()
        numbers = action_numbers(action_space, "SAC", bounded=True)
        self.plan = replay_plan(
            collections=collections,
            steps=steps,
            updates=updates,
            batch_size=batch_size,
            capacity=capacity,
            warmup=warmup,
            n_step=n_step,
            gamma=gamma,
        )
        require_number("model.target_share", target_share, at_least=0, at_most=1)
        require_number("model.temperature", temperature, at_least=1e-6)
        require_choice("model.activation", activation, ACTIVATIONS)
        require_hidden(hidden)
        self.target_share = target_share
        self.target_entropy = -float(numbers) if target_entropy is None else target_entropy
        options = EncoderOptions(
            scan_encoder=scan_encoder,
            scan_key=scan_key,
            scan_width=scan_width,
            scan_features=scan_features,
            encoder_from=encoder_from,
            encoder_frozen=encoder_frozen,
        )
        self.scale = ActionScale(action_space)
        self.actor = Actor(Encoder(observation_space, options), numbers, hidden, activation)
        self.critic = TwinCritic(Encoder(observation_space, options), numbers, hidden, activation)
        self.target = frozen_copy(self.critic)
        start = torch.tensor(math.log(temperature))
        self.log_temperature = nn.Parameter(start, requires_grad=temperature_learned)

    @torch.no_grad()
    def act(self, observations: TensorObservations, generator: torch.Generator) -> Decision:
        """Draw actions from the policy."""
        mean, log_std = self.actor(observations)
        noise = torch.empty_like(mean).normal_(generator=generator)
        return Decision(actions=self.scale.to_units(torch.tanh(mean + log_std.exp() * noise)))

    def decide(self, observations: TensorObservations) -> Tensor:
        """The middle of the policy, float32 [n, a] in the units of the action space."""
        return self.scale.to_units(torch.tanh(self.actor(observations)[0]))

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """The terms of a batch of the memory."""
        temperature = self.log_temperature.detach().exp()
        features = self.critic.encoder(batch["observations"])  # [b, f]
        q = self.critic.judge(features, self.scale.to_numbers(batch["actions"]))
        target = self._target(batch, temperature)
        numbers, log_prob = self._draw(batch["observations"])
        frozen_q = self.critic.judge(features.detach(), numbers, frozen=True)
        terms = {
            "critic": critic_loss(q, target),
            "actor": actor_loss(frozen_q, log_prob, temperature),
            "_alpha": temperature,
            "_entropy": -log_prob.detach().mean(),
        }
        if self.log_temperature.requires_grad:
            terms["temperature"] = temperature_loss(
                self.log_temperature, log_prob, self.target_entropy
            )
        return terms

    def after_step(self) -> None:
        """Let the target critics follow."""
        follow(self.target, self.critic, self.target_share)

    def load_pretrained(self) -> None:
        """Read the weights that the encoders start from; the target critics take them over."""
        pending = self.critic.encoder.weights_pending
        super().load_pretrained()
        if pending:
            follow(self.target, self.critic, 1.0)

    def _draw(self, observations: TensorObservations) -> tuple[Tensor, Tensor]:
        """Numbers in [-1, 1], [b, a], through which the gradient flows, and their log_prob [b]."""
        mean, log_std = self.actor(observations)
        x = mean + log_std.exp() * torch.randn_like(mean)
        return torch.tanh(x), squashed_log_prob(mean, log_std, x)

    @torch.no_grad()
    def _target(self, batch: Batch, temperature: Tensor) -> Tensor:
        following = batch["next_observations"]
        numbers, log_prob = self._draw(following)
        next_q = self.target.judge(self.target.encoder(following), numbers)
        return soft_target(next_q, log_prob, temperature, batch["rewards"], batch["discounts"])


class Actor(nn.Module):
    """Mean and log of the standard deviation of each number, before tanh."""

    def __init__(
        self, encoder: Encoder, numbers: int, hidden: Sequence[int], activation: Activation
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.body = MLP(encoder.out_features, hidden, activation)
        self.head = linear(self.body.out_features, 2 * numbers, gain=0.01)

    def forward(self, observations: TensorObservations) -> tuple[Tensor, Tensor]:
        """Mean and log_std, [b, a] each."""
        mean, log_std = self.head(self.body(self.encoder(observations))).chunk(2, dim=-1)
        return mean, log_std.clamp(*LOG_STD)


class TwinCritic(nn.Module):
    """Two critics on one encoder (Fujimoto et al. 2018, arXiv:1802.09477)."""

    def __init__(
        self, encoder: Encoder, numbers: int, hidden: Sequence[int], activation: Activation
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.body = StackedMLP(CRITICS, encoder.out_features + numbers, hidden, activation)
        self.head = StackedLinear(CRITICS, self.body.out_features, 1, gain=1.0)

    def judge(self, features: Tensor, numbers: Tensor, frozen: bool = False) -> Tensor:
        """Q [m, b] of features [b, f] and actions as numbers in [-1, 1], [b, a].

        Args:
            features: of the encoder.
            numbers: the actions.
            frozen: whether the weights take no gradient; features and numbers do.
        """
        x = torch.cat([features, numbers], dim=1)
        return self.head(self.body(x, frozen), frozen).squeeze(-1)
