"""Drawing places from above, in metres and with smooth edges.

Pillow draws hard edges, so everything is drawn ``FINE`` times larger and reduced at the end.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageDraw

FINE = 3  # drawn so many times larger
Colour = tuple[int, int, int]
Box = tuple[float, float, float, float]


class Canvas:
    """A sheet on which shapes are drawn one over the other; x to the right and y upward, in m.

    Args:
        extent: left, right, bottom and top edge, m.
        width: of the picture in pixels; its height follows from the extent.
        background: colour of the sheet.
    """

    def __init__(self, extent: Box, width: int = 400, background: Colour = (255, 255, 255)) -> None:
        left, right, bottom, top = extent
        self._left, self._top = left, top
        self._scale = width * FINE / (right - left)  # fine pixels in a metre
        self._size = width, round(width * (top - bottom) / (right - left))
        self._image = Image.new("RGB", (width * FINE, self._size[1] * FINE), background)
        self._pen = ImageDraw.Draw(self._image)

    def circle(
        self,
        centre: ArrayLike,
        radius: float,
        *,
        fill: Colour | None = None,
        edge: Colour | None = None,
        thickness: float = 0.05,
    ) -> None:
        """A disc with ``fill``, and around it, inside, a line with the colour ``edge``.

        Args:
            centre: x, y in m.
            radius: m.
            fill: None leaves it open.
            edge: None leaves the line out.
            thickness: of the line, m.
        """
        x, y = self._pixels([centre])[0]
        r = radius * self._scale
        line = 0 if edge is None else self._thick(thickness)
        self._pen.ellipse((x - r, y - r, x + r, y + r), fill=fill, outline=edge, width=line)

    def polygon(self, corners: ArrayLike, *, fill: Colour) -> None:
        """A filled shape with three or more corners [k, 2] in m."""
        self._pen.polygon(self._pixels(corners), fill=fill)

    def polyline(self, points: ArrayLike, *, colour: Colour, thickness: float = 0.05) -> None:
        """A line through points [k, 2], with round ends; ``thickness`` in m.

        Points that are not numbers are left out; fewer than two draw nothing.
        """
        points = np.asarray(points, dtype=np.float64).reshape(-1, 2)
        pixels = self._pixels(points[np.isfinite(points).all(axis=1)])
        if len(pixels) < 2:
            return
        width = self._thick(thickness)
        self._pen.line(pixels, fill=colour, width=width, joint="curve")
        r = width / 2
        for x, y in (pixels[0], pixels[-1]):
            self._pen.ellipse((x - r, y - r, x + r, y + r), fill=colour)

    def dashes(
        self, points: ArrayLike, *, colour: Colour, thickness: float = 0.04, dash: float = 0.15
    ) -> None:
        """A dashed line through points [k, 2]; thickness and length of a dash in m."""
        points = np.asarray(points, dtype=np.float64)
        for start, end in itertools.pairwise(points):
            way = end - start
            number = max(1, math.floor(float(np.hypot(*way)) / (2 * dash)))
            for i in range(number):
                part = start + way * i / number, start + way * (i + 0.5) / number
                self.polyline(part, colour=colour, thickness=thickness)

    def rays(
        self,
        origin: ArrayLike,
        directions: ArrayLike,
        distances: ArrayLike,
        *,
        colour: Colour,
        thickness: float = 0.02,
    ) -> None:
        """Lines from ``origin``, in m, along unit vectors [r, 2], as long as ``distances`` [r]."""
        start = np.asarray(origin, dtype=np.float64)
        ends = start + np.asarray(directions) * np.asarray(distances)[:, None]
        width = self._thick(thickness)
        begin = self._pixels([start])[0]
        for end in self._pixels(ends):
            self._pen.line((begin, end), fill=colour, width=width)

    def dots(self, places: Iterable[ArrayLike], radius: float, *, colour: Colour) -> None:
        """Small discs of ``radius`` m at places in m."""
        for place in places:
            self.circle(place, radius, fill=colour)

    def pixels(self) -> NDArray[np.uint8]:
        """What is drawn so far, RGB [h, w, 3]."""
        return np.asarray(self._image.resize(self._size, Image.Resampling.BOX)).copy()

    def _pixels(self, points: ArrayLike) -> list[tuple[float, float]]:
        points = np.asarray(points, dtype=np.float64).reshape(-1, 2)
        x = (points[:, 0] - self._left) * self._scale
        y = (self._top - points[:, 1]) * self._scale
        return list(zip(x.tolist(), y.tolist(), strict=True))

    def _thick(self, metres: float) -> int:
        return max(1, round(metres * self._scale))


def turned(corners: ArrayLike, place: ArrayLike, heading: float) -> NDArray[np.float64]:
    """Corners [k, 2] of a shape that lies along the x axis, moved to a place and turned there.

    Args:
        corners: around the origin, [k, 2] in m.
        place: where its origin comes to lie, x and y in m.
        heading: rad, counter-clockwise.
    """
    x, y = np.asarray(corners, dtype=np.float64).T
    cosine, sine = math.cos(heading), math.sin(heading)
    return np.stack([cosine * x - sine * y, sine * x + cosine * y], axis=1) + np.asarray(place)
