"""A picture file as a square tensor: whatever its size, colours or orientation."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from labloom.errors import DataError

BROKEN = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    IndexError,
    TypeError,
    struct.error,
    Image.DecompressionBombError,
)
"""What Pillow's decoders raise for broken files; PNG's, for one, raises SyntaxError."""


def read_picture(path: str | Path, image_size: int, channels: int = 3) -> Tensor:
    """The centre square of a picture file, uint8 [c, h, w] with h = w = ``image_size``.

    The picture is turned as its EXIF tag says, its shorter side is resized to ``image_size`` with
    antialiasing, and the middle is kept. Of an animation this is the first frame.

    Args:
        path: JPEG, PNG, WebP, TIFF, BMP, GIF or another format that Pillow reads.
        image_size: side of the square, pixels.
        channels: 3 for colour (grey is repeated), 1 for grey (colour is mixed down).

    Raises:
        DataError: there is no such file, or it cannot be decoded.
    """
    path = Path(path)
    try:
        with Image.open(path) as picture:
            # JPEG only: decode at 1/2, 1/4 or 1/8 where that is still larger than what is needed.
            picture.draft(None, (2 * image_size, 2 * image_size))
            return fit_picture(picture, image_size, channels)
    except FileNotFoundError as error:
        raise DataError(
            f"there is no picture {path}", expected="a file", got="nothing", fix="check the path"
        ) from error
    except BROKEN as error:
        raise DataError(
            f"picture {path} cannot be read",
            expected="an intact picture file",
            got=f"{type(error).__name__}: {error}",
            fix="remove the file or replace it",
        ) from error


def fit_picture(picture: Image.Image, image_size: int, channels: int = 3) -> Tensor:
    """The centre square of an open picture, uint8 [c, h, w]; see ``read_picture``."""
    upright = _flat(ImageOps.exif_transpose(picture), "RGB" if channels == 3 else "L")
    width, height = upright.size
    side = min(width, height)
    left, top = (width - side) / 2, (height - side) / 2
    square = upright.resize(
        (image_size, image_size),
        Image.Resampling.BILINEAR,
        box=(left, top, left + side, top + side),
    )
    pixels = torch.from_numpy(np.array(square))  # [h, w] or [h, w, c]
    return pixels.unsqueeze(0) if channels == 1 else pixels.permute(2, 0, 1).contiguous()


def _flat(picture: Image.Image, mode: str) -> Image.Image:
    """The picture as opaque 8-bit RGB or grey."""
    if picture.mode.startswith("I"):
        # Pillow's own conversion cuts 16 bits off at 255, so that a scan turns all white.
        high_bytes = (np.asarray(picture).astype(np.int64) >> 8).clip(0, 255)
        picture = Image.fromarray(high_bytes.astype(np.uint8))
    if picture.mode == "F":
        raise ValueError("32-bit floating-point pixels have no fixed range; save it as 8 or 16 bit")
    if picture.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in picture.info:
        # Dropping alpha would show whatever colours lie under the transparent parts.
        picture = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(white, picture)
    return picture.convert(mode)
