"""Whether a driver changes lanes: MOBIL, minimising overall braking induced by lane changes.

Kesting, Treiber, Helbing 2007, "General lane-changing model MOBIL for car-following models",
Transportation Research Record 1999, equations 2 to 4 (symmetric rules).
"""

from __future__ import annotations

from dataclasses import dataclass

from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Manners:
    """How a driver changes lanes.

    Args:
        politeness: weight of what others win or lose; 0 thinks of nobody else.
        threshold: what has to be won, m/s^2.
        safe_braking: deceleration that may be forced on the car behind in the new lane, m/s^2.
    """

    politeness: float = 0.2
    threshold: float = 0.3
    safe_braking: float = 3.0


def lane_change_incentive(
    own: tuple[NDArray, NDArray],
    new_follower: tuple[NDArray, NDArray],
    old_follower: tuple[NDArray, NDArray],
    manners: Manners,
) -> NDArray:
    """What a lane change wins over the threshold, in m/s^2; above 0: change.

    Each pair holds accelerations in m/s^2, now and after the change; equal where nobody is there.
    """
    new, old = new_follower[1] - new_follower[0], old_follower[1] - old_follower[0]
    return own[1] - own[0] + manners.politeness * (new + old) - manners.threshold


def is_safe(new_follower_after: NDArray, manners: Manners) -> NDArray:
    """Whether the car behind in the new lane need not brake harder than is safe."""
    return new_follower_after > -manners.safe_braking
