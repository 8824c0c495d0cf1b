"""Any architecture of timm, from scratch or pretrained, wholly or partly trained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import timm
import torch
from timm.models import group_parameters
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from labloom.arguments import require_share, require_whole, under
from labloom.errors import ConfigError, DataError, listing, nearest


class TimmModel(nn.Module):
    """A timm model (Wightman 2019, https://github.com/huggingface/pytorch-image-models).

    The pretrained weights are not read here but in ``load_pretrained``, which the task's module
    calls when training starts. A finished run is thus rebuilt from its checkpoint without the
    network and without the file that it started from.

    Args:
        num_classes: number of logits; a new classifier of this size replaces timm's.
        channels: channels of an image; timm adapts pretrained first layers to them.
        image_size: side of the square image, in pixels; passed on to architectures that fix it.
        name: timm's name, with or without the tag of the weights, e.g. ``resnet18.a1_in1k``.
        pretrained: start from the weights that timm knows for ``name``.
        checkpoint_path: start from this file (.pth or .safetensors) instead of a download.
        unfreeze: how many of the last blocks or stages (timm's own grouping) are trained beside
            the head, which always is; 0 trains the head alone, None everything. Batch
            normalisation in frozen parts keeps the statistics that it has.
        dropout: probability that a feature is dropped before the classifier.

    Raises:
        ConfigError: timm does not know the name, has no weights for it, or cannot build it for
            this size; or ``unfreeze`` is more than the architecture has.
    """

    def __init__(
        self,
        num_classes: int,
        channels: int,
        image_size: int,
        name: str = "resnet18",
        pretrained: bool = False,
        checkpoint_path: str | None = None,
        unfreeze: int | None = None,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        for key, value in under(
            "model", num_classes=num_classes, channels=channels, image_size=image_size
        ):
            require_whole(key, value, at_least=1)
        require_share("model.dropout", dropout)
        _require_known(name, needs_weights=pretrained and checkpoint_path is None)
        self.name = name
        self.checkpoint_path = checkpoint_path
        self.sizes: dict[str, Any] = {
            "num_classes": num_classes,
            "in_chans": channels,
            "drop_rate": dropout,
        }
        known = timm.get_pretrained_cfg(name)
        if known is not None and known.fixed_input_size:
            self.sizes["img_size"] = image_size
        self.net = self._build(image_size)
        self.weights_pending = pretrained or checkpoint_path is not None
        self.register_load_state_dict_post_hook(_weights_have_come)
        self.frozen_norms: list[nn.Module] = []
        if unfreeze is not None:
            require_whole("model.unfreeze", unfreeze, at_least=0)
            self._freeze_all_but(unfreeze)

    def forward(self, images: Tensor) -> Tensor:
        """Logits [b, classes] of images [b, c, h, w]."""
        return self.net(images)

    def train(self, mode: bool = True) -> TimmModel:
        """Switch to training, but for batch normalisation in frozen parts."""
        super().train(mode)
        for norm in self.frozen_norms:
            norm.eval()
        return self

    def load_pretrained(self) -> None:
        """Read the weights that the arguments ask for, once; none if a state was loaded before.

        Raises:
            DataError: they cannot be downloaded, or the file is missing or does not fit.
        """
        if not self.weights_pending:
            return
        source: dict[str, Any] = {}
        if self.checkpoint_path is not None:
            if not Path(self.checkpoint_path).is_file():
                raise DataError(
                    f"the weights of '{self.name}' are not there",
                    expected="a .pth or .safetensors file with weights of this architecture",
                    got=f"no file {self.checkpoint_path}",
                    fix="correct model.checkpoint_path, or set it to null to download the weights",
                )
            source["pretrained_cfg_overlay"] = {"file": str(self.checkpoint_path)}
        try:
            # Built anew because timm resizes position embeddings and first layers while it builds.
            ready = timm.create_model(self.name, pretrained=True, **source, **self.sizes)
        except Exception as error:  # the hub, torch and safetensors raise anything
            raise self._unreadable(error) from error
        state = ready.state_dict()
        if ready.pretrained_cfg.get("num_classes") != self.sizes["num_classes"]:
            # timm has put a random head there; ours is the same on all devices already.
            for name in _head_names(ready):
                del state[name]
        self.net.load_state_dict(state, strict=False)
        self.weights_pending = False

    def _build(self, image_size: int) -> nn.Module:
        try:
            net = timm.create_model(self.name, pretrained=False, **self.sizes)
            # Many architectures find out only here that an image is too small for them.
            with torch.no_grad():
                net.eval()(torch.zeros(1, self.sizes["in_chans"], image_size, image_size))
            return net.train()
        except (AssertionError, RuntimeError, TypeError, ValueError) as error:
            raise ConfigError(
                f"timm cannot build '{self.name}' for images of {image_size}x{image_size}",
                expected="an architecture, tag and image size that go together",
                got=str(error).strip() or type(error).__name__,
                fix="choose another model.name or data.image_size",
            ) from error

    def _freeze_all_but(self, unfreeze: int) -> None:
        groups = group_parameters(self.net, self.net.group_matcher(coarse=True))
        head = _head_names(self.net)
        parameters = dict(self.net.named_parameters())
        body = [names for _, names in sorted(groups.items()) if not head.intersection(names)]
        if unfreeze > len(body):
            raise ConfigError(
                f"model.unfreeze={unfreeze} is more than '{self.name}' has",
                expected=f"0 (head only) to {len(body)} blocks or stages, or null for everything",
                got=str(unfreeze),
                fix=f"set model.unfreeze={len(body)} or null",
            )
        for names in body[: len(body) - unfreeze]:
            for name in names:
                parameters[name].requires_grad_(False)
        self.frozen_norms = [
            module
            for module in self.net.modules()
            if isinstance(module, _BatchNorm)
            and not any(p.requires_grad for p in module.parameters())
        ]

    def _unreadable(self, error: Exception) -> DataError:
        reason = (
            f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error) else ''}"
        )
        if self.checkpoint_path is not None:
            return DataError(
                f"{self.checkpoint_path} does not hold weights of '{self.name}'",
                expected="a state dict of this architecture, as timm saves it",
                got=reason,
                fix="check model.name and model.checkpoint_path against each other",
            )
        return DataError(
            f"the pretrained weights of '{self.name}' cannot be downloaded",
            expected="access to the network, or the weights in the cache of Hugging Face",
            got=reason,
            fix="fetch the weights on a machine with network and set "
            "model.checkpoint_path=FILE, or train from scratch with model.pretrained=false",
        )


def _head_names(net: nn.Module) -> set[str]:
    """Names of the classifier's parameters."""
    head = {id(p) for p in net.get_classifier().parameters()}
    return {name for name, p in net.named_parameters() if id(p) in head}


def _weights_have_come(model: nn.Module, _incompatible: object) -> None:
    """After a ``load_state_dict`` the pretrained weights must not be read over what was loaded."""
    assert isinstance(model, TimmModel)
    model.weights_pending = False


def _require_known(name: str, *, needs_weights: bool) -> None:
    architecture, _, tag = name.partition(".")
    if not timm.is_model(architecture):
        guess = nearest(architecture, timm.list_models())
        raise ConfigError(
            f"model.name={name} is not a model of timm {timm.__version__}",
            expected="a name that timm.list_models() lists",
            got=repr(name),
            fix=f"set model.name={guess or 'resnet18'}",
        )
    tags = [
        known.partition(".")[2] for known in timm.list_models(f"{architecture}.*", pretrained=True)
    ]
    if tag and tag not in tags:
        raise ConfigError(
            f"model.name={name} has a tag that timm {timm.__version__} does not know",
            expected=f"no tag, or one of {listing(tags)}",
            got=repr(tag),
            fix=f"set model.name={architecture}"
            + (f".{guess}" if (guess := nearest(tag, tags)) else ""),
        )
    if needs_weights and not timm.is_model_pretrained(name):
        raise ConfigError(
            f"timm has no pretrained weights for model.name={name}",
            expected="a name that timm.list_models(pretrained=True) lists",
            got="model.pretrained=true",
            fix=f"set model.pretrained=false or model.name={_name_with_weights(name)}",
        )


def _name_with_weights(name: str) -> str:
    return nearest(name, timm.list_models(pretrained=True)) or "resnet18.a1_in1k"
