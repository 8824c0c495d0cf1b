"""Checks of constructor arguments, for plugins: refusals that name the key of the config.

A constructor cannot know where it stands in a config, so its author says it: ``data.limit``. What
such a mistake then looks like is the same in every plugin: problem, expected, got and fix.

    require_whole("data.limit", limit, at_least=1, fix="or null: all training images")
    for key, value in under("model", width=width, depth=depth):
        require_whole(key, value, at_least=1)

Types are compared with the annotations before anything is built. A constructor checks them once
more, because it is also called without a config.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any

from labloom.errors import ConfigError, listing, nearest


def under(node: str, **values: Any) -> Iterator[tuple[str, Any]]:
    """Full keys and values of several arguments: ``model.width``, 64 for ``width=64``."""
    for name, value in values.items():
        yield f"{node}.{name}", value


def require(holds: bool, key: str, *, expected: str, got: object, fix: str) -> None:
    """Refuse the value of ``key`` unless ``holds``.

    Args:
        holds: whether the value can be used.
        key: full key in the config, such as ``data.limit``.
        expected: what could have been used, in words.
        got: the value.
        fix: what to write instead.

    Raises:
        ConfigError: ``holds`` is False.
    """
    if not holds:
        raise ConfigError(f"{key} cannot be used", expected=expected, got=repr(got), fix=fix)


def require_whole(
    key: str,
    value: int,
    *,
    at_least: int,
    at_most: int | None = None,
    unit: str = "",
    fix: str | None = None,
) -> None:
    """Refuse anything but a whole number in the range; true and 2.0 are none.

    Args:
        key: full key in the config.
        value: of the argument.
        at_least: smallest one.
        at_most: largest one; None: there is none.
        unit: what is counted, or measured in; stands behind the range.
        fix: what to write instead; None: the end of the range that is nearer.

    Raises:
        ConfigError: ``value`` is no such number.
    """
    whole = isinstance(value, int) and not isinstance(value, bool)
    allowed = f"{at_least} or more" if at_most is None else f"{at_least} to {at_most}"
    too_large = whole and at_most is not None and value > at_most
    require(
        whole and value >= at_least and not too_large,
        key,
        expected=f"a whole number, {allowed} {unit}".rstrip(),
        got=value,
        fix=fix or _set(key, at_most if too_large else at_least),
    )


def require_number(
    key: str,
    value: float,
    *,
    at_least: float | None = None,
    above: float | None = None,
    at_most: float | None = None,
    unit: str = "",
    fix: str | None = None,
) -> None:
    """Refuse anything but a number in the range; true and NaN are none.

    Args:
        key: full key in the config.
        value: of the argument.
        at_least: smallest one; None: there is none.
        above: a bound that it must be larger than; None: there is none.
        at_most: largest one; None: there is none.
        unit: that it is measured in; stands behind the range.
        fix: what to write instead; None: the end of the range that is nearer.

    Raises:
        ConfigError: ``value`` is no such number.
    """
    number = _is_number(value)
    too_large = number and at_most is not None and value > at_most
    ends = [bound for bound in (at_least, at_most) if bound is not None]
    bounds = (("of at least", at_least), ("above", above), ("at most", at_most))
    words = " and ".join(f"{word} {bound:g}" for word, bound in bounds if bound is not None)
    require(
        number
        and not math.isnan(value)
        and (at_least is None or value >= at_least)
        and (above is None or value > above)
        and not too_large,
        key,
        expected=" ".join(part for part in ("a number", words, unit) if part),
        got=value,
        fix=fix or _set(key, ends[-1 if too_large else 0] if ends else None),
    )


def require_share(key: str, value: float, *, fix: str | None = None) -> None:
    """Refuse anything but a number from 0 up to, not including, 1.

    Args:
        key: full key in the config.
        value: of the argument: a probability that may not be certain, or a part and not all.
        fix: what to write instead; None: 0, or a small number.

    Raises:
        ConfigError: ``value`` is no such number.
    """
    require(
        _is_number(value) and 0 <= value < 1,
        key,
        expected="a number of at least 0 and below 1",
        got=value,
        fix=fix or f"set {key} to 0 (off) or e.g. 0.1",
    )


def require_parts(node: str, **parts: float) -> None:
    """Refuse parts of a split that are out of range, or that leave nothing to train on.

    Args:
        node: the keys' node, ``data``.
        parts: name of a key -> share of the data that is set aside; 0 is no such split.

    Raises:
        ConfigError: one of them is not at least 0 and below 1, or together they reach 1.
    """
    for key, part in under(node, **parts):
        require_share(key, part, fix=f"{key}=0.15 sets 15 % aside; 0: there is no such split")
    require(
        sum(parts.values()) < 1,
        " + ".join(f"{node}.{name}" for name in parts),
        expected="a sum below 1, so that something is left for training",
        got=sum(parts.values()),
        fix="make one of them smaller",
    )


def require_choice(
    key: str, value: object, known: Iterable[str], *, fix: str | None = None
) -> None:
    """Refuse anything but one of the known names.

    Args:
        key: full key in the config.
        value: of the argument.
        known: names that can be used, at least one.
        fix: what to write instead; None: the name that was probably meant, or the first.

    Raises:
        ConfigError: ``value`` is none of them.
    """
    names = list(known)
    require(
        value in names,
        key,
        expected=f"one of {listing(names)}",
        got=value,
        fix=fix or _set(key, nearest(str(value), names) or names[0]),
    )


def require_known(node: str, names: Iterable[str], known: Iterable[str]) -> None:
    """Refuse names of settings that there are not, as in a mapping that a constructor takes.

    Args:
        node: key of the mapping in the config, such as ``data.options``.
        names: that were given.
        known: that can be used.

    Raises:
        ConfigError: one of ``names`` is unknown; the message tells the one that was meant.
    """
    allowed = list(known)
    for name in names:
        guess = nearest(str(name), allowed)
        if name not in allowed:
            raise ConfigError(
                f"{node}.{name} is not known",
                expected=f"one of {listing(allowed)}",
                got=repr(name),
                fix=f"set {node}.{guess}, or leave it out" if guess else "leave it out",
            )


def require_switch(key: str, value: bool) -> None:
    """Refuse anything but true and false; Python takes the text "false" for true.

    Raises:
        ConfigError: ``value`` is neither.
    """
    require(
        isinstance(value, bool),
        key,
        expected="true or false",
        got=value,
        fix=f"set {key}=true or {key}=false",
    )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _set(key: str, value: object) -> str:
    if value is None:
        return f"set {key} to such a number"
    return f"set {key}={value}"
