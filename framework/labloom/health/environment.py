"""The interpreter, the machine, and the packages that labloom itself needs."""

from __future__ import annotations

import os
import platform
import sys
from importlib import metadata
from pathlib import Path

import labloom
from labloom.health.findings import Finding, Section, in_gigabytes
from labloom.plugins.candidates import canonical
from labloom.plugins.compatibility import in_order

CORE = "labloom"
RIVAL = "lightning"  # the other package of Lightning, whose classes are not ours


def look_at_machine() -> Section:
    """Versions of labloom and Python, the platform, cores and memory."""
    import psutil

    memory = psutil.virtual_memory()
    rows = (
        ("labloom", f"{labloom.__version__} in {Path(labloom.__file__).parent}"),
        ("python", f"{platform.python_version()} in {sys.prefix}"),
        ("platform", platform.platform(terse=True) + f", {platform.machine()}"),
        ("cores", str(_cores())),
        ("memory", f"{in_gigabytes(memory.total)}, {in_gigabytes(memory.available)} free"),
    )
    facts = {**dict(rows), "cores": _cores(), "memory_bytes": memory.total}
    return Section(rows, facts)


def look_at_packages() -> Section:
    """The installed version of everything that labloom requires, against what it asks for."""
    from packaging.requirements import Requirement

    try:
        asked = [Requirement(text) for text in metadata.requires(CORE) or []]
    except metadata.PackageNotFoundError:
        text = "labloom runs, but pip does not know it, so its packages cannot be checked"
        return Section(findings=[Finding(text, "pip install labloom", broken=False)])
    needed = [found for found in asked if found.marker is None or found.marker.evaluate()]
    versions = {found.name: _version(found.name) for found in needed}
    rows = [
        (found.name, f"{versions[found.name] or 'missing':<14}{in_order(found.specifier)}")
        for found in needed
    ]
    findings = [
        Finding(
            f"{found.name} is {'missing' if version is None else version}, and labloom asks for "
            f"{found.name}{in_order(found.specifier)}",
            f"pip install '{found.name}{in_order(found.specifier)}'",
        )
        for found in needed
        if (version := versions[found.name]) is None
        or not found.specifier.contains(version, prereleases=True)
    ]
    return Section(rows, versions, findings=[*findings, *_other_lightning(), *_other_python()])


def _other_lightning() -> list[Finding]:
    version = _version(RIVAL)
    if version is None:
        return []
    return [
        Finding(
            f"{RIVAL} {version} is installed beside pytorch-lightning; their classes do not mix",
            f"import pytorch_lightning everywhere, or: pip uninstall {RIVAL}",
            broken=False,
        )
    ]


def _other_python() -> list[Finding]:
    from packaging.specifiers import SpecifierSet

    wanted = metadata.metadata(CORE).get("Requires-Python") or ""
    if SpecifierSet(wanted).contains(platform.python_version(), prereleases=True):
        return []
    text = f"this is Python {platform.python_version()}, and labloom asks for {wanted}"
    return [Finding(text, "make an environment with another Python")]


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(canonical(distribution))
    except metadata.PackageNotFoundError:
        return None


def _cores() -> int:
    """Cores that this process may use, which a container or a scheduler may have limited."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
