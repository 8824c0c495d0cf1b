"""Which labloom a plugin asks for, as pip reads it, and whether this one will do."""

from __future__ import annotations

import tomllib
from importlib import metadata
from typing import TYPE_CHECKING

from labloom import __version__
from labloom.errors import PluginError
from labloom.plugins.candidates import Candidate, canonical

if TYPE_CHECKING:
    from packaging.requirements import Requirement
    from packaging.specifiers import SpecifierSet

CORE = "labloom"


def core_range(candidate: Candidate) -> str | None:
    """The versions of labloom that a plugin asks for, e.g. ``>=0.1,<0.2``.

    Returns:
        An empty text when every version will do; None when it does not name labloom at all.

    Raises:
        PluginError: a requirement of the plugin is none that pip can read.
    """
    wanted = [found for found in requirements(candidate) if canonical(found.name) == CORE]
    if not wanted:
        return None
    return ",".join(filter(None, (in_order(found.specifier) for found in wanted)))


def in_order(bounds: SpecifierSet) -> str:
    """A range with its lower bound first, as people write it; packaging sorts by sign."""
    lowest_first = sorted(bounds, key=lambda bound: (bound.operator[0] in "<!", str(bound)))
    return ",".join(map(str, lowest_first))


def fits_core(candidate: Candidate) -> bool:
    """Whether this version of labloom lies in the range; also when the plugin names none.

    Raises:
        PluginError: a requirement of the plugin is none that pip can read.
    """
    from packaging.specifiers import SpecifierSet

    return SpecifierSet(core_range(candidate) or "").contains(__version__, prereleases=True)


def requirements(candidate: Candidate) -> list[Requirement]:
    """What the plugin's distribution needs here; what only an extra needs is left out.

    Raises:
        PluginError: a requirement is none that pip can read.
    """
    from packaging.requirements import InvalidRequirement, Requirement

    found = []
    for text in _texts(candidate):
        try:
            requirement = Requirement(text)
        except InvalidRequirement as error:
            raise PluginError(
                f"plugin '{candidate.id}' asks for '{text}', which pip cannot read",
                expected="a requirement such as labloom>=0.1,<0.2",
                fix=f"mend the dependencies in {candidate.project_file}",
            ) from error
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            found.append(requirement)
    return found


def _texts(candidate: Candidate) -> list[str]:
    if candidate.folder is None:
        return metadata.requires(candidate.distribution) or []
    project = tomllib.loads((candidate.folder / "pyproject.toml").read_text(encoding="utf-8"))
    return [str(text) for text in project["project"].get("dependencies", [])]
