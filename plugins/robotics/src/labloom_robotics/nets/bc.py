"""Model ``robotics_bc``: the next action from one observation (behaviour cloning).

Legend of shapes: ``b`` batch, ``w`` numbers that tell an action, or choices.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from labloom.arguments import require_choice
from labloom_robotics.nets.encoders import Encoder, EncoderOptions, Scan
from labloom_robotics.nets.imitation import outputs_of, statistical_encoder
from labloom_robotics.nets.layers import ACTIVATIONS, MLP, Activation, require_hidden
from labloom_robotics.spaces import PlainSpace


class BehaviourCloning(nn.Module):
    """A perceptron on the encoded observation (Pomerleau 1989, NIPS 1).

    Args:
        observation_space: of one agent, plain (see ``labloom_robotics.spaces``).
        action_space: of one agent, plain.
        observation_stats: mean and std of the training split's observations.
        hidden: units of each hidden layer.
        activation: tanh, relu or elu.
        scan_encoder: see ``EncoderOptions``, as all that follow.
        scan_key: see there.
        scan_width: see there.
        scan_features: see there.
        encoder_from: see there.
        encoder_frozen: see there.

    Attributes:
        chunk: actions that are told at once: 1.

    Raises:
        ConfigError: an argument is unknown or out of range.
    """

    chunk = 1

    def __init__(  # noqa: PLR0913  (each is a choice to sweep over)
        self,
        observation_space: PlainSpace,
        action_space: PlainSpace,
        observation_stats: Mapping[str, Any],
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
        require_hidden(hidden)
        require_choice("model.activation", activation, ACTIVATIONS)
        options = EncoderOptions(
            scan_encoder=scan_encoder,
            scan_key=scan_key,
            scan_width=scan_width,
            scan_features=scan_features,
            encoder_from=encoder_from,
            encoder_frozen=encoder_frozen,
        )
        self.encoder: Encoder = statistical_encoder(observation_space, observation_stats, options)
        self.hidden = MLP(self.encoder.out_features, hidden, activation)
        self.head = nn.Linear(self.hidden.out_features, outputs_of(action_space))

    def forward(self, observations: Tensor | dict[str, Tensor]) -> Tensor:
        """Normalised action, or logits of the choices, [b, 1, w], of observations [b, ...]."""
        features = self.hidden(self.encoder(observations))
        return self.head(features).unsqueeze(1)  # [b, w] -> [b, 1, w]
