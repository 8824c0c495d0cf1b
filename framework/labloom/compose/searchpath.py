"""Where Hydra looks for option files: the core, every healthy plugin, experiments, the user.

Registered with Hydra at run time rather than through the ``hydra_plugins`` namespace, which would
add these paths to every Hydra application of the environment.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from hydra._internal.core_plugins.file_config_source import FileConfigSource
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.object_type import ObjectType
from hydra.core.plugins import Plugins
from hydra.plugins.config_source import ConfigResult
from hydra.plugins.search_path_plugin import SearchPathPlugin

from labloom.compose.experiments import GROUP, read_experiment
from labloom.compose.folders import experiment_folders
from labloom.plugins import discover


def register(config_dir: str | None = None) -> None:
    """Make Hydra know labloom's config sources; safe to call again.

    Args:
        config_dir: the user's own folder of option files, searched first.
    """
    LabloomSearchPath.config_dir = str(Path(config_dir).resolve()) if config_dir else None
    plugins = Plugins.instance()
    for plugin in (ExperimentsSource, LabloomSearchPath):
        plugins.register(plugin)


class ExperimentsSource(FileConfigSource):
    """Shows the files of a flat folder as the options of the config group ``experiment``."""

    @staticmethod
    def scheme() -> str:
        """URL scheme under which the folder stands in the search path."""
        return "experiments"

    def load_config(self, config_path: str) -> ConfigResult:
        """Load ``experiment/NAME`` from ``NAME.yaml``."""
        return super().load_config(_inside(config_path))

    def is_group(self, config_path: str) -> bool:
        """Whether the path is the group itself; there is nothing nested in it."""
        return config_path in ("", GROUP)

    def is_config(self, config_path: str) -> bool:
        """Whether ``experiment/NAME`` has a file."""
        return config_path.startswith(f"{GROUP}/") and super().is_config(_inside(config_path))

    def list(self, config_path: str, results_filter: ObjectType | None) -> list[str]:
        """Names inside the root (the group) or inside the group (its options)."""
        if config_path in ("", "/"):
            return [GROUP] if results_filter in (None, ObjectType.GROUP) else []
        if config_path.strip("/") != GROUP or results_filter == ObjectType.GROUP:
            return []
        tasks = discover().tasks
        experiments = [read_experiment(file) for file in sorted(Path(self.path).glob("*.yaml"))]
        return [found.name for found in experiments if found.task in (None, *tasks)]


class LabloomSearchPath(SearchPathPlugin):
    """Adds the configs of every healthy plugin, then the experiments."""

    # Hydra makes the instances; there is one command line in a process.
    config_dir: ClassVar[str | None] = None

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """Called by Hydra whenever it builds a search path."""
        if self.config_dir is not None:
            search_path.prepend("command-line", f"file://{self.config_dir}")
        for plugin in discover().plugins.values():
            search_path.append(f"plugin:{plugin.id}", f"pkg://{plugin.package}.conf")
        for folder in experiment_folders():
            search_path.append("experiments", f"experiments://{folder}")


def _inside(config_path: str) -> str:
    return config_path.removeprefix(f"{GROUP}/")
