"""Model ``robotics_ppo``: proximal policy optimisation (Schulman et al. 2017, arXiv:1707.06347).

Legend of shapes: ``n`` agents, ``b`` batch, ``k`` costs, ``a`` actions to choose from, or numbers
of a continuous action, ``h`` hidden units.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from labloom.arguments import require_choice, require_number, require_whole, under
from labloom_robotics.experience.actor import Decision, TensorObservations
from labloom_robotics.experience.plan import Rollouts
from labloom_robotics.losses import ppo as loss
from labloom_robotics.nets import distributions
from labloom_robotics.nets.actions import ActionScale, action_numbers
from labloom_robotics.nets.algorithm import Algorithm, Batch
from labloom_robotics.nets.encoders import Encoder, EncoderOptions, Scan
from labloom_robotics.nets.layers import ACTIVATIONS, Activation, StackedMLP, linear, require_hidden
from labloom_robotics.nets.normalise import RunningNormaliser
from labloom_robotics.spaces import PlainSpace

Decay = Literal["constant", "linear"]
KL_MARGIN = 1.5  # above target_kl; stable-baselines3 and OpenAI's baselines agree on it
DIAGNOSED_EVERY = 10  # batches; what is only looked at need not be computed for each


class PPO(Algorithm):
    """Actor and critic with hidden layers of their own on one encoder.

    Discrete actions are drawn from a softmax, continuous ones from a Gaussian with a standard
    deviation that does not depend on the state. Numbers with finite bounds are scaled, so that -1
    and 1 are the bounds; the world clips what lies beyond. Weights start orthogonal, those of the
    policy's last layer small, so that it starts undecided (Andrychowicz et al. 2021,
    arXiv:2006.05990).

    Terms: ``policy``, ``value`` and, with a weight, ``entropy``; every tenth batch ``_kl``, how far
    the policy has moved, in nat, and ``_clipped``, the share of ratios beyond the clip range.

    Args:
        observation_space: of one agent, plain (see ``labloom_robotics.spaces``).
        action_space: of one agent, plain.
        cost_names: costs whose worth is learned beside that of the reward.
        steps: steps of each agent in an epoch.
        passes: how often each transition is trained on.
        batch_size: transitions in a batch.
        gamma: discount of a step, 0 to 1.
        gae_lambda: weight of longer advantages, 0 to 1.
        clip: largest change of a probability that is rewarded, a share.
        clip_decay: ``constant``, or ``linear``: down to 0 at the end of the training.
        value_clip: largest change of a value, in its units; None: any.
        normalise_advantages: to mean 0 and standard deviation 1 over each batch.
        value_weight: of the squared error of the values.
        entropy_weight: of the entropy, which keeps the policy random; 0: none.
        target_kl: stop training for the epoch where the policy has moved 1.5 times as far, nat;
            None: never.
        hidden: units of each hidden layer, of actor and critic alike.
        activation: tanh, relu or elu.
        log_std: at which the logarithm of the standard deviation starts, in scaled units.
        normalise_observations: shift and scale observed numbers by running statistics.
        normalise_returns: learn values in units of the running spread of returns; weights of the
            last layer follow, so that values stay (van Hasselt et al. 2016, arXiv:1602.07714).
        scan_encoder: see ``EncoderOptions``, as all that follow.
        scan_key: see there.
        scan_width: see there.
        scan_features: see there.
        encoder_from: see there.
        encoder_frozen: see there.

    Raises:
        ConfigError: an argument is out of range or does not fit the spaces.
    """

    def __init__(  # noqa: PLR0913  (each is a choice to sweep over)
        self,
        observation_space: PlainSpace,
        action_space: PlainSpace,
        cost_names: Sequence[str] = (),
        *,
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
        super().__init__()
        for key, value in under("model", steps=steps, passes=passes, batch_size=batch_size):
            require_whole(key, value, at_least=1)
        for key, value in under("model", gamma=gamma, gae_lambda=gae_lambda):
            require_number(key, value, at_least=0, at_most=1)
        for key, value in under("model", value_weight=value_weight, entropy_weight=entropy_weight):
            require_number(key, value, at_least=0)
        require_number("model.clip", clip, at_least=1e-3, at_most=10)
        require_choice("model.clip_decay", clip_decay, ("constant", "linear"))
        require_choice("model.activation", activation, ACTIVATIONS)
        require_hidden(hidden)
        for key, value in under("model", target_kl=target_kl, value_clip=value_clip):
            if value is not None:
                require_number(key, value, at_least=0)
        self.plan = Rollouts(
            steps=steps, passes=passes, batch_size=batch_size, gamma=gamma, gae_lambda=gae_lambda
        )
        self.scheduled = clip_decay == "linear"
        self.first_clip = self.clip = clip
        self.value_clip, self.target_kl = value_clip, target_kl
        self.value_weight, self.entropy_weight = value_weight, entropy_weight
        self.normalise_advantages = normalise_advantages
        self.encoder = Encoder(
            observation_space,
            EncoderOptions(
                scan_encoder=scan_encoder,
                scan_key=scan_key,
                scan_width=scan_width,
                scan_features=scan_features,
                encoder_from=encoder_from,
                encoder_frozen=encoder_frozen,
            ),
            normalise=normalise_observations,
        )
        self.body = StackedMLP(2, self.encoder.out_features, hidden, activation)
        self.discrete = action_space["kind"] == "discrete"
        if self.discrete:
            outputs = int(action_space["n"])
            self.scale, self.log_std = None, None
        else:
            outputs = action_numbers(action_space, "PPO")
            self.scale = ActionScale(action_space)
            self.log_std = nn.Parameter(torch.full((outputs,), float(log_std)))
        self.policy_head = linear(self.body.out_features, outputs, gain=0.01)
        self.value_head = linear(self.body.out_features, 1 + len(cost_names), gain=1.0)
        self.return_scale = (
            RunningNormaliser(1 + len(cost_names), clip=None) if normalise_returns else None
        )
        self.stopped = False
        self._batches = 0

    @torch.no_grad()
    def act(self, observations: TensorObservations, generator: torch.Generator) -> Decision:
        """Draw actions; ``extras`` are ``log_prob`` [n] and ``values`` [n, 1 + k]."""
        policy, values = self._outputs(observations)
        if self.scale is None or self.log_std is None:
            log_probs = policy.log_softmax(dim=-1)
            actions = distributions.categorical_sample(log_probs, generator)
            log_prob = distributions.categorical_log_prob(log_probs, actions)
        else:
            numbers = distributions.gaussian_sample(policy, self.log_std, generator)
            log_prob = distributions.gaussian_log_prob(policy, self.log_std, numbers)
            actions = self.scale.to_units(numbers)
        extras = {"log_prob": log_prob, "values": self._in_units(values)}
        return Decision(actions=actions, extras=extras)

    @torch.no_grad()
    def values(self, observations: TensorObservations) -> Tensor:
        """Worth of observations in rewards, then in each cost, [n, 1 + k]."""
        return self._in_units(self._outputs(observations)[1])

    def decide(self, observations: TensorObservations) -> Tensor:
        """The likeliest actions: int64 [n], or the means [n, a] in their units."""
        policy, _ = self._outputs(observations)
        return policy.argmax(dim=-1) if self.scale is None else self.scale.to_units(policy)

    def losses(self, batch: Batch) -> dict[str, Tensor] | None:
        """Terms of a batch of a rollout; None after the policy has moved too far in this epoch."""
        if self.stopped:
            return None
        policy, values = self._outputs(batch["observations"])
        log_prob, entropy = self._judge(policy, batch["actions"])
        old_log_prob = batch["log_prob"]
        if self._moved_too_far(log_prob, old_log_prob):
            self.stopped = True
            return None
        advantages = self.advantages(batch)
        if self.normalise_advantages:
            advantages = loss.normalised_advantages(advantages)
        ratio = loss.probability_ratio(log_prob, old_log_prob)
        terms = {
            "policy": loss.clipped_surrogate(ratio, advantages, self.clip),
            "value": self._value_term(values, batch) * self.value_weight,
        }
        if entropy is not None:
            terms["entropy"] = entropy.mean() * -self.entropy_weight
        self._batches += 1
        if self._batches % DIAGNOSED_EVERY == 0:
            terms |= _diagnosis(log_prob.detach(), old_log_prob, self.clip)
        return terms

    def advantages(self, batch: Batch) -> Tensor:
        """What the policy is to become better by, [b]: the advantages in reward."""
        return batch["advantages"][:, 0]

    def collected(self, observations: TensorObservations) -> None:
        """Let the normaliser see observations [m, ...]."""
        self.encoder.count_in(observations)

    def start_epoch(self) -> None:
        """Take up the statistics of the last epoch, and train again."""
        self.stopped = False
        self.encoder.refresh()
        if self.return_scale is not None:
            self._rescale(self.return_scale)

    def progress_to(self, progress: float) -> None:
        """Let the clip range shrink, if it should."""
        if self.scheduled:
            self.clip = self.first_clip * (1.0 - progress)

    def _outputs(self, observations: TensorObservations) -> tuple[Tensor, Tensor]:
        """Logits or means [b, a], and values [b, 1 + k] in the network's units."""
        actor, critic = self.body(self.encoder(observations)).unbind(0)  # [2, b, h]
        return self.policy_head(actor), self.value_head(critic)

    def _judge(self, policy: Tensor, actions: Tensor) -> tuple[Tensor, Tensor | None]:
        """Log-probabilities [b] of actions, and the entropy where it has a weight."""
        wanted = self.entropy_weight > 0
        if self.scale is None or self.log_std is None:
            log_probs = policy.log_softmax(dim=-1)
            entropy = distributions.categorical_entropy(log_probs) if wanted else None
            return distributions.categorical_log_prob(log_probs, actions), entropy
        numbers = self.scale.to_numbers(actions)
        entropy = distributions.gaussian_entropy(self.log_std) if wanted else None
        return distributions.gaussian_log_prob(policy, self.log_std, numbers), entropy

    def _moved_too_far(self, log_prob: Tensor, old_log_prob: Tensor) -> bool:
        if self.target_kl is None:
            return False
        kl = loss.approximate_kl(log_prob.detach(), old_log_prob)
        return bool(kl > KL_MARGIN * self.target_kl)

    def _value_term(self, values: Tensor, batch: Batch) -> Tensor:
        returns, old_values = batch["returns"], batch["values"]
        clip = self.value_clip
        if self.return_scale is not None:
            self.return_scale.count_in(returns)
            returns, old_values = self.return_scale(returns), self.return_scale(old_values)
        if clip is None:
            return loss.value_loss(values, returns)
        return loss.clipped_value_loss(values, old_values, returns, clip)

    def _in_units(self, values: Tensor) -> Tensor:
        return values if self.return_scale is None else self.return_scale.restore(values)

    @torch.no_grad()
    def _rescale(self, scale: RunningNormaliser) -> None:
        """Use the new statistics of returns, and keep all values what they are.

        Not the first time: before it the values mean nothing, and keeping values around 0 where
        returns are around 900 would put the network far away from all that it is to learn.
        """
        old_mean, old_std = scale.mean.clone(), scale.std.clone()
        scale.refresh()
        if not old_mean.any():
            return
        head, ratio = self.value_head, old_std / scale.std
        head.weight.mul_(ratio.unsqueeze(1))
        head.bias.mul_(ratio).add_((old_mean - scale.mean) / scale.std)


def _diagnosis(log_prob: Tensor, old_log_prob: Tensor, clip: float) -> dict[str, Tensor]:
    ratio = loss.probability_ratio(log_prob, old_log_prob)
    return {
        "_kl": loss.approximate_kl(log_prob, old_log_prob),
        "_clipped": loss.clipped_share(ratio, clip),
    }
