"""Model ``robotics_chunk``: the next actions at once, from one observation.

Legend of shapes: ``b`` batch, ``k`` actions of a chunk, ``d`` width of the model, ``w`` numbers
that tell an action, or choices.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from labloom.arguments import require_number, require_whole, under
from labloom.errors import ConfigError
from labloom_robotics.nets.encoders import Encoder, EncoderOptions, Scan
from labloom_robotics.nets.imitation import outputs_of, statistical_encoder
from labloom_robotics.spaces import PlainSpace


class ActionChunking(nn.Module):
    """A transformer whose tokens are the observation and the ``k`` actions that are asked for.

    After ACT (Zhao et al. 2023, arXiv:2304.13705). We differ: there is no latent variable, which
    helps with demonstrations of people, who do the same thing in several ways (their figure 8c),
    and does nothing where a script demonstrates; instead of an encoder and a decoder one stack
    reads the observation's token beside the learned queries; norms come first (Xiong et al. 2020,
    arXiv:2002.04745).

    Args:
        observation_space: of one agent, plain (see ``labloom_robotics.spaces``).
        action_space: of one agent, plain.
        observation_stats: mean and std of the training split's observations.
        chunk: k, steps.
        dim: d; must be divisible by ``heads``.
        depth: transformer layers.
        heads: attention heads in a layer.
        dropout: probability of dropping a unit in every layer.
        scan_encoder: see ``EncoderOptions``, as all that follow.
        scan_key: see there.
        scan_width: see there.
        scan_features: see there.
        encoder_from: see there.
        encoder_frozen: see there.

    Attributes:
        chunk: k.

    Raises:
        ConfigError: an argument is out of range or does not divide what it must.
    """

    def __init__(  # noqa: PLR0913  (each is a choice to sweep over)
        self,
        observation_space: PlainSpace,
        action_space: PlainSpace,
        observation_stats: Mapping[str, Any],
        chunk: int = 8,
        dim: int = 128,
        depth: int = 3,
        heads: int = 4,
        dropout: float = 0.0,
        scan_encoder: Scan = "flat",
        scan_key: str = "scan",
        scan_width: int = 32,
        scan_features: int = 64,
        encoder_from: str | None = None,
        encoder_frozen: bool = False,
    ) -> None:
        super().__init__()
        for key, value in under("model", chunk=chunk, dim=dim, depth=depth, heads=heads):
            require_whole(key, value, at_least=1)
        require_number("model.dropout", dropout, at_least=0, at_most=0.9)
        if dim % heads != 0:
            raise ConfigError(
                f"model.heads={heads} does not divide model.dim={dim}",
                expected="a number of heads that divides the width",
                got=f"{dim} / {heads}",
                fix=f"set model.dim={heads * max(1, round(dim / heads))}",
            )
        options = EncoderOptions(
            scan_encoder=scan_encoder,
            scan_key=scan_key,
            scan_width=scan_width,
            scan_features=scan_features,
            encoder_from=encoder_from,
            encoder_frozen=encoder_frozen,
        )
        self.chunk = chunk
        self.encoder: Encoder = statistical_encoder(observation_space, observation_stats, options)
        self.observed = nn.Linear(self.encoder.out_features, dim)
        self.queries = nn.Parameter(torch.empty(1, chunk, dim))
        nn.init.normal_(self.queries, std=0.5)
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(
                dim,
                heads,
                dim_feedforward=4 * dim,
                dropout=dropout,
                activation="gelu",
                batch_first=True,
                norm_first=True,
            )
            for _ in range(depth)
        )
        self.norm = nn.LayerNorm(dim)
        self.head = nn.Linear(dim, outputs_of(action_space))

    def forward(self, observations: Tensor | dict[str, Tensor]) -> Tensor:
        """Normalised actions, or logits of the choices, [b, k, w], of observations [b, ...]."""
        token = self.observed(self.encoder(observations)).unsqueeze(1)  # [b, d] -> [b, 1, d]
        # The queries carry the observation too: so the first layer need not find it.
        x = torch.cat([token, self.queries + token], dim=1)  # -> [b, 1 + k, d]
        for layer in self.layers:
            x = layer(x)
        return self.head(self.norm(x[:, 1:]))  # [b, k, d] -> [b, k, w]
