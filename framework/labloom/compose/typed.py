"""Compare plain values with a dataclass: types, ranges and choices, told in words."""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any, Literal


def limited(**bounds: float) -> Any:
    """A field whose value has bounds.

    ``min``, ``max`` and ``above`` hold for every number but those that a Literal names,
    ``max_fraction`` for floats only: ``limit_val_batches`` is a share or a whole number.
    """
    return field(default=None, metadata=bounds)


@dataclass(frozen=True)
class Problem:
    """One value that is refused: ``key`` should be ``expected``, but is ``value``."""

    key: str
    expected: str
    value: Any


def problems_in(node: Mapping[str, Any], schema: type, prefix: str = "") -> list[Problem]:
    """Every value of ``node`` that ``schema`` refuses; unknown keys are another check's matter."""
    found: list[Problem] = []
    hints = typing.get_type_hints(schema)
    for entry in fields(schema):
        if entry.name not in node:
            continue
        key, value, hint = f"{prefix}{entry.name}", node[entry.name], hints[entry.name]
        nested = _nested_schema(hint)
        if nested is not None and isinstance(value, Mapping):
            found += problems_in(value, nested, f"{key}.")
        elif not (_fits(value, hint) and (_named(value, hint) or _within(value, entry.metadata))):
            found.append(Problem(key, describe(hint, entry.metadata), value))
    return found


def known_keys(schema: type, prefix: str = "") -> list[str]:
    """Dotted names of every key of ``schema``, those of nested schemas included."""
    keys: list[str] = []
    hints = typing.get_type_hints(schema)
    for entry in fields(schema):
        keys.append(f"{prefix}{entry.name}")
        nested = _nested_schema(hints[entry.name])
        keys += known_keys(nested, f"{prefix}{entry.name}.") if nested else []
    return keys


def unknown_keys(node: Mapping[str, Any], schema: type, prefix: str = "") -> list[str]:
    """Dotted names of the keys of ``node`` that ``schema`` does not have."""
    found: list[str] = []
    hints = typing.get_type_hints(schema)
    for name, value in node.items():
        nested = _nested_schema(hints.get(name))
        if name not in hints:
            found.append(f"{prefix}{name}")
        elif nested is not None and isinstance(value, Mapping):
            found += unknown_keys(value, nested, f"{prefix}{name}.")
    return found


def describe(hint: Any, bounds: Mapping[str, Any]) -> str:
    """A type and its bounds, in words."""
    words = {
        int: "a whole number",
        float: "a number",
        bool: "true or false",
        str: "a text",
        list: "a list",
        dict: "a mapping",
        type(None): "null",
    }
    options: list[str] = []
    for option in alternatives(hint):
        if typing.get_origin(option) is Literal:
            options += [str(choice) for choice in typing.get_args(option)]
        elif not (option is int and float in alternatives(hint)):
            options.append(words.get(option, "a mapping"))
    limits = {
        "min": "at least {}",
        "max": "at most {}",
        "above": "above {}",
        "max_fraction": "whole above {}",
    }
    limit = " and ".join(limits[name].format(bound) for name, bound in bounds.items())
    if limit:
        numeric = next(i for i, word in enumerate(options) if word.endswith("number"))
        options[numeric] = f"{options[numeric]}, {limit}"
    return " or ".join(dict.fromkeys(options))


def alternatives(hint: Any) -> tuple[Any, ...]:
    """The members of a union; of anything else, itself."""
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return typing.get_args(hint)
    return (hint,)


def _nested_schema(hint: Any) -> type | None:
    return next((option for option in alternatives(hint) if is_dataclass(option)), None)


def _named(value: Any, hint: Any) -> bool:
    """Whether a Literal of ``hint`` names this value."""
    literals = [option for option in alternatives(hint) if typing.get_origin(option) is Literal]
    return any(_fits_one(value, option) for option in literals)


def _fits(value: Any, hint: Any) -> bool:
    return any(_fits_one(value, option) for option in alternatives(hint))


def _fits_one(value: Any, option: Any) -> bool:
    if typing.get_origin(option) is Literal:
        return value in typing.get_args(option)
    if isinstance(value, bool):  # a bool is an int in Python, not in a config
        return option is bool
    if option is float:
        return isinstance(value, (int, float))
    if option is dict or is_dataclass(option):
        return isinstance(value, Mapping)
    return isinstance(value, option)


def _within(value: Any, bounds: Mapping[str, Any]) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return True
    low, high, above = bounds.get("min"), bounds.get("max"), bounds.get("above")
    if isinstance(value, float) and value > bounds.get("max_fraction", float("inf")):
        return False
    return (
        (low is None or value >= low)
        and (high is None or value <= high)
        and (above is None or value > above)
    )
