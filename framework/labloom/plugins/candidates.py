"""Where plugins are looked for: installed entry points, this checkout, ``LABLOOM_PLUGINS``."""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from labloom.hookspecs import ENTRY_POINT_GROUP


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A plugin that was found but not imported.

    Args:
        id: the entry point's name.
        module: importable name of the module with the hook implementations.
        distribution: name of the pip distribution.
        version: its version; ``"0"`` when its folder does not say.
        folder: the plugin's folder; None when it was found as an installed distribution.
    """

    id: str
    module: str
    distribution: str
    version: str
    folder: Path | None = None

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
            distribution=_canonical(entry.dist.name),
            version=entry.dist.version,
        )
        for entry in metadata.entry_points(group=ENTRY_POINT_GROUP)
        if entry.dist is not None
    ]


def in_folder(folder: Path) -> list[Candidate]:
    """Candidates that ``folder/pyproject.toml`` declares.

    Raises:
        OSError, tomllib.TOMLDecodeError, KeyError: the file is missing or is no project file.
    """
    project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    entries = project.get("entry-points", {}).get(ENTRY_POINT_GROUP, {})
    return [
        Candidate(
            id=name,
            module=target.partition(":")[0].strip(),
            distribution=_canonical(project["name"]),
            version=project.get("version", "0"),
            folder=folder,
        )
        for name, target in entries.items()
    ]


def folders() -> list[Path]:
    """Plugin folders: those of ``LABLOOM_PLUGINS``, then those of this checkout, if it is one.

    Each entry of ``LABLOOM_PLUGINS`` is a plugin's folder or a folder of such folders.
    """
    named = filter(None, os.environ.get("LABLOOM_PLUGINS", "").split(os.pathsep))
    found: list[Path] = []
    for root in (Path(entry).expanduser().resolve() for entry in named):
        found += _projects_inside(root) or [root]
    checkout = Path(__file__).resolve().parents[3]
    if (checkout / "framework" / "labloom").is_dir():
        found += _projects_inside(checkout / "plugins")
    return list(dict.fromkeys(found))


def _projects_inside(root: Path) -> list[Path]:
    if (root / "pyproject.toml").exists():
        return [root]
    return sorted(project.parent for project in root.glob("*/pyproject.toml"))


def _canonical(distribution: str) -> str:
    return distribution.lower().replace("_", "-")
