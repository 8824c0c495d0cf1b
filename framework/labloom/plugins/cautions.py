"""What is not broken in a plugin, but slows or disturbs every command: told by list and doctor."""

from __future__ import annotations

from collections.abc import Iterator

from labloom.plugins.heavy import HeavyImport, heavy_imports
from labloom.plugins.loading import Plugin


def cautions(plugin: Plugin) -> Iterator[str]:
    """Sentences about a plugin, each with what its author should do."""
    for folder in plugin.hides:
        yield (
            f"plugin '{plugin.id}' in {folder} is hidden by the one in {plugin.candidate.folder}, "
            "which has the same name: take one of them out of LABLOOM_PLUGINS"
        )
    for found in heavy_imports(plugin.module):
        yield (
            f"plugin '{plugin.id}' imports {found.package} {_where(found)}; every labloom command "
            "waits for it: move the import into the hook that needs it"
        )
    if plugin.printed.strip():
        first = plugin.printed.strip().splitlines()[0]
        yield (
            f"plugin '{plugin.id}' prints while it is loaded: '{first}'; it goes to standard "
            "error, so that --json stays readable: take the print out"
        )


def _where(found: HeavyImport) -> str:
    return f"in {found.place}" + (f", through {found.through}" if found.through else "")
