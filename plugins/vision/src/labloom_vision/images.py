"""Raw images, as users have them, to the batch that a classifier takes.

Files, PIL images and arrays of whole numbers go through ``data.pictures``, which also reads the
training pictures: a model sees in prediction what it saw in training. Arrays of real numbers keep
their precision and are treated alike.

Shapes: b images, c channels, h height, w width.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms.v2 import functional as tv

from labloom.errors import DataError
from labloom_vision.data.pictures import BROKEN, fit_picture, read_picture

ACCEPTED = "the path of a picture, a PIL image, or an array [h, w], [h, w, c] or [c, h, w]"
LUMINANCE = torch.tensor([0.299, 0.587, 0.114]).view(3, 1, 1)
"""Share of red, green and blue in grey (ITU-R BT.601, which Pillow uses too)."""


def to_batch(inputs: Sequence[Any], *, channels: int, image_size: int) -> Tensor:
    """Images of any kind and size as one float32 batch [b, channels, image_size, image_size].

    The centre square of each is resized; grey is repeated, colour is mixed down to luminance, and
    transparent parts become white, all as for training pictures.

    Args:
        inputs: paths of pictures, PIL images, arrays or tensors. Whole numbers are taken as 0 to
            255, real numbers as 0 to 1. An array whose last axis has 1, 3, 4 or ``channels``
            entries is [h, w, c], otherwise [c, h, w].
        channels: channels of the result.
        image_size: side of the result, in pixels.

    Raises:
        DataError: nothing came, or an input is no image; the message names its file or position.
    """
    if len(inputs) == 0:
        raise DataError(
            "there is no image to look at", expected=ACCEPTED, got="nothing", fix="name an image"
        )
    images = [_one(item, f"input {i}", channels, image_size) for i, item in enumerate(inputs)]
    return torch.stack(images)


def _one(item: Any, name: str, channels: int, image_size: int) -> Tensor:
    """One raw image as float32 [c, h, w]."""
    if isinstance(item, np.ndarray | Tensor | list | tuple):
        return _of_array(np.asarray(item), name, channels, image_size)
    if not isinstance(item, str | Path | Image.Image) or channels not in (1, 3):
        raise DataError(
            f"{name} cannot be used as an image of {channels} channels",
            expected=ACCEPTED if channels in (1, 3) else f"an array with {channels} channels",
            got=type(item).__name__,
            fix="convert it",
        )
    if isinstance(item, Image.Image):
        return _of_picture(item, name, channels, image_size)
    return tv.to_dtype(read_picture(item, image_size, channels), scale=True)


def _of_picture(picture: Image.Image, name: str, channels: int, image_size: int) -> Tensor:
    try:
        return tv.to_dtype(fit_picture(picture, image_size, channels), scale=True)
    except BROKEN as error:
        raise DataError(
            f"{name} cannot be read",
            expected="an intact image of 8 or 16 bit",
            got=f"{type(error).__name__}: {error}",
            fix="replace or convert it",
        ) from error


def _of_array(array: np.ndarray, name: str, channels: int, image_size: int) -> Tensor:
    whole = array.dtype.kind in "ui"
    if array.ndim not in (2, 3) or array.size == 0 or array.dtype.kind not in "buif":
        raise DataError(
            f"{name} is no image",
            expected=ACCEPTED,
            got=f"an array of shape {list(array.shape)} and type {array.dtype}",
            fix="give each image as an array of its own",
        )
    low, high, top = array.min(), array.max(), 255 if whole else 1
    if not (low >= 0 and high <= top):  # written so that NaN is refused as well
        raise DataError(
            f"{name} has values outside 0 to {top}",
            expected="whole numbers from 0 to 255 or real numbers from 0 to 1",
            got=f"{array.dtype} from {low} to {high}",
            fix="scale the array",
        )
    if array.ndim == 2:
        array = array[..., None]  # [h, w] -> [h, w, 1]
    elif array.shape[-1] not in {1, 3, 4, channels}:
        array = array.transpose(1, 2, 0)  # [c, h, w] -> [h, w, c]
    if array.shape[-1] != channels and (array.shape[-1] not in (1, 3, 4) or channels not in (1, 3)):
        raise DataError(
            f"{name} has {array.shape[-1]} channels",
            expected=f"{channels} channels, as in training" + ", or grey or RGB" * (channels < 4),
            got=f"an array of shape [h, w, c] = {list(array.shape)}",
            fix="convert the image",
        )
    if whole and channels in (1, 3):
        pixels = array.astype(np.uint8)
        picture = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
        return _of_picture(picture, name, channels, image_size)
    image = torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32)) / top
    return _centre_square(_with_channels(image.permute(2, 0, 1), channels), image_size)


def _with_channels(image: Tensor, channels: int) -> Tensor:
    """Grey, RGB or RGBA [c, h, w] as grey or RGB; other numbers of channels as they are."""
    if image.shape[0] == channels:
        return image
    if image.shape[0] == 4:
        opacity = image[3:]
        image = image[:3] * opacity + (1 - opacity)  # over white
    if image.shape[0] == 3 and channels == 1:
        return (image * LUMINANCE).sum(dim=0, keepdim=True)
    return image.expand(channels, -1, -1)


def _centre_square(image: Tensor, image_size: int) -> Tensor:
    """The centre square of [c, h, w], resized to ``image_size``."""
    if image.shape[1:] == (image_size, image_size):
        return image
    square = tv.center_crop(image, [min(image.shape[1:])])
    return tv.resize(square, [image_size, image_size], antialias=True).clamp(0, 1)
