"""A disc on a table that a round fingertip pushes.

Slow and heavy: the disc moves only while it is pushed. Without friction between fingertip and disc
the force points along the line between their middles, through the middle of the disc, and a disc
that is pushed through its middle slides that way without turning (Mason 1986, "Mechanics and
planning of manipulator pushing operations", IJRR 5(3); Lynch, Mason 1996, IJRR 15(6)). So where the
two would overlap the disc gives way along that line until they only touch.

Legend of shapes: ``n`` agents.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

DISC_RADIUS = 0.06  # m
TIP_RADIUS = 0.02  # m
TOUCH = DISC_RADIUS + TIP_RADIUS  # m, between the middles when they touch


def push_disc(disc: NDArray, tip: NDArray) -> NDArray:
    """Where the disc is after the fingertip came to ``tip``; all [n, 2] in m.

    The fingertip must have moved less than ``TOUCH`` since the last call, or it may pass through.
    """
    away = disc - tip
    distance = np.hypot(away[:, 0], away[:, 1])
    overlap = np.maximum(TOUCH - distance, 0)
    # A fingertip in the very middle pushes along x; it cannot come there in small steps.
    normal = (
        np.where(distance[:, None] > 0, away, [1.0, 0.0])
        / np.where(distance > 0, distance, 1.0)[:, None]
    )
    return disc + overlap[:, None] * normal
