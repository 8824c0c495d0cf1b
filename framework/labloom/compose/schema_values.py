"""The typed schema of the core's groups as JSON Schema: types, ranges, choices, nested groups."""

from __future__ import annotations

import typing
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any, Literal

from labloom.compose.typed import alternatives

JsonSchema = dict[str, Any]

# What stands for a value that is known later: ${interpolation}, or ??? that must be given.
LATER: JsonSchema = {"type": "string", "pattern": r"^\?\?\?$|\$\{"}
PLAIN_TYPES = {
    int: "integer",
    float: "number",
    bool: "boolean",
    str: "string",
    list: "array",
    dict: "object",
    type(None): "null",
}
# Names of the bounds of `limited`, as JSON Schema has them.
BOUNDS = {"min": "minimum", "max": "maximum", "above": "exclusiveMinimum"}


def properties_of(
    schema: type, descriptions: Mapping[str, str], prefix: str = ""
) -> dict[str, JsonSchema]:
    """What every key of a dataclass of ``labloom.compose.schema`` may be.

    Args:
        schema: the dataclass.
        descriptions: of keys, by dotted name.
        prefix: of the dotted names of this dataclass's keys.
    """
    hints = typing.get_type_hints(schema)
    return {
        entry.name: _described(
            value_schema(hints[entry.name], entry.metadata, descriptions, f"{prefix}{entry.name}."),
            descriptions.get(f"{prefix}{entry.name}"),
        )
        for entry in fields(schema)
    }


def closed(properties: Mapping[str, JsonSchema]) -> JsonSchema:
    """A mapping that has these keys and no others."""
    return {"type": "object", "properties": dict(properties), "additionalProperties": False}


def value_schema(
    hint: Any,
    bounds: Mapping[str, Any],
    descriptions: Mapping[str, str] | None = None,
    prefix: str = "",
) -> JsonSchema:
    """What a value may be that is annotated with ``hint`` and has ``bounds``.

    JSON knows no difference between 2.0 and 2, so a whole float passes for a whole number here;
    ``labloom run`` refuses it.
    """
    options: list[JsonSchema] = []
    kinds: list[str] = []
    for option in alternatives(hint):
        if typing.get_origin(option) is Literal:
            options.append({"enum": list(typing.get_args(option))})
        elif is_dataclass(option):
            options.append(closed(properties_of(option, descriptions or {}, prefix)))
        elif option in (int, float) and bounds:
            options.append(_number(option, bounds))
        else:
            kinds.append(PLAIN_TYPES[option])
    if kinds:
        options.append({"type": kinds[0] if len(kinds) == 1 else kinds})
    return any_of([*options, *([] if "string" in kinds else [LATER])])


def any_of(options: list[JsonSchema]) -> JsonSchema:
    """One of several schemas; each of them once, and the only one without wrapping."""
    distinct = [option for i, option in enumerate(options) if option not in options[:i]]
    return distinct[0] if len(distinct) == 1 else {"anyOf": distinct}


def _number(kind: type, bounds: Mapping[str, Any]) -> JsonSchema:
    limits = {BOUNDS[name]: bound for name, bound in bounds.items() if name in BOUNDS}
    if kind is float and "max_fraction" in bounds:
        limits["maximum"] = bounds["max_fraction"]
    return {"type": PLAIN_TYPES[kind], **limits}


def _described(schema: JsonSchema, description: str | None) -> JsonSchema:
    return {"description": description, **schema} if description else schema
