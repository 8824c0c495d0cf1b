"""Refusals of options that no world can work with; messages name the key in the config."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from labloom.errors import ConfigError, listing, nearest


def require_whole(name: str, value: int, *, at_least: int, at_most: int | None = None) -> None:
    """Refuse anything but a whole number in the range; true and 2.0 are none.

    Raises:
        ConfigError: ``value`` is no such number.
    """
    whole = isinstance(value, int) and not isinstance(value, bool)
    if not whole or value < at_least or (at_most is not None and value > at_most):
        limit = f"{at_least} or more" if at_most is None else f"{at_least} to {at_most}"
        raise _refusal(name, f"a whole number, {limit}", value, at_least)


def require_number(name: str, value: float, *, above: float, at_most: float) -> None:
    """Refuse anything but a number in (above, at_most].

    Raises:
        ConfigError: ``value`` is no such number.
    """
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not above < value <= at_most:
        expected = f"a number above {above:g}, at most {at_most:g}"
        raise _refusal(name, expected, value, f"{at_most:g}")


def require_choice(name: str, value: str, known: Iterable[str]) -> None:
    """Refuse a name that is not one of ``known``.

    Raises:
        ConfigError: naming the nearest known value.
    """
    known = list(known)
    if value not in known:
        guess = nearest(str(value), known) or known[0]
        raise _refusal(name, f"one of {listing(known)}", value, guess)


def require_switch(name: str, value: bool) -> None:
    """Refuse anything but true and false; the text "false" counts as true in Python.

    Raises:
        ConfigError: ``value`` is neither.
    """
    if not isinstance(value, bool | np.bool_):
        raise _refusal(name, "true or false", value, "true")


def _refusal(name: str, expected: str, got: object, possible: object) -> ConfigError:
    return ConfigError(
        f"data.options.{name} cannot be used",
        expected=expected,
        got=repr(got),
        fix=f"data.options.{name}={possible} is possible",
    )
