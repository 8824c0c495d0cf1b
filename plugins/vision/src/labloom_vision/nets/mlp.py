"""The feed-forward network, with the choices that its history turned on."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from labloom.arguments import require_choice, require_share, require_whole, under

Activation = Literal["sigmoid", "tanh", "relu", "gelu"]
Norm = Literal["none", "batch", "layer"]

ACTIVATIONS: dict[Activation, type[nn.Module]] = {
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
    "gelu": nn.GELU,
}
NORMS: dict[Norm, type[nn.Module]] = {
    "none": nn.Identity,
    "batch": nn.BatchNorm1d,
    "layer": nn.LayerNorm,
}


class MLP(nn.Module):
    """Flattened pixels through ``depth`` hidden layers of equal ``width``.

    A hidden layer is linear -> norm -> activation -> dropout. With ``residual`` its input is added
    to its output from the second layer on (the first one changes the width), which keeps deep
    stacks trainable. Weights start as Glorot & Bengio (2010) propose for sigmoid and tanh, and as
    He et al. (2015, arXiv:1502.01852) propose for relu and gelu.

    Args:
        num_classes: number of logits.
        channels: channels of an image.
        image_size: side of the square image, in pixels.
        depth: number of hidden layers; 0 is multinomial logistic regression.
        width: units of a hidden layer.
        activation: sigmoid, tanh, relu or gelu (Hendrycks & Gimpel 2016, arXiv:1606.08415).
        norm: none, batch (Ioffe & Szegedy 2015, arXiv:1502.03167) or layer (Ba et al. 2016,
            arXiv:1607.06450).
        residual: add each hidden layer's input to its output (He et al. 2015, arXiv:1512.03385).
        dropout: probability that a hidden unit is dropped in training.

    Raises:
        ConfigError: an argument is unknown or out of range.
    """

    def __init__(  # noqa: PLR0913  (each is a choice to sweep over)
        self,
        num_classes: int,
        channels: int,
        image_size: int,
        depth: int = 2,
        width: int = 256,
        activation: Activation = "relu",
        norm: Norm = "none",
        residual: bool = False,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        for key, value in under(
            "model", num_classes=num_classes, channels=channels, image_size=image_size, width=width
        ):
            require_whole(key, value, at_least=1)
        require_whole("model.depth", depth, at_least=0)
        require_choice("model.activation", activation, ACTIVATIONS)
        require_choice("model.norm", norm, NORMS)
        require_share("model.dropout", dropout)
        pixels = channels * image_size * image_size
        inputs = [pixels] + [width] * depth
        self.hidden = nn.ModuleList(
            HiddenLayer(size, width, activation, norm, residual=residual and i > 0, dropout=dropout)
            for i, size in enumerate(inputs[:-1])
        )
        self.head = nn.Linear(inputs[-1], num_classes)

    def forward(self, images: Tensor) -> Tensor:
        """Logits [b, classes] of images [b, c, h, w]."""
        x = images.flatten(1)  # [b, c, h, w] -> [b, c * h * w]
        for layer in self.hidden:
            x = layer(x)
        return self.head(x)


class HiddenLayer(nn.Module):
    """Linear -> norm -> activation -> dropout, with a skip connection if ``residual``."""

    def __init__(
        self,
        inputs: int,
        width: int,
        activation: Activation,
        norm: Norm,
        *,
        residual: bool,
        dropout: float,
    ) -> None:
        super().__init__()
        # A norm that follows the layer subtracts the mean, so a bias before it does nothing.
        self.linear = nn.Linear(inputs, width, bias=norm == "none")
        self.norm = NORMS[norm](width)
        self.activation = ACTIVATIONS[activation]()
        self.dropout = nn.Dropout(dropout)
        self.residual = residual
        if activation in ("relu", "gelu"):
            nn.init.kaiming_normal_(self.linear.weight, nonlinearity="relu")
        else:
            nn.init.xavier_normal_(self.linear.weight)
        if self.linear.bias is not None:
            nn.init.zeros_(self.linear.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Features [b, inputs] -> [b, width]."""
        y = self.dropout(self.activation(self.norm(self.linear(x))))
        return x + y if self.residual else y
