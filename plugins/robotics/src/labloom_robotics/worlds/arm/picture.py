"""The arm's table from above, for people.

The base is in the middle, x points right, y up; the picture is 2.3 m wide.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from labloom_robotics.worlds.arm.contact import DISC_RADIUS, TIP_RADIUS
from labloom_robotics.worlds.pictures import Canvas

LARGE = 400  # pixels
EXTENT = (-1.15, 1.15, -1.15, 1.15)  # m
THICKNESS = 0.055  # m, of a link

TABLE, GRID, RIM = (238, 236, 230), (224, 221, 213), (205, 201, 191)
LINK, JOINT, BASE, TIP = (88, 124, 168), (46, 64, 92), (70, 72, 78), (226, 110, 38)
TARGET, DISC, DISC_EDGE = (58, 148, 94), (240, 190, 62), (176, 132, 28)


def draw_table(
    places: NDArray, disc: NDArray | None, target: NDArray, tolerance: float
) -> NDArray[np.uint8]:
    """A picture, RGB [400, 400, 3].

    Args:
        places: of base, joints and fingertip, m, [j + 1, 2].
        disc: middle of the disc, m, [2]; None: there is none.
        target: m, [2]; a ring with the radius ``tolerance`` is drawn around it.
        tolerance: m.
    """
    canvas = Canvas(EXTENT, LARGE, TABLE)
    _draw_grid(canvas)
    canvas.circle(target, tolerance, edge=TARGET, thickness=0.012)
    canvas.circle(target, 0.012, fill=TARGET)
    if disc is not None:
        _draw_way(canvas, disc, target)
        canvas.circle(disc, DISC_RADIUS, fill=DISC, edge=DISC_EDGE, thickness=0.01)
    canvas.polyline(places, colour=LINK, thickness=THICKNESS)
    canvas.circle(places[0], 0.07, fill=BASE)
    canvas.dots(places[:-1], 0.02, colour=JOINT)
    canvas.circle(places[-1], TIP_RADIUS, fill=TIP)
    return canvas.pixels()


def _draw_grid(canvas: Canvas) -> None:
    """Lines 25 cm apart, and how far the arm reaches."""
    for step in np.arange(-1.0, 1.1, 0.25):
        canvas.polyline([(step, -2), (step, 2)], colour=GRID, thickness=0.004)
        canvas.polyline([(-2, step), (2, step)], colour=GRID, thickness=0.004)
    canvas.circle((0, 0), 1.0, edge=RIM, thickness=0.008)


def _draw_way(canvas: Canvas, disc: NDArray, target: NDArray) -> None:
    """A dotted line from the disc to where it has to go."""
    way = target - disc
    parts = np.arange(DISC_RADIUS + 0.03, np.hypot(*way), 0.035) / max(np.hypot(*way), 1e-9)
    canvas.dots(disc + parts[:, None] * way, 0.006, colour=TARGET)
