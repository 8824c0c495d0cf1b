"""Residual network for small images."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from labloom.arguments import require_whole, under
from labloom.errors import ConfigError

STAGES = 3


class ResNet(nn.Module):
    """The residual network that He et al. 2015 (arXiv:1512.03385, section 4.2) trained on CIFAR-10.

    A 3x3 convolution, then three stages of ``(depth - 2) / 6`` residual blocks; the second and
    third stage halve the map and double the width. Shortcuts have no parameters ("option A").

    Args:
        num_classes: number of logits.
        channels: channels of an image.
        image_size: side of the square image, in pixels; at least 4.
        depth: number of layers with weights: 8, 14, 20, 32, 44, 56, 110, ... (6 n + 2).
        width: channels of the first stage; the paper's 16.

    Raises:
        ConfigError: an argument is out of range, or ``depth`` is not 6 n + 2.
    """

    def __init__(
        self,
        num_classes: int,
        channels: int,
        image_size: int,
        depth: int = 20,
        width: int = 16,
    ) -> None:
        super().__init__()
        for key, value in under("model", num_classes=num_classes, channels=channels, width=width):
            require_whole(key, value, at_least=1)
        require_whole("model.image_size", image_size, at_least=4)
        require_whole("model.depth", depth, at_least=8)
        blocks_per_stage, rest = divmod(depth - 2, 2 * STAGES)
        if rest:
            lower = depth - rest
            raise ConfigError(
                f"model.depth={depth} does not divide into {STAGES} stages of whole blocks",
                expected="6 n + 2 layers: 8, 14, 20, 26, 32, 44, 56, ...",
                got=str(depth),
                fix=f"set model.depth={lower} or model.depth={lower + 2 * STAGES}",
            )
        self.stem = nn.Conv2d(channels, width, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(width)
        blocks: list[nn.Module] = []
        inputs = width
        for stage in range(STAGES):
            outputs = width * 2**stage
            for block in range(blocks_per_stage):
                stride = 2 if stage > 0 and block == 0 else 1
                blocks.append(ResidualBlock(inputs, outputs, stride))
                inputs = outputs
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Linear(inputs, num_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        # Channels beside each other in memory: a quarter faster on CPU, and what tensor cores take.
        self.to(memory_format=torch.channels_last)

    def forward(self, images: Tensor) -> Tensor:
        """Logits [b, classes] of images [b, c, h, w]."""
        x = self.blocks(functional.relu(self.norm(self.stem(images))))
        return self.head(x.mean(dim=(2, 3)))  # [b, c, h, w] -> [b, c] -> [b, classes]


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions whose result is added to the input (figure 2 of the paper)."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.stride = stride
        self.new_channels = outputs - inputs

    def forward(self, x: Tensor) -> Tensor:
        """Features [b, inputs, h, w] -> [b, outputs, h / stride, w / stride]."""
        y = self.norm2(self.conv2(functional.relu(self.norm1(self.conv1(x)))))
        shortcut = x[:, :, :: self.stride, :: self.stride]
        if self.new_channels:
            # pads count from the last dimension: none for w and h, zeros after the channels
            shortcut = functional.pad(shortcut, (0, 0, 0, 0, 0, self.new_channels))
        return functional.relu(shortcut + y)
