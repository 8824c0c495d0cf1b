"""Where the links of a planar arm are, and how they move with the joints.

The base stands at (0, 0). Each joint turns its link counterclockwise, measured from the link before
it, the first one from x.

Legend of shapes: ``n`` agents, ``j`` joints. Sums run in a fixed order instead of a matrix product,
whose last bits depend on the number of agents.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LENGTHS = {2: (0.5, 0.5), 3: (0.4, 0.35, 0.25)}  # m, by number of links; 1 m together


def joint_places(angles: NDArray, lengths: NDArray) -> NDArray:
    """The base, the far end of every link, and last the fingertip, [n, j + 1, 2] in m.

    Args:
        angles: of the joints, rad, [n, j].
        lengths: of the links, m, [j].
    """
    turned = np.cumsum(angles, axis=1)
    links = lengths[:, None] * np.stack([np.cos(turned), np.sin(turned)], axis=2)  # [n, j, 2]
    places = np.zeros((len(angles), len(lengths) + 1, 2))
    np.cumsum(links, axis=1, out=places[:, 1:])
    return places


def jacobian(places: NDArray) -> NDArray:
    """Velocity of the fingertip for 1 rad/s of each joint, [n, 2, j] in m.

    A joint turns the fingertip around itself: at right angles to the arm from it.

    Args:
        places: as ``joint_places`` gives them.
    """
    arm = places[:, -1:] - places[:, :-1]  # [n, j, 2]
    return np.stack([-arm[..., 1], arm[..., 0]], axis=1)


def damped_inverse(jacobians: NDArray, velocity: NDArray, damping: float) -> NDArray:
    """Joint velocities in rad/s that move the fingertip as wanted, by damped least squares.

    They minimise ``|J w - v|^2 + damping^2 |w|^2``, so they stay small where the arm is stretched
    and cannot go everywhere: ``w = J^T (J J^T + damping^2 I)^-1 v``.

    Buss 2004, "Introduction to inverse kinematics with Jacobian transpose, pseudoinverse and damped
    least squares methods", equation 11.

    Args:
        jacobians: [n, 2, j] in m.
        velocity: of the fingertip, m/s, [n, 2].
        damping: m, above 0.
    """
    along_x, along_y = jacobians[:, 0], jacobians[:, 1]  # [n, j]
    xx = (along_x**2).sum(axis=1) + damping**2
    yy = (along_y**2).sum(axis=1) + damping**2
    xy = (along_x * along_y).sum(axis=1)
    determinant = xx * yy - xy**2
    first = (yy * velocity[:, 0] - xy * velocity[:, 1]) / determinant
    second = (xx * velocity[:, 1] - xy * velocity[:, 0]) / determinant
    return along_x * first[:, None] + along_y * second[:, None]
