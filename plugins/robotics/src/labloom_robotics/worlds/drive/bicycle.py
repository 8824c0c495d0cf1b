"""How a car moves when its wheels do not slip: the kinematic bicycle.

Kong, Pfeiffer, Schildbach, Borrelli 2015, "Kinematic and dynamic vehicle models for autonomous
driving control design", IEEE IV, equations 1a to 1e; the position is that of the centre of mass.
Wheels slip at some point, so the steering angle is limited to a lateral acceleration that the model
is still true for (Polack, Altche, d'Andrea-Novel, de La Fortelle 2017, IEEE IV: half of what the
road holds).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

WHEELBASE = 2.8  # m
REAR = WHEELBASE / 2  # m, from the rear axle to the centre of mass
LARGEST_STEERING = 0.3  # rad, of the front wheels
LARGEST_LATERAL = 4.0  # m/s^2


def steering_limit(speed: NDArray) -> NDArray:
    """Largest steering angle in rad at a speed in m/s."""
    slowest = np.sqrt(LARGEST_LATERAL * WHEELBASE / np.tan(LARGEST_STEERING))
    return np.arctan(WHEELBASE * LARGEST_LATERAL / np.maximum(speed, slowest) ** 2)


def bicycle_step(
    pose: tuple[NDArray, NDArray, NDArray],
    speed: NDArray,
    acceleration: NDArray,
    steering: NDArray,
    seconds: float,
) -> tuple[tuple[NDArray, NDArray, NDArray], NDArray, NDArray]:
    """Drive on for a while; the arc of a circle is exact, a car that brakes stops and stays.

    Args:
        pose: x and y of the centre of mass in m, heading in rad, counterclockwise from x.
        speed: of the centre of mass, m/s, at least 0.
        acceleration: m/s^2.
        steering: angle of the front wheels in rad, counterclockwise.
        seconds: how long.

    Returns:
        Pose and speed afterwards, and the length of the way in m.
    """
    x, y, heading = pose
    later = np.maximum(speed + acceleration * seconds, 0)
    way = (speed + later) / 2 * seconds
    slip = np.arctan(REAR / WHEELBASE * np.tan(steering))
    turn = way / REAR * np.sin(slip)
    chord = way * np.sinc(turn / (2 * np.pi))  # numpy's sinc has the pi inside
    direction = heading + slip + turn / 2
    return (
        (x + chord * np.cos(direction), y + chord * np.sin(direction), heading + turn),
        later,
        way,
    )
