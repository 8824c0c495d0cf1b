"""Hydra's defaults list as JSON Schema: what may stand under ``defaults:`` in an option file."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

from labloom.compose.schema_values import JsonSchema

# [optional|override] [/]group[/group][@package]
ENTRY = r"^((optional|override) )?/?[\w\-./]+(@[\w.:]*)?$"
CHOICE: JsonSchema = {"type": ["string", "null", "array"], "items": {"type": "string"}}
DESCRIPTION = (
    "Option files that this one stands on, in order; _self_ is the place of this file itself. "
    "Later ones win."
)


def own_defaults() -> JsonSchema:
    """The list in a file of an ordinary group, whose entries are other options of the group."""
    return _list({"patternProperties": {ENTRY: CHOICE}})


def global_defaults(options: Mapping[str, Sequence[str]], chosen: Collection[str]) -> JsonSchema:
    """The list in a task or an experiment, whose entries are options of other groups.

    Args:
        options: known options of every group. They are offered; others are not refused, as they
            may stand in a folder of the user's own.
        chosen: groups that the root of every run has chosen already: they must be overridden.
    """
    offered = {}
    for group, names in options.items():
        choice = {"anyOf": [{"enum": list(names)}, CHOICE]} if names else CHOICE
        offered[f"override /{group}"] = choice
        if group not in chosen:
            offered[f"/{group}"] = choice
    # Hydra looks for a group without "/" inside the file's own group, and does not find it.
    relative = rf"((optional|override) )?({_either(options)})(@.*)?"
    twice = rf"(optional )?/({_either(chosen)})"
    names = [
        _other_than(relative, 'Write the group with a slash: "/model", or "override /model".'),
        _other_than(twice, 'Every run has chosen one already: write "override /GROUP".'),
    ]
    return _list(
        {
            "properties": offered,
            "patternProperties": {ENTRY: CHOICE},
            "propertyNames": {"allOf": names},
        }
    )


def _other_than(pattern: str, reason: str) -> JsonSchema:
    return {"pattern": f"^(?!({pattern})$)", "patternErrorMessage": reason}


def _list(mapping: JsonSchema) -> JsonSchema:
    entry = {
        "type": "object",
        "minProperties": 1,
        "maxProperties": 1,
        "additionalProperties": False,
        **mapping,
    }
    items = {"anyOf": [{"type": "string"}, entry]}
    return {"description": DESCRIPTION, "type": "array", "items": items}


def _either(names: Collection[str]) -> str:
    return "|".join(re.escape(name) for name in sorted(names))
