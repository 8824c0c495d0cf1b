"""Everything about a composed config that can be known to be wrong before a heavy import."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf

from labloom.compose.arguments import trusted_packages
from labloom.compose.chosen_files import check_nodes, file_that_sets
from labloom.compose.explain import conflict, typed_key, unknown_key
from labloom.compose.groups import group_options
from labloom.compose.plugin_nodes import plugin_problems
from labloom.compose.schema import GRADIENT_DESCENT, SCHEDULERS, schema_of
from labloom.compose.typed import Problem, known_keys, problems_in, unknown_keys
from labloom.errors import ConfigError, listing, nearest

# Groups whose schema is ours; the other nodes belong to plugins and users.
CORE_GROUPS = (
    "task",
    "trainer",
    "optimizer",
    "scheduler",
    "callbacks",
    "tracking",
    "paths",
    "sweep",
)


class MissingValueError(ConfigError):
    """Keys of the composed config are ``???``; everything else about it is right."""


def check_groups(config: DictConfig, groups: Sequence[str] = CORE_GROUPS) -> None:
    """Refuse a config that lacks one of ``groups``, or has something else in its place.

    Raises:
        ConfigError: names the group and how to choose one of its options.
    """
    for group in groups:
        if OmegaConf.is_dict(OmegaConf.select(config, group)):
            continue
        options = group_options(group)
        raise ConfigError(
            f"'{group}' is not there" if group not in config else f"'{group}' is no mapping",
            expected=f"{group}=... with one of {listing(options)}" if options else "a mapping",
            got=f"{group}={config[group]}" if group in config else None,
            fix=f"{group}={options[0]}" if options else f"{group}._target_=package.Class",
        )


def check_config(config: DictConfig, choices: Mapping[str, Any], typed: Sequence[Override]) -> None:
    """Refuse a config with a wrong key, type or range, a missing value, or a contradiction.

    Args:
        config: the resolved config, without the ``hydra`` node, ``task`` filled in.
        choices: chosen option of every group.
        typed: the overrides that the user typed.

    Raises:
        MissingValueError: nothing is wrong but that values are missing.
        ConfigError: names the key, what was expected and what came.
    """
    _refuse_targets_from_yaml(config, typed)
    _refuse_contradictions(config, typed)
    check_nodes(config, choices)
    check_groups(config, ("module", "data"))
    values = _without_missing(config)
    problems = _unknown_core_keys(values, choices) + _core_problems(values)
    problems += plugin_problems(config, choices, typed)
    _raise_first(problems, typed)
    _refuse_missing(config, choices)


def _refuse_targets_from_yaml(config: DictConfig, typed: Sequence[Override]) -> None:
    extra = set(config.get("targets") or ()) - set(trusted_packages(typed))
    if extra:
        raise ConfigError(
            f"a YAML file sets targets={sorted(extra)}",
            expected="targets only on the command line, so that a file cannot trust itself",
            fix=f"if you trust them: targets=[{','.join(sorted(extra))}]",
        )


def _refuse_contradictions(config: DictConfig, typed: Sequence[Override]) -> None:
    by_key: dict[str, Override] = {}
    for override in typed:
        first = by_key.setdefault(typed_key(override), override)
        if first is not override and first.value() != override.value():
            raise conflict(str(first.input_line), str(override.input_line))
    full_batch = config.optimizer.get("_target_") == GRADIENT_DESCENT
    accumulate = by_key.get("trainer.accumulate_grad_batches")
    if full_batch and accumulate is not None:
        raise conflict(
            "optimizer=gd",
            str(accumulate.input_line),
            "gd accumulates the gradient over the whole epoch",
        )
    _refuse_unknown_scheduler(config)
    if config.scheduler.get("name") == "plateau" and config.task.monitor is None:
        raise ConfigError(
            "scheduler=plateau needs a metric to watch, and task.monitor is null",
            fix="task.monitor=val/loss task.mode=min",
        )
    if config.callbacks.get("early_stopping") is not None and config.task.monitor is None:
        raise ConfigError(
            "early stopping needs a metric to watch, and task.monitor is null",
            fix="task.monitor=val/loss task.mode=min",
        )
    if config.task.monitor is not None and config.task.mode is None:
        raise ConfigError(
            f"task.monitor is {config.task.monitor}, but task.mode is null",
            expected="task.mode=min or task.mode=max",
        )


def _refuse_unknown_scheduler(config: DictConfig) -> None:
    name = config.scheduler.get("name")
    if name not in SCHEDULERS:
        near = nearest(str(name), SCHEDULERS)
        raise ConfigError(
            f"scheduler.name cannot be {name!r}",
            expected=f"one of {listing(SCHEDULERS)}",
            fix=f"scheduler={near or 'cosine'}   (brings the schedule's own settings)",
        )


def _refuse_missing(config: DictConfig, choices: Mapping[str, Any]) -> None:
    missing = sorted(OmegaConf.missing_keys(config))
    if missing:
        needed = " ".join(f"{key}=..." for key in missing)
        owner = missing[0].partition(".")[0]
        raise MissingValueError(
            f"{', '.join(missing)} {'has' if len(missing) == 1 else 'have'} no value (???)",
            expected=f"a value for what {owner}={choices.get(owner) or '...'} leaves open"
            if owner in choices
            else None,
            fix=needed,
        )


def _without_missing(config: DictConfig) -> dict[str, Any]:
    """Plain values, but not those that are ``???``: another check names them."""

    def plain(node: Any) -> Any:
        if not isinstance(node, DictConfig):
            return OmegaConf.to_container(node) if OmegaConf.is_config(node) else node
        present = (key for key in node if not OmegaConf.is_missing(node, key))
        return {str(key): plain(node[key]) for key in present}

    return {str(key): plain(config[key]) for key in config}


def _unknown_core_keys(
    values: Mapping[str, Any], choices: Mapping[str, Any]
) -> list[ConfigError | Problem]:
    """Keys of typed groups that the schema lacks: typed with ``+``, or from an option file."""
    found: list[ConfigError | Problem] = []
    for group in CORE_GROUPS:
        schema = schema_of(group, values[group])
        if schema is None:
            continue
        own = {key: value for key, value in values[group].items() if key != "_target_"}
        known = known_keys(schema, f"{group}.")
        for key in unknown_keys(own, schema, f"{group}."):
            file = file_that_sets(key, choices)
            found.append(unknown_key(key, known, f"{key}=...", file))
    return found


def _core_problems(values: Mapping[str, Any]) -> list[ConfigError | Problem]:
    found: list[ConfigError | Problem] = []
    root = schema_of("", values)
    found += problems_in({k: v for k, v in values.items() if k not in CORE_GROUPS}, root)
    for group in CORE_GROUPS:
        schema = schema_of(group, values[group])
        found += problems_in(values[group], schema, f"{group}.") if schema else []
    return found


def _raise_first(problems: Sequence[ConfigError | Problem], typed: Sequence[Override]) -> None:
    """Raise the first problem, and name the others, so that all can be mended at once."""
    if not problems:
        return
    errors = [_as_error(problem, typed) for problem in problems]
    first = errors[0]
    if len(errors) > 1:
        others = "; ".join(error.problem for error in errors[1:4])
        first.problem += f"   (and {len(errors) - 1} more: {others})"
    raise first


def _as_error(problem: ConfigError | Problem, typed: Sequence[Override]) -> ConfigError:
    if isinstance(problem, ConfigError):
        return problem
    by_hand = any(problem.key.startswith(override.key_or_group) for override in typed)
    return ConfigError(
        f"{problem.key} cannot be {problem.value!r}",
        expected=problem.expected,
        got=f"{problem.key}={problem.value}{'' if by_hand else ' (set by a YAML file)'}",
    )
