"""A small convolutional network for images of 8x8 to 64x64 pixels."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from labloom.arguments import require_share, require_whole, under
from labloom.errors import ConfigError


class CNN(nn.Module):
    """Stages of 3x3 convolutions, each half as large and twice as wide as the one before.

    The plan of VGG (Simonyan & Zisserman 2015, arXiv:1409.1556) with batch normalisation after
    each convolution. We differ in the head: average pooling over the last map and one linear
    layer instead of three, so that the number of weights does not depend on the image's size.

    Args:
        num_classes: number of logits.
        channels: channels of an image.
        image_size: side of the square image, in pixels; at least ``2 ** (stages - 1)``.
        width: channels of the first stage; each further stage doubles them.
        stages: number of stages; between two stages the map is halved by 2x2 max pooling.
        convs: convolutions in a stage.
        dropout: probability that a feature is dropped before the linear layer.

    Raises:
        ConfigError: an argument is out of range, or the image is too small for the stages.
    """

    def __init__(
        self,
        num_classes: int,
        channels: int,
        image_size: int,
        width: int = 24,
        stages: int = 3,
        convs: int = 2,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        for key, value in under(
            "model",
            num_classes=num_classes,
            channels=channels,
            image_size=image_size,
            width=width,
            stages=stages,
            convs=convs,
        ):
            require_whole(key, value, at_least=1)
        require_share("model.dropout", dropout)
        if image_size < 2 ** (stages - 1):
            raise ConfigError(
                f"model.stages={stages} halves images of {image_size}x{image_size} to nothing",
                expected=f"at most {image_size.bit_length()} stages for this image size",
                got=str(stages),
                fix=f"set model.stages={image_size.bit_length()} or larger images",
            )
        layers: list[nn.Module] = []
        inputs, outputs = channels, width
        for stage in range(stages):
            if stage > 0:
                layers.append(nn.MaxPool2d(2))
            for _ in range(convs):
                layers += [
                    nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),
                    nn.BatchNorm2d(outputs),
                    nn.ReLU(inplace=True),
                ]
                inputs = outputs
            outputs *= 2
        self.features = nn.Sequential(*layers)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(inputs, num_classes)
        # Channels beside each other in memory: a quarter faster on CPU, and what tensor cores take.
        self.to(memory_format=torch.channels_last)

    def forward(self, images: Tensor) -> Tensor:
        """Logits [b, classes] of images [b, c, h, w]."""
        x = self.features(images).mean(dim=(2, 3))  # [b, c, h, w] -> [b, c]
        return self.head(self.dropout(x))
