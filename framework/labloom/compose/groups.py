"""Config groups and their options, as Hydra sees them. Hydra must be initialised."""

from __future__ import annotations

from hydra.core.global_hydra import GlobalHydra


def group_options(group: str) -> list[str]:
    """Names of the options of a config group."""
    return GlobalHydra.instance().config_loader().get_group_options(group)


def is_group(name: str) -> bool:
    """Whether ``name`` is a config group, e.g. ``model`` or ``hydra/launcher``."""
    parent, _, last = name.rpartition("/")
    return last in GlobalHydra.instance().config_loader().list_groups(parent)


def known_groups() -> list[str]:
    """The groups at the top, without Hydra's own."""
    groups = GlobalHydra.instance().config_loader().list_groups("")
    return [name for name in groups if name != "hydra"]
