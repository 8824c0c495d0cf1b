"""The network that reads a camera.

Legend of shapes: ``b`` batch, ``h, w, c`` height, width and channels of an image.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor, nn

from labloom_robotics.spaces import PlainSpace

IMAGE_FEATURES = 512
SMALLEST_FOR_ATARI = 36  # pixels; the three layers of Mnih et al. need as many


class ImageEncoder(nn.Module):
    """Three convolutions and a layer of 512 (Mnih et al. 2015, Nature 518, methods).

    Images with a side below 36 pixels get three convolutions of size 3 instead, the first two with
    stride 2.

    Args:
        shape: of one uint8 image: [h, w, c], [h, w] for grey, or [c, h, w]; the shortest side of
            the first and the last is taken for the channels.
    """

    def __init__(self, shape: Sequence[int]) -> None:
        super().__init__()
        self.grey = len(shape) == 2
        height, width, channels = [*shape, 1] if self.grey else shape
        self.channels_first = not self.grey and shape[0] < shape[2]
        if self.channels_first:
            channels, height, width = shape
        if min(height, width) >= SMALLEST_FOR_ATARI:
            sizes = ((32, 8, 4, 0), (64, 4, 2, 0), (64, 3, 1, 0))
        else:
            sizes = ((32, 3, 2, 1), (64, 3, 2, 1), (64, 3, 1, 1))
        layers: list[nn.Module] = []
        for outputs, size, stride, padding in sizes:
            layers += [nn.Conv2d(channels, outputs, size, stride, padding), nn.ReLU()]
            channels = outputs
            height, width = ((side + 2 * padding - size) // stride + 1 for side in (height, width))
        flat = channels * height * width
        self.layers = nn.Sequential(
            *layers, nn.Flatten(), nn.Linear(flat, IMAGE_FEATURES), nn.ReLU()
        )
        for layer in self.layers:
            if isinstance(layer, nn.Conv2d | nn.Linear):
                nn.init.orthogonal_(layer.weight, math.sqrt(2))
                nn.init.zeros_(layer.bias)

    def forward(self, images: Tensor) -> Tensor:
        """Features [b, 512] of images [b, *shape] with values 0 to 255."""
        x = images.float() / 255.0
        if self.grey:
            x = x.unsqueeze(1)  # [b, h, w] -> [b, 1, h, w]
        elif not self.channels_first:
            x = x.permute(0, 3, 1, 2)  # [b, h, w, c] -> [b, c, h, w]
        return self.layers(x)


def is_image(space: PlainSpace) -> bool:
    """Whether a plain space is one of images: uint8 in two or three dimensions."""
    return space["kind"] == "box" and space["dtype"] == "uint8" and len(space["shape"]) in (2, 3)
