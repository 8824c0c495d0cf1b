"""Checks of constructor arguments that end in a message which names the config key."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from labloom.errors import ConfigError, listing, nearest


def require_at_least(smallest: int, **values: int) -> None:
    """Refuse whole numbers below ``smallest``.

    Raises:
        ConfigError: a value is no whole number or too small; the message names ``model.<key>``.
    """
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < smallest:
            raise ConfigError(
                f"model.{name} is out of range",
                expected=f"a whole number of at least {smallest}",
                got=repr(value),
                fix=f"set model.{name}={smallest} or more",
            )


def require_between(lowest: float, highest: float, **values: float) -> None:
    """Refuse numbers outside ``lowest`` to ``highest``, both included.

    Raises:
        ConfigError: naming ``model.<key>``.
    """
    for name, value in values.items():
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not lowest <= value <= highest:
            until = f" to {highest:g}" if math.isfinite(highest) else " or more"
            raise ConfigError(
                f"model.{name} is out of range",
                expected=f"a number, {lowest:g}{until}",
                got=repr(value),
                fix=f"set model.{name} into this range",
            )


def require_choice(name: str, value: str, known: Iterable[str]) -> None:
    """Refuse a name that is not one of ``known``.

    Raises:
        ConfigError: naming ``model.<name>`` and the nearest known value.
    """
    known = list(known)
    if value in known:
        return
    guess = nearest(str(value), known)
    raise ConfigError(
        f"model.{name}={value} is not known",
        expected=f"one of {listing(known)}",
        got=repr(value),
        fix=f"set model.{name}={guess or known[0]}",
    )


def require_hidden(hidden: Sequence[int]) -> None:
    """Refuse a list of hidden layers that is empty or has a layer without units.

    Raises:
        ConfigError: naming ``model.hidden``.
    """
    units = list(hidden)
    if not units or not all(
        isinstance(u, int) and not isinstance(u, bool) and u > 0 for u in units
    ):
        raise ConfigError(
            "model.hidden cannot be used",
            expected="units of each hidden layer, at least one layer",
            got=repr(units),
            fix="set e.g. model.hidden=[64,64]",
        )
