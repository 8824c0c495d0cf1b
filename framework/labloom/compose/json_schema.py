"""A JSON Schema for the option files of every config group, so that editors complete and flag keys.

Draft 7, because every YAML extension of an editor reads it. The core's groups come from
``labloom.compose.schema``; models, data sets and modules from the constructors of the classes that
option files of plugins name, read from source. Nothing heavy is imported.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from labloom.compose.schema import GROUPS, OPTIMIZERS, SCHEDULERS
from labloom.compose.schema_chosen import named, with_target
from labloom.compose.schema_classes import Constructor
from labloom.compose.schema_comments import comments_in
from labloom.compose.schema_defaults import global_defaults, own_defaults
from labloom.compose.schema_sources import (
    constructors,
    core_folder,
    option_comments,
    options_of,
    plugin_groups,
    plugins_build,
)
from labloom.compose.schema_values import JsonSchema, closed, properties_of
from labloom.errors import ConfigError, listing, nearest

DRAFT = "http://json-schema.org/draft-07/schema#"
TYPED = ("trainer", "callbacks", "tracking", "paths", "sweep")
BUILT = ("model", "data")
# The root of every run has chosen an option of these, or none.
CHOSEN = (*TYPED, "optimizer", "scheduler", "task", "experiment", "debug")
ANYTHING: JsonSchema = {"type": "object"}


def schema_of_group(group: str) -> JsonSchema:
    """The JSON Schema of the option files of a config group.

    Raises:
        ConfigError: there is no such group.
    """
    if group not in _MAKERS:
        near = nearest(group, _MAKERS)
        raise ConfigError(
            f"there is no config group '{group}'",
            expected=f"one of {listing(_MAKERS, limit=20)}",
            fix=f"did you mean '{near}'?" if near else None,
        )
    return {"$schema": DRAFT, "title": f"labloom: an option of {group}", **_MAKERS[group](group)}


def schema_groups() -> list[str]:
    """Every config group whose option files have a schema."""
    return list(_MAKERS)


def _typed_file(group: str) -> JsonSchema:
    return closed({"defaults": own_defaults(), **_typed_keys(group)})


def _typed_keys(group: str) -> dict[str, JsonSchema]:
    return properties_of(GROUPS[group], option_comments(group))


def _optimizer_file(group: str) -> JsonSchema:
    return with_target(_optimizers(), beside={"defaults": own_defaults()}, required=True)


def _scheduler_file(group: str) -> JsonSchema:
    return named(_schedulers(), beside={"defaults": own_defaults()}, required=True)


def _optimizers() -> dict[str, Constructor]:
    comments = option_comments("optimizer", by="_target_")
    return {
        target: Constructor(properties_of(schema, comments.get(target, {})))
        for target, schema in OPTIMIZERS.items()
    }


def _schedulers() -> dict[str, dict[str, JsonSchema]]:
    comments = option_comments("scheduler", by="name")
    return {
        name: properties_of(schema, comments.get(name, {})) for name, schema in SCHEDULERS.items()
    }


def _built_file(group: str) -> JsonSchema:
    beside = {"defaults": own_defaults()}
    return with_target(constructors(group), beside=beside, required=not plugins_build())


def _task_file(group: str) -> JsonSchema:
    module = with_target(constructors("module"), beside={}, required=not plugins_build())
    forbidden = {
        name: _forbidden(
            f"A task file brings an option by 'defaults: [/{name}: ...]'; values under this key "
            "would leak into any other choice."
        )
        for name in BUILT
    }
    nodes = {**_global_nodes(), "module": module, **dict.fromkeys(BUILT, True)}
    has_name = {"task": {"required": ["name"]}}
    return {
        **_global_file(nodes),
        "required": ["task"],
        # The core's own task=custom leaves data to the command line.
        "if": {"properties": {"task": {"properties": {"name": {"const": "custom"}}}}},
        "then": {"properties": has_name},
        "else": {"properties": {**has_name, **forbidden}},
    }


def _experiment_file(group: str) -> JsonSchema:
    built = {
        node: with_target(constructors(node), beside={}, required=False)
        for node in ("module", *BUILT)
    }
    return _global_file({**_global_nodes(), **built})


def _global_file(nodes: Mapping[str, JsonSchema | bool]) -> JsonSchema:
    """A file with ``# @package _global_``, which may set anything in the config."""
    options = {group: options_of(group) for group in (*_MAKERS, *plugin_groups())}
    defaults = global_defaults(options, CHOSEN)
    return {
        **closed({"defaults": defaults, **nodes}),
        # A value for interpolations is welcome; a mapping that nobody reads is a misspelt group.
        "additionalProperties": {
            "type": ["string", "number", "boolean", "null", "array"],
            "errorMessage": f"There is no config group of this name, only {listing(options, 20)}.",
        },
    }


def _global_nodes() -> dict[str, JsonSchema]:
    comments = comments_in(core_folder() / "config.yaml")
    root = properties_of(GROUPS[""], comments)
    root["targets"] = _forbidden("Only the command line can set it: a file cannot trust itself.")
    return {
        **root,
        "task": closed(properties_of(GROUPS["task"], comments, "task.")),
        **{group: closed(_typed_keys(group)) for group in TYPED},
        "optimizer": with_target(_optimizers(), beside={}, required=False),
        "scheduler": named(_schedulers(), beside={}, required=False),
        "hydra": ANYTHING,
        **{group: ANYTHING for group in plugin_groups() if group not in _MAKERS},
    }


def _forbidden(reason: str) -> JsonSchema:
    """What nothing fits; ``errorMessage`` is what editors show, other validators pass over it."""
    return {"description": reason, "type": "string", "pattern": "^(?!)", "errorMessage": reason}


_MAKERS: dict[str, Callable[[str], JsonSchema]] = {
    "task": _task_file,
    "model": _built_file,
    "data": _built_file,
    "experiment": _experiment_file,
    **dict.fromkeys(TYPED, _typed_file),
    "optimizer": _optimizer_file,
    "scheduler": _scheduler_file,
    "debug": _experiment_file,
}
