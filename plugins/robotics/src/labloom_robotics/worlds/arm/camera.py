"""What a camera above the arm's table sees: the same view as ``picture``, 64 pixels wide.

A policy that sees needs such an image at every step of every agent, so it is drawn with few and
plain shapes, only twice as large as it is handed out.
"""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from labloom_robotics.worlds.arm.contact import DISC_RADIUS
from labloom_robotics.worlds.arm.picture import DISC, EXTENT, LINK, TABLE, TARGET, TIP

SIDE = 64  # pixels
FINE = 2  # drawn so many times larger, then reduced: smooth edges
SCALE = SIDE * FINE / (EXTENT[1] - EXTENT[0])  # fine pixels in a metre
# m, larger than they are: 2 cm are less than a pixel
TARGET_RADIUS, TIP_RADIUS, THICKNESS = 0.08, 0.04, 0.08


def camera_image(places: NDArray, disc: NDArray | None, target: NDArray) -> NDArray[np.uint8]:
    """The table of one agent, RGB [64, 64, 3].

    Args:
        places: of base, joints and fingertip, m, [j + 1, 2].
        disc: middle of the disc, m, [2]; None: there is none.
        target: m, [2].
    """
    image = Image.new("RGB", (SIDE * FINE, SIDE * FINE), TABLE)
    pen = ImageDraw.Draw(image)
    _draw_disc(pen, _pixel(target), TARGET_RADIUS, TARGET)
    if disc is not None:
        _draw_disc(pen, _pixel(disc), DISC_RADIUS, DISC)
    joints = [_pixel(place) for place in places]
    for ends in itertools.pairwise(joints):
        pen.line(ends, fill=LINK, width=round(THICKNESS * SCALE))
    _draw_disc(pen, joints[-1], TIP_RADIUS, TIP)
    return np.asarray(image.reduce(FINE))


def _pixel(place: NDArray) -> tuple[float, float]:
    x, y = place.tolist()
    return (x - EXTENT[0]) * SCALE, (EXTENT[3] - y) * SCALE


def _draw_disc(
    pen: ImageDraw.ImageDraw, middle: tuple[float, float], radius: float, colour: tuple
) -> None:
    (x, y), r = middle, radius * SCALE
    pen.ellipse((x - r, y - r, x + r, y + r), fill=colour)
