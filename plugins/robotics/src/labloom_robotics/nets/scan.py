"""Networks that read a LiDAR scan as the ring that it is.

Legend of shapes: ``b`` batch, ``l`` layers of the scanner, ``r`` rays of a turn, ``w`` channels of
a ray, ``f`` pooled features.

A policy can start from what perception learned: ``ScanEncoder`` is the same class in both, reads
the same numbers, and neither its convolutions nor its pooling depend on the number of rays. So

    labloom run task=robotics_control ... model.scan_encoder=conv model.encoder_from=CHECKPOINT

loads the entries ``model.encoder.*`` of a checkpoint of ``robotics_perceive`` wherever ``layers``,
``width`` and ``features`` are equal.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from labloom.errors import ConfigError

SECTORS = 16
"""Directions that the pooled features tell apart; 22.5 degrees each."""

DILATIONS = (1, 2, 4, 8)
"""Of the blocks. With the first convolution a ray hears of 17 neighbours on either side."""

FEWEST_RAYS = SECTORS


class ScanEncoder(nn.Module):
    """Circular convolutions over the ring of rays; ray 0 and the last one are neighbours.

    ``forward`` gives pooled features for a policy, ``ray_features`` one vector for each ray.
    Pooling is the maximum over each of 16 sectors: the nearest thing in a direction is what counts,
    and where it is must not be lost. There is no batch norm, which would make a policy's decision
    depend on the other agents of its batch.

    Args:
        rays: of one turn, counter-clockwise, at least 16; only checked, no weight depends on it.
        width: channels of a ray.
        features: pooled features.
        layers: of the scanner; 1 reads scans [b, r], more reads range images [b, l, r].

    Attributes:
        out_features: the same as ``features``.

    Raises:
        ConfigError: fewer than 16 rays.
    """

    def __init__(self, rays: int, width: int = 32, features: int = 64, layers: int = 1) -> None:
        super().__init__()
        _require_ring(rays)
        self.rays = rays
        self.layers = layers
        self.width = width
        self.out_features = features
        self.stem = _ring_conv(layers, width, size=5)
        self.blocks = nn.Sequential(*(RingBlock(width, dilation) for dilation in DILATIONS))
        self.pooled = nn.Linear(width * SECTORS, features)

    def forward(self, scans: Tensor) -> Tensor:
        """Pooled features [b, f], at least 0.

        Args:
            scans: distances as a share of the range, in [0, 1], 1 where nothing came back; [b, r],
                or [b, l, r] with several layers.
        """
        return self.pool(self.ray_features(scans))

    def ray_features(self, scans: Tensor) -> Tensor:
        """Features [b, w, r] of each ray and its surroundings, of scans [b, r] or [b, l, r]."""
        closeness = 1 - scans  # 0 where nothing is, so that nothing is nothing
        rings = closeness.unflatten(-1, (1, -1)) if scans.dim() == 2 else closeness  # [b, l, r]
        return self.blocks(functional.relu(self.stem(rings)))

    def pool(self, ray_features: Tensor) -> Tensor:
        """Pooled features [b, f] of ray features [b, w, r]."""
        sectors = functional.adaptive_max_pool1d(ray_features, SECTORS)  # [b, w, 16]
        return functional.relu(self.pooled(sectors.flatten(1)))


class RingBlock(nn.Module):
    """A residual block: three rays, ``dilation`` apart, then a mixing of channels.

    Args:
        width: channels, [b, width, r] in and out.
        dilation: rays between the three, at most the number of rays.
    """

    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        self.around = _ring_conv(width, width, size=3, dilation=dilation)
        self.mix = nn.Conv1d(width, width, 1)
        # A block begins as the identity (Zhang et al. 2019, arXiv:1901.09321), so that the stack
        # is as tame as its first layer without a norm.
        nn.init.zeros_(self.mix.weight)
        nn.init.zeros_(self.mix.bias)

    def forward(self, rings: Tensor) -> Tensor:
        """The rings [b, w, r] and what was found in them."""
        return rings + self.mix(functional.relu(self.around(rings)))


def _ring_conv(inputs: int, outputs: int, *, size: int, dilation: int = 1) -> nn.Conv1d:
    around = dilation * (size // 2)
    return nn.Conv1d(
        inputs, outputs, size, padding=around, dilation=dilation, padding_mode="circular"
    )


def _require_ring(rays: int) -> None:
    if rays < FEWEST_RAYS:
        raise ConfigError(
            f"a scan of {rays} rays is too coarse for ScanEncoder",
            expected=f"at least {FEWEST_RAYS} rays, one for each sector that it tells apart",
            got=f"{rays} rays",
            fix="give the scanner more rays, or read the scan with a plain network",
        )
