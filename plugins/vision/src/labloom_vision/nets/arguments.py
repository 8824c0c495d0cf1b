"""Checks of constructor arguments that end in a message which names the config key."""

from __future__ import annotations

from collections.abc import Iterable

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


def require_probability(**values: float) -> None:
    """Refuse numbers outside [0, 1); 1 would drop everything.

    Raises:
        ConfigError: naming ``model.<key>``.
    """
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1:
            raise ConfigError(
                f"model.{name} is out of range",
                expected="a probability: at least 0 and below 1",
                got=repr(value),
                fix=f"set model.{name} to 0 (off) or e.g. 0.1",
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
