"""Mappings whose keys depend on one of them: ``_target_`` of a class, ``name`` of a schedule."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from labloom.compose.schema_classes import INSTANTIATE_KEYS, Constructor
from labloom.compose.schema_values import JsonSchema, any_of, closed

TARGET = r"^\?\?\?$|\$\{|^[A-Za-z_]\w*(\.[A-Za-z_]\w*)+$"


def with_target(
    classes: Mapping[str, Constructor], *, beside: Mapping[str, JsonSchema], required: bool
) -> JsonSchema:
    """A mapping whose ``_target_`` says which arguments there are.

    Args:
        classes: known classes, by dotted path; what another class takes is not judged.
        beside: keys that are no arguments.
        required: whether ``_target_`` must be there, unless a file of the defaults list has it.
    """
    dotted = {"type": "string", "pattern": TARGET}
    target: JsonSchema = {
        "description": "the class that is built: package.module.Class",
        "anyOf": [{"enum": list(classes)}, dotted] if classes else [dotted],
    }
    beside = {**beside, **dict.fromkeys(INSTANTIATE_KEYS, True), "_target_": target}
    branches = [
        _branch("_target_", path, _arguments(found, beside)) for path, found in classes.items()
    ]
    every = _union(found.arguments for found in classes.values())
    is_open = not classes or any(found.open for found in classes.values())
    fallback = _arguments(Constructor(every, open=is_open), beside)
    return {
        "type": "object",
        "properties": {"_target_": target},
        **_chosen_by("_target_", branches, fallback),
        **_required("_target_", beside, required),
    }


def named(
    kinds: Mapping[str, Mapping[str, JsonSchema]],
    *,
    beside: Mapping[str, JsonSchema],
    required: bool,
) -> JsonSchema:
    """A mapping whose ``name`` says which other keys there are.

    Args:
        kinds: keys of each kind, by name; there are no others.
        beside: keys that every kind has.
        required: whether ``name`` must be there.
    """
    name: JsonSchema = {"description": "one of the kinds that there are", "enum": list(kinds)}
    branches = [
        _branch("name", kind, closed({**beside, **keys, "name": name}))
        for kind, keys in kinds.items()
    ]
    fallback = closed({**beside, **_union(kinds.values()), "name": name})
    return {
        "type": "object",
        "properties": {"name": name},
        **_chosen_by("name", branches, fallback),
        **_required("name", beside, required),
    }


def _arguments(found: Constructor, beside: Mapping[str, Any]) -> JsonSchema:
    schema = closed({**beside, **found.arguments})
    return {**schema, "additionalProperties": True} if found.open else schema


def _chosen_by(key: str, branches: list[JsonSchema], fallback: JsonSchema) -> JsonSchema:
    """The branch that ``key`` chooses; ``fallback`` while the key is not there."""
    without = {"if": {"not": {"required": [key]}}, "then": fallback}
    return {"allOf": [*branches, without]}


def _branch(key: str, value: str, schema: JsonSchema) -> JsonSchema:
    return {"if": {"properties": {key: {"const": value}}, "required": [key]}, "then": schema}


def _required(key: str, beside: Mapping[str, Any], required: bool) -> JsonSchema:
    """Demand ``key``; where there may be a defaults list, a file that it names may have the key."""
    if not required:
        return {}
    alone = {"required": [key]}
    return {"anyOf": [alone, {"required": ["defaults"]}]} if "defaults" in beside else alone


def _union(classes: Iterable[Mapping[str, JsonSchema]]) -> dict[str, JsonSchema]:
    """Keys of several classes; a key may be what any class that has it takes."""
    found: dict[str, list[JsonSchema]] = {}
    for arguments in classes:
        for name, schema in arguments.items():
            found.setdefault(name, []).append(schema)
    return {name: any_of(schemas) for name, schemas in found.items()}
