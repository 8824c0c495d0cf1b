"""Where plugins are looked for: installed entry points, this checkout, ``LABLOOM_PLUGINS``."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from labloom.errors import PluginError, nearest
from labloom.hookspecs import ENTRY_POINT_GROUP

EXAMPLE = 'speech = "labloom_speech.plugin"'


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A plugin that was found but not imported.

    Args:
        id: the entry point's name.
        module: importable name of the module with the hook implementations.
        distribution: name of the pip distribution.
        version: its version; ``"0"`` when its folder does not say.
        folder: the plugin's folder; None when it was found as an installed distribution.
        attribute: what the entry point names inside the module; a plugin is a whole module, so
            anything here is refused when the plugin is loaded.
    """

    id: str
    module: str
    distribution: str
    version: str
    folder: Path | None = None
    attribute: str = ""

    @property
    def package(self) -> str:
        """Top-level package, e.g. ``labloom_vision``; its configs are in ``<package>.conf``."""
        return self.module.partition(".")[0]

    @property
    def origin(self) -> str:
        """Distribution and version, with the folder when there is one."""
        place = f" in {self.folder}" if self.folder else ""
        return f"{self.distribution} {self.version}{place}"

    @property
    def source(self) -> Path | None:
        """The folder that has to be on Python's path before the plugin is installed."""
        if self.folder is None:
            return None
        return self.folder / "src" if (self.folder / "src").is_dir() else self.folder

    @property
    def project_file(self) -> str:
        """Where its author writes entry points and dependencies."""
        if self.folder is None:
            return f"pyproject.toml of {self.distribution}"
        return str(self.folder / "pyproject.toml")

    @property
    def entry_point(self) -> str:
        """The line that declares the plugin."""
        target = f"{self.module}:{self.attribute}" if self.attribute else self.module
        return f'{self.id} = "{target}"'

    @property
    def install_command(self) -> str:
        """The pip command that installs the plugin with everything it needs."""
        return (
            f"pip install -e {self.folder}" if self.folder else f"pip install {self.distribution}"
        )


def installed() -> list[Candidate]:
    """Candidates from the entry points of installed distributions."""
    return [
        Candidate(
            id=entry.name,
            module=entry.module,
            attribute=entry.attr or "",
            distribution=canonical(entry.dist.name),
            version=entry.dist.version,
        )
        for entry in metadata.entry_points(group=ENTRY_POINT_GROUP)
        if entry.dist is not None
    ]


def in_folder(folder: Path, *, named: bool = True) -> list[Candidate]:
    """Candidates that ``folder/pyproject.toml`` declares.

    Args:
        folder: a plugin's folder.
        named: whether the user named this very folder, which then has to hold a plugin.

    Raises:
        PluginError: the folder or its project file is missing or broken, or declares no plugin.
    """
    project = _project(folder)
    groups = project.get("entry-points", {})
    if ENTRY_POINT_GROUP not in groups:
        _refuse_other_groups(folder, groups, named)
    try:
        return [
            Candidate(
                id=name,
                module=target.partition(":")[0].strip(),
                attribute=target.partition(":")[2].strip(),
                distribution=canonical(project["name"]),
                version=project.get("version", "0"),
                folder=folder,
            )
            for name, target in groups.get(ENTRY_POINT_GROUP, {}).items()
        ]
    except (KeyError, AttributeError) as error:
        raise PluginError(
            f"{folder / 'pyproject.toml'} is no project with entry points",
            expected=f"a name under [project], and entry points such as {EXAMPLE}",
            got=f"{type(error).__name__}: {error}",
            fix=f"mend {folder / 'pyproject.toml'}, or take it out of LABLOOM_PLUGINS",
        ) from error


def folders() -> list[tuple[Path, bool]]:
    """Plugin folders, each with whether the user named that very folder.

    First those of ``LABLOOM_PLUGINS``, then those of this checkout, if it is one. Each entry of
    ``LABLOOM_PLUGINS`` is a plugin's folder or a folder of such folders.
    """
    named = filter(None, os.environ.get("LABLOOM_PLUGINS", "").split(os.pathsep))
    found: dict[Path, bool] = {}
    for root in (Path(entry).expanduser().resolve() for entry in named):
        inside = list(_projects_inside(root))
        for folder in inside or [root]:
            found.setdefault(folder, folder == root)
    checkout = Path(__file__).resolve().parents[3]
    if (checkout / "framework" / "labloom").is_dir():
        for folder in _projects_inside(checkout / "plugins"):
            found.setdefault(folder, False)
    return list(found.items())


def canonical(distribution: str) -> str:
    """A distribution's name in one spelling; pip takes several."""
    return distribution.lower().replace("_", "-")


def _projects_inside(root: Path) -> Iterator[Path]:
    if (root / "pyproject.toml").exists():
        yield root
    else:
        yield from sorted(project.parent for project in root.glob("*/pyproject.toml"))


def _project(folder: Path) -> Mapping[str, Any]:
    file = folder / "pyproject.toml"
    out = "or take it out of LABLOOM_PLUGINS"
    if not folder.is_dir():
        raise PluginError(
            f"there is no folder {folder}",
            expected="a plugin's folder, or a folder of such folders",
            fix=f"mend LABLOOM_PLUGINS ({os.environ.get('LABLOOM_PLUGINS', '')})",
        )
    try:
        project = tomllib.loads(file.read_text(encoding="utf-8"))["project"]
    except OSError as error:
        raise PluginError(
            f"{folder} has no pyproject.toml that can be read",
            got=error.strerror,
            fix=f"labloom new writes a whole plugin; {out}",
        ) from error
    except KeyError as error:
        raise PluginError(
            f"{file} has no [project]", fix=f"write [project] with name and version, {out}"
        ) from error
    except ValueError as error:  # no TOML, or no UTF-8
        raise PluginError(f"{file} is no TOML: {error}", fix=f"mend {file}, {out}") from error
    if not isinstance(project, dict):
        raise PluginError(f"{file}: 'project' is no table", fix=f"write [project], {out}")
    return project


def _refuse_other_groups(folder: Path, groups: Mapping[str, Any], named: bool) -> None:
    """A project without our group is not ours, unless it was named or the group is misspelt."""
    near = nearest(ENTRY_POINT_GROUP, groups)
    if named or near:
        raise PluginError(
            f"{folder / 'pyproject.toml'} declares no plugin",
            expected=f'[project.entry-points."{ENTRY_POINT_GROUP}"] with a line such as {EXAMPLE}',
            got=f'[project.entry-points."{near}"]' if near else None,
            fix=f"add it to {folder / 'pyproject.toml'}, or take it out of LABLOOM_PLUGINS",
        )
