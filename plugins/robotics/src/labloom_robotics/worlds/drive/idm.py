"""How a driver follows the car ahead: the intelligent driver model.

Treiber, Hennecke, Helbing 2000, "Congested traffic states in empirical observations and
microscopic simulations", Phys. Rev. E 62, equations 2 and 3 (arXiv:cond-mat/0002177).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SMALLEST_GAP = 0.1  # m; where cars touch or overlap, so that dividing by the gap stays finite


@dataclass(frozen=True, slots=True, kw_only=True)
class Driver:
    """How a driver likes to drive, apart from the speed.

    Args:
        time_headway: time to the car ahead that is kept, s.
        standstill_gap: distance that is kept at rest, m.
        acceleration: largest acceleration, m/s^2.
        braking: comfortable deceleration, m/s^2.
        hardest_braking: deceleration that is never exceeded, m/s^2; the paper has no such limit.
    """

    time_headway: float = 1.5
    standstill_gap: float = 2.0
    acceleration: float = 1.5
    braking: float = 2.0
    hardest_braking: float = 8.0


def idm_acceleration(
    speed: NDArray, desired: NDArray | float, gap: NDArray, ahead_speed: NDArray, driver: Driver
) -> NDArray:
    """Acceleration in m/s^2 that the model chooses; arrays of any shapes that go together.

    Args:
        speed: own speed, m/s.
        desired: speed that is driven on a free road, m/s.
        gap: from the own front bumper to the rear bumper ahead, m; infinite: nobody is there.
        ahead_speed: speed of the car ahead, m/s.
        driver: how the driver likes to drive.
    """
    d = driver
    closing = speed * (speed - ahead_speed) / (2 * np.sqrt(d.acceleration * d.braking))
    wanted = d.standstill_gap + np.maximum(speed * d.time_headway + closing, 0)
    ratio = wanted / np.maximum(gap, SMALLEST_GAP)
    free = (speed / desired) ** 2  # squared again below: the exponent of the paper is 4
    chosen = d.acceleration * (1 - free * free - ratio * ratio)
    return np.maximum(chosen, -d.hardest_braking)
