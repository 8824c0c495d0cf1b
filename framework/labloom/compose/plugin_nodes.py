"""The nodes that belong to plugins, compared with the option files that were chosen."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

from hydra import compose
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf

from labloom.compose.chosen_files import file_that_sets
from labloom.compose.explain import dotted_keys, unknown_key
from labloom.compose.groups import known_groups
from labloom.compose.typed import Problem
from labloom.errors import ConfigError, nearest

PLUGIN_NODES = ("module", "model", "data")
# Choices that only change values; what remains says which keys exist.
OVERLAYS = ("experiment", "debug")
ALMOST = 0.75  # of difflib's ratio: a letter or two left out, swapped or one too many


def plugin_problems(
    config: DictConfig, choices: Mapping[str, Any], typed: Sequence[Override]
) -> list[ConfigError | Problem]:
    """Compare plugin nodes with what the chosen option files say about them.

    Args:
        config: the resolved config, without the ``hydra`` node.
        choices: chosen option of every group.
        typed: the overrides that the user typed.
    """
    chosen = {g: o for g, o in choices.items() if not g.startswith("hydra/") and g not in OVERLAYS}
    base = base_config(tuple(sorted((g, str(o)) for g, o in chosen.items() if o is not None)))
    known = dotted_keys(base)
    added = [
        override.key_or_group for override in typed if override.is_add() or override.is_force_add()
    ]
    misspelt = _misspelt_nodes(config, choices)
    known = [key for key in known if key.partition(".")[0] not in misspelt]
    found = _unknown_nodes(config, known, added, choices)
    for node in PLUGIN_NODES:
        for key in dotted_keys(config[node], f"{node}.") if node in config else []:
            if any(
                key == name or key.startswith(f"{name}.") or name.startswith(f"{key}.")
                for name in added
            ):
                continue
            if key not in known and not _inside_free_node(key, base):
                shown = f"{key}={OmegaConf.select(config, key)}"
                found.append(unknown_key(key, known, shown, file_that_sets(key, choices)))
            elif key in known:
                problem = _type_problem(
                    key, OmegaConf.select(base, key), OmegaConf.select(config, key)
                )
                found += [problem] if problem else []
    return found


def _unknown_nodes(
    config: DictConfig, known: Sequence[str], added: Sequence[str], choices: Mapping[str, Any]
) -> list[ConfigError | Problem]:
    """Mappings at the top that no chosen option file brings: ``trainr:`` in an experiment."""
    typed_nodes = {name.partition(".")[0] for name in added}
    nodes = [str(key) for key in config if OmegaConf.is_dict(config._get_node(key))]
    return [
        unknown_key(node, known, f"{node}: ...", file_that_sets(node, choices))
        for node in nodes
        if node not in known and node not in typed_nodes
    ]


def _misspelt_nodes(config: DictConfig, choices: Mapping[str, Any]) -> set[str]:
    """Mappings at the top that are no group and almost called like one: ``trainr:`` in a task file.

    A task file may bring a mapping of its own, for the hook ``build`` or for interpolations, so
    that being unknown is no fault there.
    """
    packages = {group.partition("@")[2].partition(".")[0] for group in choices}
    own = (*known_groups(), *PLUGIN_NODES)
    return {
        str(key)
        for key in config
        if OmegaConf.is_dict(config._get_node(key))
        and key not in (*own, *packages)
        and nearest(str(key), own, cutoff=ALMOST)
    }


@cache
def base_config(choices: tuple[tuple[str, str], ...]) -> DictConfig:
    """The config that the chosen options make without any value override.

    Args:
        choices: group and option.
    """
    overrides = [f"{group}={option}" for group, option in choices if group == "task"]
    own = _groups_chosen(tuple(overrides))
    overrides += [f"{group}={o}" for group, o in choices if group in own and group != "task"]
    # What the task does not choose, such as model@teacher, a chosen file brings, or it was added.
    for group, option in choices:
        if group not in own:
            plus = "" if group in _groups_chosen(tuple(overrides)) else "+"
            overrides.append(f"{plus}{group}={option}")
    return compose("config", overrides=overrides)


@cache
def _groups_chosen(overrides: tuple[str, ...]) -> frozenset[str]:
    composed = compose("config", overrides=list(overrides), return_hydra_config=True)
    return frozenset(composed.hydra.runtime.choices)


def _inside_free_node(key: str, base: DictConfig) -> bool:
    """Whether the key lies in a node that the option file leaves empty, to be filled freely."""
    parent = OmegaConf.select(base, key.rpartition(".")[0])
    return isinstance(parent, DictConfig) and not parent


def _type_problem(key: str, default: Any, value: Any) -> Problem | None:
    """Texts for numbers, scalars for lists; the rest is for the class's signature to refuse."""
    if default is None or value is None or isinstance(default, str):
        return None
    kinds: tuple[tuple[Callable[[Any], bool], str], ...] = (
        (lambda v: isinstance(v, bool), "true or false"),
        (lambda v: isinstance(v, (int, float)) and not isinstance(v, bool), "a number"),
        (OmegaConf.is_list, "a list"),
        (OmegaConf.is_dict, "a mapping"),
    )
    for is_kind, words in kinds:
        if is_kind(default):
            return None if is_kind(value) else Problem(key, f"{words}, such as {default}", value)
    return None
