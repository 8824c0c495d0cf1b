"""Augmentation of training images: named recipes, drawn anew for every single image.

none       nothing
shift      shift, rotate and zoom, black outside: for digits
crop_flip  shift by whole pixels, black outside; mirror (He et al. 2015, section 4.2)
photo      crop a part of the picture and enlarge it; mirror; vary brightness, contrast and colour
           (Szegedy et al. 2014, section 6); erase a rectangle (Zhong et al. 2017)
trivial    mirror; one of 14 operations of random strength (Mueller and Hutter 2021)

A transform of ``torchvision.transforms.v2`` draws once per call, so on a batch every image would
get the same shift, and a call per image costs more than training on it. Geometry is therefore one
vectorised step for the batch with its own draw for each image; colour, erasing and TrivialAugment
are v2's, called image by image. All draws come from torch's global RNG.

He et al., https://arxiv.org/abs/1512.03385. Szegedy et al., https://arxiv.org/abs/1409.4842. Zhong
et al., https://arxiv.org/abs/1708.04896. Mueller and Hutter, https://arxiv.org/abs/2103.10158.

Shapes: b batch, c channels, h height, w width.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  (PyTorch's own name for it)
from torchvision.transforms import v2

from labloom.errors import ConfigError, nearest

RECIPES: dict[str, dict[str, float]] = {
    "none": {},
    "shift": {"shift": 0.1, "rotate": 10.0, "zoom": 0.1},
    "crop_flip": {"shift": 0.125, "flip": 0.5},
    "photo": {"area": 0.35, "aspect": 0.33, "flip": 0.5, "color": 0.3, "erase": 0.0},
    "trivial": {"flip": 0.5},
}
"""Recipe -> the strengths it has, with their own values."""

RANGES: dict[str, tuple[float, float, str]] = {
    "shift": (0.0, 0.5, "largest shift, as part of the side"),
    "rotate": (0.0, 180.0, "largest angle, in degrees"),
    "zoom": (0.0, 0.9, "largest change of size, 0.1 is 90 to 110 %"),
    "flip": (0.0, 1.0, "probability of a mirror image"),
    "area": (0.01, 1.0, "smallest part of the picture's area that is kept"),
    "aspect": (0.0, 1.0, "largest stretch of a crop, 0.33 is 4 to 3"),
    "color": (0.0, 1.0, "largest change of brightness, contrast and saturation"),
    "erase": (0.0, 1.0, "probability that a rectangle is blanked"),
}
"""Strength -> smallest value, largest value, meaning."""


def make_augment(
    name: str, strengths: Mapping[str, float | None] | None = None
) -> Callable[[Tensor], Tensor]:
    """The augmentation of a recipe.

    Args:
        name: one of ``RECIPES``.
        strengths: key of ``RANGES`` -> value; None stands for the recipe's own value.

    Returns:
        A function from uint8 images [b, c, h, w] to float32 images of the same shape in [0, 1].

    Raises:
        ConfigError: the recipe or a strength is unknown, a strength is out of range, or one was
            given that the recipe does not have.
    """
    if name not in RECIPES:
        near = nearest(str(name), RECIPES)
        raise ConfigError(
            "data.augment names no recipe",
            expected=f"one of {', '.join(RECIPES)}",
            got=repr(name),
            fix=f"data.augment={near or 'none'}",
        )
    given = {key: value for key, value in (strengths or {}).items() if value is not None}
    for key, value in given.items():
        _check_strength(name, key, value)
    values = {**RECIPES[name], **given}
    match name:
        case "shift":
            return RandomAffine(**values)
        case "crop_flip":
            return RandomShiftFlip(**values)
        case "photo":
            return RandomPhoto(**values)
        case "trivial":
            return RandomTrivial(**values)
    return to_unit_range


def to_unit_range(images: Tensor) -> Tensor:
    """uint8 images as float32 in [0, 1]."""
    return images.to(torch.float32).div_(255)


@dataclass(frozen=True)
class RandomAffine:
    """Shift, rotate and zoom every image about its centre, bilinear, black outside."""

    shift: float
    rotate: float
    zoom: float

    def __call__(self, images: Tensor) -> Tensor:
        """Vary uint8 images [b, c, h, w]; what comes back is float32 in [0, 1]."""
        b = len(images)
        angle = _uniform(b, math.radians(self.rotate))
        scale = 1 / (1 + _uniform(b, self.zoom))  # from output to input, hence the inverse
        cos, sin = angle.cos() * scale, angle.sin() * scale
        x, y = _uniform(b, 2 * self.shift), _uniform(b, 2 * self.shift)  # the side is 2 long
        rows = torch.stack([cos, -sin, x, sin, cos, y], dim=1)
        return _sample(to_unit_range(images), rows.view(b, 2, 3), outside="zeros")


@dataclass(frozen=True)
class RandomShiftFlip:
    """Shift every image by whole pixels, black outside, and mirror some of them.

    The same as v2's RandomCrop with padding, then RandomHorizontalFlip, without interpolation.
    """

    shift: float
    flip: float

    def __call__(self, images: Tensor) -> Tensor:
        """Vary uint8 images [b, c, h, w]; what comes back is float32 in [0, 1]."""
        b, c, h, w = images.shape
        pad = round(self.shift * max(h, w))
        rows = torch.arange(h) + torch.randint(2 * pad + 1, (b, 1))  # [b, h]
        columns = torch.arange(w) + torch.randint(2 * pad + 1, (b, 1))  # [b, w]
        mirrored = torch.rand(b, 1) < self.flip
        columns = torch.where(mirrored, columns.flip(1), columns)
        padded = F.pad(images, (pad, pad, pad, pad))
        index = rows[:, :, None] * (w + 2 * pad) + columns[:, None, :]  # [b, h, w]
        flat = index.view(b, 1, h * w).expand(b, c, h * w)
        return to_unit_range(padded.flatten(2).gather(2, flat).view(b, c, h, w))


@dataclass(frozen=True)
class RandomPhoto:
    """Crop and enlarge, mirror, vary colours and erase a rectangle, as for training on photos.

    Crops are taken from the image at its training size; v2's RandomResizedCrop would take them from
    the original, which is sharper and needs decoding in every epoch.
    """

    area: float
    aspect: float
    flip: float
    color: float
    erase: float

    def __call__(self, images: Tensor) -> Tensor:
        """Vary uint8 images [b, c, h, w]; what comes back is float32 in [0, 1]."""
        b = len(images)
        area = self.area + (1 - self.area) * torch.rand(b)
        stretch = _uniform(b, math.log1p(self.aspect) / 2).exp()  # the root of width over height
        width = (area.sqrt() * stretch).clamp(max=1)
        height = (area.sqrt() / stretch).clamp(max=1)
        x = (2 * torch.rand(b) - 1) * (1 - width)  # the crop stays inside the picture
        y = (2 * torch.rand(b) - 1) * (1 - height)
        mirrored = torch.where(torch.rand(b) < self.flip, -width, width)
        zero = torch.zeros(b)
        rows = torch.stack([mirrored, zero, x, zero, height, y], dim=1)
        photos = _sample(to_unit_range(images), rows.view(b, 2, 3), outside="border")
        if self.color > 0:
            jitter = v2.ColorJitter(self.color, self.color, self.color)
            photos = torch.stack([jitter(photo) for photo in photos])
        if self.erase > 0:
            erasing = v2.RandomErasing(p=self.erase)
            photos = torch.stack([erasing(photo) for photo in photos])
        return photos


@dataclass(frozen=True)
class RandomTrivial:
    """Mirror some images, then apply v2's TrivialAugmentWide to every one."""

    flip: float

    def __call__(self, images: Tensor) -> Tensor:
        """Vary uint8 images [b, c, h, w]; what comes back is float32 in [0, 1]."""
        mirrored = (torch.rand(len(images)) < self.flip).view(-1, 1, 1, 1)
        images = torch.where(mirrored, images.flip(3), images)
        trivial = v2.TrivialAugmentWide(interpolation=v2.InterpolationMode.BILINEAR)
        return to_unit_range(torch.stack([trivial(image) for image in images]))


def _check_strength(recipe: str, key: str, value: float) -> None:
    own = RECIPES[recipe]
    if key not in own:
        users = [name for name, strengths in RECIPES.items() if key in strengths]
        raise ConfigError(
            f"data.strengths.{key} is not used by data.augment={recipe}",
            expected=f"one of {', '.join(own)}" if own else "no strength",
            got=f"{key}={value}",
            fix=f"data.augment={users[0]}, or data.strengths.{key}=null"
            if users
            else f"data.strengths has {', '.join(RANGES)}",
        )
    low, high, meaning = RANGES[key]
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not (number and low <= value <= high):
        raise ConfigError(
            f"data.strengths.{key} is out of range",
            expected=f"{meaning}: {low:g} to {high:g}",
            got=repr(value),
            fix=f"data.strengths.{key}={own[key]:g}, the recipe's own value",
        )


def _uniform(b: int, bound: float) -> Tensor:
    return (2 * torch.rand(b) - 1) * bound


def _sample(images: Tensor, maps: Tensor, outside: str) -> Tensor:
    """Read images at affine maps of the pixel grid.

    Args:
        images: float32 [b, c, h, w].
        maps: [b, 2, 3], from where a pixel goes to where it comes from; both sides run -1 to 1.
        outside: what lies beyond the border, "zeros" or "border".
    """
    grid = F.affine_grid(maps, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, mode="bilinear", padding_mode=outside, align_corners=False)
