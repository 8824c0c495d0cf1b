"""From what an agent observes to one vector of features, whatever the observation space.

Legend of shapes: ``b`` batch, ``f`` features.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from labloom.arguments import require_choice, require_whole
from labloom.errors import ConfigError
from labloom_robotics.nets.images import IMAGE_FEATURES, ImageEncoder, is_image
from labloom_robotics.nets.normalise import RunningNormaliser
from labloom_robotics.nets.pretrained import read_encoder
from labloom_robotics.nets.scan import ScanEncoder
from labloom_robotics.spaces import PlainSpace, bounds

Scan = Literal["flat", "log", "conv"]
SCANS = ("flat", "log", "conv")
ONLY = ""  # key of an observation that is no Dict
NEAREST = 0.02  # share of the range below which the log scale tells distances apart no more


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderOptions:
    """How observations are read; part of the arguments of every algorithm.

    Args:
        scan_encoder: ``flat``: a scan is numbers like others; ``log``: the same on a log scale, so
            that what is near counts most; ``conv``: ``ScanEncoder`` reads it.
        scan_key: name of the scan in a Dict; an observation that is no Dict is the scan itself.
        scan_width: channels of a ray.
        scan_features: features of a scan.
        encoder_from: checkpoint of a ``robotics_perceive`` run; the scan's encoder starts from it.
        encoder_frozen: leave the scan's encoder as it starts.
    """

    scan_encoder: str = "flat"
    scan_key: str = "scan"
    scan_width: int = 32
    scan_features: int = 64
    encoder_from: str | None = None
    encoder_frozen: bool = False

    def __post_init__(self) -> None:
        require_choice("model.scan_encoder", self.scan_encoder, SCANS)
        for name in ("scan_width", "scan_features"):
            require_whole(f"model.{name}", getattr(self, name), at_least=1)
        if self.scan_encoder != "conv" and (self.encoder_from or self.encoder_frozen):
            raise ConfigError(
                "model.encoder_from and model.encoder_frozen need a scan's encoder",
                expected="model.scan_encoder=conv",
                got=f"model.scan_encoder={self.scan_encoder}",
                fix="add model.scan_encoder=conv, or leave them out",
            )


class Encoder(nn.Module):
    """Features [b, f] of observations: numbers as they are, images and scans through networks.

    Numbers of all keys are put side by side, Discrete observations one-hot, then come the features
    of the scan and of each image, keys in the order of the space.

    Args:
        space: of one agent's observations, plain (see ``labloom_robotics.spaces``).
        options: how a scan is read.
        normalise: shift and scale the numbers by running statistics (``RunningNormaliser``).

    Attributes:
        out_features: f.

    Raises:
        ConfigError: there is no scan where one should be read, or it has no log scale.
    """

    def __init__(self, space: PlainSpace, options: EncoderOptions, normalise: bool = False) -> None:
        super().__init__()
        parts = dict(space["spaces"]) if space["kind"] == "dict" else {ONLY: space}
        self.options = options
        self.scan_key = _scan_key(parts, options)
        self.log_key = self.scan_key if options.scan_encoder == "log" else None
        self.images = nn.ModuleDict()
        self.image_keys: list[str] = []
        self.one_hot: dict[str, int] = {}
        self.flat_keys: list[str] = []
        self.scan: ScanEncoder | None = None
        numbers = 0
        for key, part in parts.items():
            if key == self.scan_key and key != self.log_key:
                self.scan = _scan_encoder(part["shape"], options)
            elif is_image(part):
                self.image_keys.append(key)
                self.images[f"image{len(self.image_keys)}"] = ImageEncoder(part["shape"])
            else:
                self.flat_keys.append(key)
                numbers += part["n"] if part["kind"] == "discrete" else math.prod(part["shape"])
                if part["kind"] == "discrete":
                    self.one_hot[key] = part["n"]
        self.normaliser = RunningNormaliser(numbers) if normalise and numbers else None
        scanned = self.scan.out_features if self.scan is not None else 0
        self.out_features = numbers + scanned + IMAGE_FEATURES * len(self.image_keys)
        # The usual case, a vector of numbers, takes no detour.
        self.is_vector = (
            parts.keys() == set(self.flat_keys) == {ONLY}
            and not self.one_hot
            and self.log_key is None
        )
        self.weights_pending = options.encoder_from is not None
        self.register_load_state_dict_post_hook(_weights_have_come)

    def forward(self, observations: Tensor | dict[str, Tensor]) -> Tensor:
        """Features [b, f] of observations [b, ...], or by key."""
        if self.is_vector:
            numbers = self._numbers(observations)
            return numbers if self.normaliser is None else self.normaliser(numbers)
        parts = list(self._parts(_by_key(observations)))
        return parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)

    def count_in(self, observations: Tensor | dict[str, Tensor]) -> None:
        """Let the normaliser see observations [b, ...], if there is one."""
        if self.normaliser is not None:
            self.normaliser.count_in(self._numbers(observations))

    def refresh(self) -> None:
        """Use what the normaliser has seen."""
        if self.normaliser is not None:
            self.normaliser.refresh()

    def load_pretrained(self) -> None:
        """Read the scan's encoder from ``encoder_from``; not after a state was loaded.

        Raises:
            DataError: the file is missing, or holds no encoder of this shape.
        """
        if self.weights_pending and self.scan is not None:
            self.scan.load_state_dict(read_encoder(str(self.options.encoder_from), self.scan))
        self.weights_pending = False

    def _parts(self, observations: dict[str, Tensor]) -> Iterator[Tensor]:
        if self.flat_keys:
            numbers = self._numbers(observations)
            yield numbers if self.normaliser is None else self.normaliser(numbers)
        if self.scan is not None:
            yield self.scan(observations[str(self.scan_key)].float())
        for key, network in zip(self.image_keys, self.images.values(), strict=True):
            yield network(observations[key])

    def _numbers(self, observations: Tensor | dict[str, Tensor]) -> Tensor:
        """All plain numbers side by side, float32 [b, ...]."""
        if self.is_vector and isinstance(observations, Tensor):
            return (
                observations.flatten(1).float() if observations.dim() != 2 else observations.float()
            )
        parts = _by_key(observations)
        rows = [
            functional.one_hot(parts[key].long(), self.one_hot[key]).float()
            if key in self.one_hot
            else near_in_full(parts[key].flatten(1).float())
            if key == self.log_key
            else parts[key].flatten(1).float()
            for key in self.flat_keys
        ]
        return rows[0] if len(rows) == 1 else torch.cat(rows, dim=1)


def near_in_full(scan: Tensor) -> Tensor:
    """Shares of the range, 0 to 1, on a log scale from -1 (touching) to 1 (nothing in range)."""
    lowest, highest = math.log(NEAREST), math.log(1.0 + NEAREST)
    return (torch.log(scan + NEAREST) - lowest) * (2.0 / (highest - lowest)) - 1.0


def _by_key(observations: Tensor | dict[str, Tensor]) -> dict[str, Tensor]:
    return {ONLY: observations} if isinstance(observations, Tensor) else observations


def _scan_key(parts: dict[str, PlainSpace], options: EncoderOptions) -> str | None:
    if options.scan_encoder == "flat":
        return None
    key = ONLY if parts.keys() == {ONLY} else options.scan_key
    part = parts.get(key)
    if part is None or part["kind"] != "box" or is_image(part) or len(part["shape"]) > 2:
        raise ConfigError(
            f"model.scan_encoder={options.scan_encoder} finds no scan in what this data observes",
            expected=f"distances of rays, [rays], under the key '{options.scan_key}'",
            got=f"{', '.join(parts)}" if key else f"a {dict(parts[ONLY])}",
            fix="set model.scan_encoder=flat, or model.scan_key to the key of the scan",
        )
    lowest = float(bounds(part)[0].min())
    if options.scan_encoder == "log" and -math.inf < lowest < 0:
        raise ConfigError(
            "model.scan_encoder=log needs distances, and what this data observes can be below 0",
            expected="shares of a range, 0 to 1",
            got=f"numbers from {lowest:g}",
            fix="set model.scan_encoder=flat, or model.scan_key to the key of the scan",
        )
    return key


def _scan_encoder(shape: list[int], options: EncoderOptions) -> ScanEncoder:
    layers = shape[0] if len(shape) == 2 else 1
    encoder = ScanEncoder(
        shape[-1], width=options.scan_width, features=options.scan_features, layers=layers
    )
    return encoder.requires_grad_(not options.encoder_frozen)


def _weights_have_come(encoder: nn.Module, _incompatible: object) -> None:
    """After a ``load_state_dict`` pretrained weights must not be read over what was loaded."""
    assert isinstance(encoder, Encoder)
    encoder.weights_pending = False
