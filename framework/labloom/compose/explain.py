"""Turn what Hydra says about a wrong command line into one short message of ours."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from hydra import compose
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from labloom.compose.arguments import parse_overrides
from labloom.compose.defaults_lists import task_of_defaults, wrong_default
from labloom.compose.experiments import Experiment, find_experiment
from labloom.compose.groups import group_options, is_group
from labloom.compose.option_files import yaml_error
from labloom.compose.schema import Root
from labloom.compose.typed import known_keys
from labloom.errors import ConfigError, PluginError, listing, nearest
from labloom.plugins import discover

# Groups that Hydra itself brings; their keys are Hydra's business.
HYDRA_PREFIXES = ("hydra.", "hydra/")
# What composing raises for a wrong command line: Hydra a ValueError for model=null, OmegaConf an
# AttributeError for a mapping merged into null, the parser its own for a file that is no YAML, and
# Python a RecursionError for option files that stand on one another in a circle.
REFUSALS = (
    HydraException,
    OmegaConfBaseException,
    ValueError,
    AttributeError,
    RecursionError,
    yaml.YAMLError,
)


def explain(error: Exception, overrides: Sequence[str]) -> ConfigError:
    """The most helpful ConfigError for what Hydra refused. Hydra must be initialised.

    Args:
        error: what Hydra or OmegaConf raised.
        overrides: the overrides that were being composed.
    """
    if isinstance(error, yaml.YAMLError):
        return yaml_error(error)
    parsed = parse_overrides(overrides)
    explanation = (
        _missing_task(parsed)
        or _unknown_option(parsed)
        or _chosen_twice(parsed)
        or _wrong_file(parsed)
        or _unknown_key(parsed)
    )
    return explanation or _in_hydras_words(error)


def dotted_keys(node: Any, prefix: str = "") -> list[str]:
    """Every key of a config, as users type it; values are not resolved, and have no keys."""
    keys: list[str] = []
    if not isinstance(node, DictConfig) or node._is_none() or node._is_missing():
        return keys
    for name in node:
        key = f"{prefix}{name}"
        keys.append(key)
        keys += dotted_keys(node._get_node(name), f"{key}.")
    return keys


def unknown_key(
    key: str, known: Sequence[str], typed: str, file: Path | None = None
) -> ConfigError:
    """The error for a key that the composed config does not have.

    Args:
        key: the dotted key.
        known: the keys that there are.
        typed: the override, or what stands for it.
        file: the option file that sets the key, when it was not typed.
    """
    parent = key.rpartition(".")[0]
    siblings = [name for name in known if name.rpartition(".")[0] == parent and name != "hydra"]
    near = _nearest_key(key, siblings) or _nearest_key(key, known)
    where = f"keys of {parent}: " if parent else ""
    shown = [name.rpartition(".")[2] for name in siblings]
    expected = f"{where}{listing(shown, limit=20)}" if shown else None
    if file is not None:
        return ConfigError(
            f"'{key}' is not a setting",
            expected=expected,
            got=f"{typed} in {file}",
            fix=f"did you mean {near}?" if near else f"take it out of {file}",
        )
    return ConfigError(
        f"'{key}' is not a setting",
        expected=expected,
        got=typed,
        fix=f"did you mean {near}?" if near else f"+{typed.lstrip('+')} adds a key that is new",
    )


def _nearest_key(key: str, known: Sequence[str]) -> str | None:
    """The nearest key; swapped letters are nearer than left out ones: modle is model."""
    swapped = [name for name in known if sorted(name) == sorted(key)]
    return swapped[0] if swapped else nearest(key, known)


def _missing_task(overrides: Sequence[Override]) -> ConfigError | None:
    if any(override.key_or_group in ("task", "experiment") for override in overrides):
        return None
    own_keys = known_keys(Root)
    for override in overrides:
        near = nearest(override.key_or_group, ("task", "experiment"))
        if near and override.key_or_group not in own_keys and not is_group(override.key_or_group):
            return ConfigError(
                "no task was chosen",
                got=override.input_line,
                fix=f"did you mean {near}={override.get_value_element_as_str()}?",
            )
    tasks = [name for name in discover().tasks if name != "custom"]
    example = tasks[0] if tasks else "custom"
    return ConfigError(
        "no task was chosen",
        expected=f"task=... with one of {listing(discover().tasks)}",
        fix=f"labloom run task={example}",
    )


def _unknown_option(overrides: Sequence[Override]) -> ConfigError | None:
    for override in overrides:
        group = override.key_or_group
        choice = override.value()
        if override.is_delete() or isinstance(choice, list) or not is_group(group):
            continue
        if choice in group_options(group):
            continue
        choice = override.get_value_element_as_str()
        if group == "task":
            discover().find_task(choice)  # knows broken, missing and switched-off plugins
        if group == "experiment":
            _refuse_without_plugin(choice)
        near = nearest(choice, group_options(group))
        return ConfigError(
            f"'{choice}' is not an option of {group}",
            expected=f"one of {listing(group_options(group), limit=30)}",
            got=override.input_line,
            fix=f"did you mean {group}={near}?" if near else None,
        )
    return None


def _refuse_without_plugin(experiment: str) -> None:
    found = find_experiment(experiment)
    if found is None or found.task is None or found.task in discover().tasks:
        return
    try:
        discover().find_task(found.task)
    except PluginError:
        raise
    except ConfigError as error:
        _refuse_misspelt(found)
        plugin = found.task.partition("_")[0]
        raise PluginError(
            f"experiment '{experiment}' needs task '{found.task}', whose plugin is not installed",
            fix=f"pip install labloom-{plugin}",
        ) from error


def _refuse_misspelt(experiment: Experiment) -> None:
    """The task's plugin may be there: then it is the name that is wrong."""
    task = str(experiment.task)
    for plugin in discover().plugins.values():
        if task.startswith(f"{plugin.id}_"):
            near = nearest(task, [own.name for own in plugin.tasks])
            raise ConfigError(
                f"{experiment.file} chooses task '{task}', "
                f"which plugin '{plugin.id}' does not have",
                expected=f"one of {listing(own.name for own in plugin.tasks)}",
                fix=f"did you mean '{near}'?" if near else None,
            )


def _chosen_twice(overrides: Sequence[Override]) -> ConfigError | None:
    seen: dict[str, Override] = {}
    for override in overrides:
        key = typed_key(override)
        first = seen.setdefault(key, override)
        if first is not override and first.value() != override.value():
            return conflict(first.input_line, override.input_line)
    return None


def typed_key(override: Override) -> str:
    """The key that an override sets, its package included: ``model@teacher`` is not ``model``."""
    return override.get_key_element().lstrip("+~")


def conflict(first: str, second: str, reason: str = "they contradict each other") -> ConfigError:
    """The error for two typed overrides that cannot both hold."""
    return ConfigError(f"'{first}' and '{second}': {reason}", fix="type only one of them")


def _wrong_file(overrides: Sequence[Override]) -> ConfigError | None:
    """What is wrong in the chosen files, if they alone do not compose."""
    if _keys_without_values(overrides):
        return None
    typed = {o.key_or_group: o.value() for o in overrides if is_group(o.key_or_group)}
    chosen = {group: str(choice) for group, choice in typed.items() if choice is not None}
    wrong = wrong_default(chosen)
    experiment = chosen.get("experiment")
    if wrong or not experiment or "task" in chosen or task_of_defaults(experiment):
        return wrong
    tasks = listing(discover().tasks)
    return ConfigError(
        f"no task was chosen: experiment '{experiment}' names none",
        expected=f"'override /task: NAME' in its defaults list, with one of {tasks}",
        fix=f"labloom run experiment={experiment} task=...",
    )


def _unknown_key(overrides: Sequence[Override]) -> ConfigError | None:
    known = _keys_without_values(overrides)
    for override in overrides:
        key = override.key_or_group
        if key.startswith(HYDRA_PREFIXES) or not known or is_group(key):
            continue
        exists = key in known
        if override.is_add() and exists and not override.is_force_add():
            return ConfigError(
                f"'{key}' exists already",
                got=override.input_line,
                fix=f"leave the + away: {key}=...",
            )
        if not exists and not override.is_add() and not override.is_force_add():
            return unknown_key(key, known, str(override.input_line))
    return None


def _keys_without_values(overrides: Sequence[Override]) -> list[str]:
    """Keys of the config that the chosen options alone make."""
    choices = [str(o.input_line) for o in overrides if is_group(o.key_or_group)]
    try:
        return dotted_keys(compose("config", overrides=choices))
    except REFUSALS:
        return []


def _in_hydras_words(error: Exception) -> ConfigError:
    cause = error.__cause__
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    further = str(cause).splitlines() if cause is not None and str(cause) else lines[1:]
    reason = further[0] if further else None
    return ConfigError(lines[0] if lines else type(error).__name__, got=reason)
