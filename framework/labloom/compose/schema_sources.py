"""What the option files in reach say: keys' comments, classes, names of options and groups."""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from labloom.compose.folders import experiment_folders
from labloom.compose.schema_classes import Constructor, read_constructor
from labloom.compose.schema_comments import comments_in
from labloom.plugins import Plugin, discover


def option_comments(group: str, by: str | None = None) -> dict[str, Any]:
    """Comments of the core's option files; with ``by``, apart for each value of that key."""
    found: dict[str, Any] = {}
    for file in sorted((core_folder() / group).glob("*.yaml")):
        kept = found if by is None else found.setdefault(str(_read(file).get(by)), {})
        for key, comment in comments_in(file).items():
            kept.setdefault(key, comment)
    return found


def constructors(node: str) -> dict[str, Constructor]:
    """Classes that option files of plugins name for ``node``, and what they take."""
    found: dict[str, Constructor] = {}
    for plugin in discover().plugins.values():
        for target in _targets(plugin, node):
            package = plugin.config_folder.parent
            found.setdefault(target, read_constructor(target, package))
    return found


def _targets(plugin: Plugin, node: str) -> list[str]:
    group = "task" if node == "module" else node
    contents = [_read(file) for file in sorted((plugin.config_folder / group).glob("*.yaml"))]
    nodes = [content.get("module") if node == "module" else content for content in contents]
    mappings = [found for found in nodes if isinstance(found, dict)]
    targets = [str(found["_target_"]) for found in mappings if "_target_" in found]
    return [target for target in dict.fromkeys(targets) if "?" not in target and "$" not in target]


def plugins_build() -> bool:
    """Whether some plugin has a ``build`` hook, whose option files need name no class."""
    return any(hasattr(plugin.module, "build") for plugin in discover().plugins.values())


def options_of(group: str) -> list[str]:
    """Names of the options of a group."""
    folders = [core_folder(), *(p.config_folder for p in discover().plugins.values())]
    files = [file for folder in folders for file in (folder / group).glob("*.yaml")]
    if group == "experiment":
        files += [file for folder in experiment_folders() for file in folder.glob("*.yaml")]
    return sorted({file.stem for file in files})


def plugin_groups() -> list[str]:
    """Config groups that plugins have, those of the core included."""
    folders = [
        child.name
        for plugin in discover().plugins.values()
        for child in plugin.config_folder.glob("*/")
        if any(child.glob("*.yaml"))
    ]
    return sorted(set(folders))


def _read(file: Path) -> dict[str, Any]:
    """A file's keys; none for a file that cannot be read as a mapping, which a run will tell."""
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return {}
    return content if isinstance(content, dict) else {}


@cache
def core_folder() -> Path:
    """Folder of the core's option files."""
    spec = importlib.util.find_spec("labloom.conf")
    places = (spec and spec.submodule_search_locations) or ()
    return Path(next(iter(places)))
