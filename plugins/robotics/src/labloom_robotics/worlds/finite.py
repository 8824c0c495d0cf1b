"""The refusal of actions that no world can take, shared by built-in worlds and Gymnasium's."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from labloom.errors import DataError


def require_finite(actions: NDArray, shape: tuple[int, ...], world: str) -> None:
    """Refuse actions of a Box that have another shape, or are no numbers.

    Args:
        actions: of all agents.
        shape: that they should have, [n, ...].
        world: its name, for the message.

    Raises:
        DataError: they cannot be taken.
    """
    finite = bool(np.isfinite(actions).all())
    if actions.shape == shape and finite:
        return
    raise DataError(
        f"these actions cannot be taken in {world}",
        expected=f"finite numbers {shape}",
        got=f"numbers {actions.shape}, {'finite' if finite else 'some of them not finite'}",
        fix="give one action for each agent; where they are not finite, training has "
        "diverged: lower the learning rate or clip gradients",
    )
