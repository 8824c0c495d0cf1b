"""Refusals of arguments that no data module can work with, told as config errors."""

from __future__ import annotations

from labloom.errors import ConfigError


def require(holds: bool, key: str, *, expected: str, got: object, fix: str) -> None:
    """Refuse the value of ``data.<key>`` unless ``holds``.

    Raises:
        ConfigError: ``holds`` is False.
    """
    if not holds:
        raise ConfigError(f"data.{key} cannot be used", expected=expected, got=repr(got), fix=fix)


def require_whole(key: str, value: int, *, at_least: int, fix: str) -> None:
    """Refuse anything but a whole number of at least so much; true and 2.0 are none.

    Raises:
        ConfigError: ``value`` is no such number.
    """
    whole = isinstance(value, int) and not isinstance(value, bool)
    require(
        whole and value >= at_least,
        key,
        expected=f"a whole number, {at_least} or more",
        got=value,
        fix=fix,
    )


def require_number(key: str, value: float, *, above: float, fix: str) -> None:
    """Refuse anything but a number above a bound.

    Raises:
        ConfigError: ``value`` is no such number.
    """
    number = isinstance(value, int | float) and not isinstance(value, bool)
    require(number and value > above, key, expected=f"a number above {above}", got=value, fix=fix)


def require_share(key: str, value: float, *, fix: str) -> None:
    """Refuse anything but a number from 0 up to, not including, 1.

    Raises:
        ConfigError: ``value`` is no such number.
    """
    number = isinstance(value, int | float) and not isinstance(value, bool)
    require(number and 0 <= value < 1, key, expected="at least 0 and below 1", got=value, fix=fix)
