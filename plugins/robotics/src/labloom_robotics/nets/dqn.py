"""Model ``robotics_dqn``: deep Q-learning (Mnih et al. 2015, Nature 518), double, dueling, n-step.

Legend of shapes: ``n`` agents, ``b`` batch, ``a`` actions.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from labloom.arguments import require_choice, require_number, require_whole, under
from labloom_robotics.experience.actor import Decision, TensorObservations
from labloom_robotics.losses.dqn import double_q_target, dueling, linear_decay, q_loss, q_target
from labloom_robotics.nets.actions import number_of_actions
from labloom_robotics.nets.algorithm import Algorithm, Batch, follow, frozen_copy, replay_plan
from labloom_robotics.nets.encoders import Encoder, EncoderOptions, Scan
from labloom_robotics.nets.layers import ACTIVATIONS, MLP, Activation, linear, require_hidden
from labloom_robotics.spaces import PlainSpace


class DQN(Algorithm):
    """Values of actions, learned towards those of a target network that follows behind.

    While exploring, an action is drawn at random with the probability epsilon, which falls in a
    straight line over the first part of the training.

    Terms: ``q``; and ``_epsilon``.

    Args:
        observation_space: of one agent, plain (see ``labloom_robotics.spaces``).
        action_space: of one agent, plain; Discrete.
        collections: how often an epoch collects.
        steps: steps of each agent each time it collects.
        updates: batches after each time it collects.
        batch_size: transitions in a batch.
        capacity: transitions that are kept.
        warmup: transitions collected by random actions before the first batch, at most
            ``capacity``.
        n_step: rewards summed before the bootstrap (Sutton 1988; Hessel et al. 2018,
            arXiv:1710.02298).
        gamma: discount of a step, 0 to 1.
        double: van Hasselt et al. 2016, arXiv:1509.06461.
        dueling: Wang et al. 2016, arXiv:1511.06581.
        target_every: batches between two updates of the target network.
        target_share: by which it then moves towards the online one; 1 copies it.
        epsilon_start: probability of a random action at the beginning.
        epsilon_end: the same after ``epsilon_share`` of the training.
        epsilon_share: share of the training over which epsilon falls, 0 to 1.
        hidden: units of each hidden layer.
        activation: tanh, relu or elu.
        scan_encoder: see ``EncoderOptions``, as all that follow.
        scan_key: see there.
        scan_width: see there.
        scan_features: see there.
        encoder_from: see there.
        encoder_frozen: see there.

    Raises:
        ConfigError: an argument is out of range, or actions are no choice.
    """

    scheduled = True

    def __init__(  # noqa: PLR0913  (each is a choice to sweep over)
        self,
        observation_space: PlainSpace,
        action_space: PlainSpace,
        *,
        collections: int = 250,
        steps: int = 4,
        updates: int = 1,
        batch_size: int = 64,
        capacity: int = 100_000,
        warmup: int = 1000,
        n_step: int = 1,
        gamma: float = 0.99,
        double: bool = True,
        dueling: bool = False,
        target_every: int = 250,
        target_share: float = 1.0,
        epsilon_start: float = 1.0,
        epsilon_end: float = 0.05,
        epsilon_share: float = 0.2,
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
        self.actions = number_of_actions(action_space, "DQN")
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
        require_whole("model.target_every", target_every, at_least=1)
        for key, value in under(
            "model",
            target_share=target_share,
            epsilon_share=epsilon_share,
            epsilon_start=epsilon_start,
            epsilon_end=epsilon_end,
        ):
            require_number(key, value, at_least=0, at_most=1)
        require_choice("model.activation", activation, ACTIVATIONS)
        require_hidden(hidden)
        self.double = double
        self.target_every, self.target_share = target_every, target_share
        self.epsilon_start, self.epsilon_end = epsilon_start, epsilon_end
        self.epsilon_share = epsilon_share
        self.epsilon = epsilon_start
        options = EncoderOptions(
            scan_encoder=scan_encoder,
            scan_key=scan_key,
            scan_width=scan_width,
            scan_features=scan_features,
            encoder_from=encoder_from,
            encoder_frozen=encoder_frozen,
        )
        encoder = Encoder(observation_space, options)
        self.online = QNetwork(encoder, self.actions, hidden, activation, dueling=dueling)
        self.target = frozen_copy(self.online)
        self.register_buffer("updated", torch.zeros((), dtype=torch.long))
        self._updates = 0
        self.register_load_state_dict_post_hook(_count_on)

    @torch.no_grad()
    def act(self, observations: TensorObservations, generator: torch.Generator) -> Decision:
        """The best actions, with the probability epsilon a random one instead."""
        best = self.decide(observations)
        device = best.device
        drawn = torch.rand(best.shape, generator=generator, device=device)
        others = torch.randint(self.actions, best.shape, generator=generator, device=device)
        return Decision(actions=torch.where(drawn < self.epsilon, others, best))

    def decide(self, observations: TensorObservations) -> Tensor:
        """The best actions, int64 [n]."""
        return self.online(observations).argmax(dim=-1)

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """The terms of a batch of the memory."""
        q = self.online(batch["observations"])
        target = self._target(batch["next_observations"], batch["rewards"], batch["discounts"])
        return {"q": q_loss(q, batch["actions"], target)}

    def after_step(self) -> None:
        """Let the target network follow, every ``target_every`` batches."""
        self._updates += 1
        self.updated += 1
        if self._updates % self.target_every == 0:
            follow(self.target, self.online, self.target_share)

    def progress_to(self, progress: float) -> None:
        """Let epsilon fall."""
        self.epsilon = linear_decay(
            progress, self.epsilon_start, self.epsilon_end, self.epsilon_share
        )

    def load_pretrained(self) -> None:
        """Read the weights that the encoder starts from; the target network takes them over."""
        pending = self.online.encoder.weights_pending
        super().load_pretrained()
        if pending:
            follow(self.target, self.online, 1.0)

    @torch.no_grad()
    def _target(
        self, next_observations: TensorObservations, rewards: Tensor, discounts: Tensor
    ) -> Tensor:
        next_q = self.target(next_observations)
        if self.double:
            return double_q_target(next_q, self.online(next_observations), rewards, discounts)
        return q_target(next_q, rewards, discounts)


class QNetwork(nn.Module):
    """Q [b, a] of observations; dueling: a state's value and the advantages of its actions."""

    def __init__(
        self,
        encoder: Encoder,
        actions: int,
        hidden: Sequence[int],
        activation: Activation,
        *,
        dueling: bool,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.body = MLP(encoder.out_features, hidden, activation)
        self.head = linear(self.body.out_features, actions, gain=1.0)
        self.value = linear(self.body.out_features, 1, gain=1.0) if dueling else None

    def forward(self, observations: TensorObservations) -> Tensor:
        """Q [b, a]."""
        features = self.body(self.encoder(observations))
        if self.value is None:
            return self.head(features)
        return dueling(self.value(features), self.head(features))


def _count_on(algorithm: nn.Module, _incompatible: object) -> None:
    """Go on counting where a loaded state stopped, without reading a tensor at every batch."""
    assert isinstance(algorithm, DQN)
    algorithm._updates = int(algorithm.updated)
