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


def require_whole(
    key: str, value: int, *, at_least: int, at_most: int | None = None, fix: str
) -> None:
    """Refuse anything but a whole number in the range; true and 2.0 are none.

    Raises:
        ConfigError: ``value`` is no such number.
    """
    whole = isinstance(value, int) and not isinstance(value, bool)
    require(
        whole and value >= at_least and (at_most is None or value <= at_most),
        key,
        expected=f"a whole number, {at_least} {'or more' if at_most is None else f'to {at_most}'}",
        got=value,
        fix=fix,
    )


def require_fractions(**fractions: float) -> None:
    """Refuse parts of a split that are negative, or that leave nothing to train on.

    Args:
        fractions: key of the data module -> part of the images in [0, 1); 0 is no such split.

    Raises:
        ConfigError: one of them is out of range, or together they reach 1.
    """
    for key, value in fractions.items():
        number = isinstance(value, int | float) and not isinstance(value, bool)
        require(
            number and 0 <= value < 1,
            key,
            expected="a number from 0 (no such split) up to, not including, 1",
            got=value,
            fix=f"data.{key}=0.15 sets 15 % of the images aside",
        )
    total = sum(fractions.values())
    require(
        total < 1,
        " + data.".join(fractions),
        expected="a sum below 1, so that images are left for training",
        got=total,
        fix="make one of them smaller",
    )
