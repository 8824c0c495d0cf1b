"""Is the plugin there, light, and named as it should be?"""

from __future__ import annotations

import json
import sys

from labloom import __version__
from labloom.errors import ConfigError, ContractError, listing
from labloom.plugins import Plugin, discover
from labloom.plugins.compatibility import core_range, fits_core
from labloom.plugins.heavy import HEAVY
from labloom.testing.processes import finished

# Imports the hook module alone, and says what came with it.
FRESH = f"""
import importlib, json, sys
sys.path[:0] = json.loads(sys.argv[2])
importlib.import_module(sys.argv[1])
print(json.dumps(sorted(set({HEAVY!r}) & set(sys.modules))))
"""


def loads(plugin_id: str) -> Plugin:
    """The plugin, loaded.

    Raises:
        ContractError: it is broken; the message has the stage and the cause.
        ConfigError: there is no such plugin.
    """
    registry = discover()
    if plugin_id in registry.plugins:
        return registry.plugins[plugin_id]
    failure = registry.failures.get(plugin_id)
    if failure is not None:
        raise ContractError(
            f"plugin '{plugin_id}' ({' and '.join(failure.origins)}) fails at '{failure.stage}'",
            got=failure.cause,
            fix=failure.fix or f"labloom doctor {plugin_id}   (shows the whole error)",
        )
    if plugin_id in registry.disabled:
        raise ConfigError(
            f"plugin '{plugin_id}' is switched off",
            fix=f"take '{plugin_id}' out of LABLOOM_DISABLE",
        )
    raise registry.unknown_plugin(plugin_id)


def imports_nothing_heavy(plugin: Plugin) -> None:
    """In a fresh interpreter, importing the hook module brings no heavy package.

    Raises:
        ContractError: it brings one; every command line would wait for it.
    """
    heavy = _imported_alone(plugin)
    if heavy:
        raise ContractError(
            f"{plugin.module.__name__} imports {listing(heavy)}",
            expected="nothing heavy: every labloom command imports this module",
            fix="move the import into the hook that needs it, or under TYPE_CHECKING",
        )


def names_begin_with_the_id(plugin: Plugin) -> None:
    """Tasks and option files carry the plugin's id.

    Raises:
        ContractError: one does not, and could be taken for somebody else's.
    """
    prefix = f"{plugin.id}_"
    files = plugin.config_folder.rglob("*.yaml")
    names = [*(task.name for task in plugin.tasks), *(file.stem for file in files)]
    wrong = sorted(name for name in names if not name.startswith(prefix))
    if wrong:
        raise ContractError(
            f"{listing(wrong)} could be taken for somebody else's",
            expected=f"tasks and option files called {prefix}...",
            fix=f"rename '{wrong[0]}'",
        )


def allows_this_core(plugin: Plugin) -> None:
    """The version range that the plugin's distribution asks for includes this labloom.

    Raises:
        ContractError: it asks for none, or for another one.
    """
    wanted = core_range(plugin.candidate)
    if wanted is None:
        raise ContractError(
            f"{plugin.distribution} does not depend on labloom",
            expected="a range of versions that it was tested with",
            fix=f'dependencies = ["labloom>={_minor(__version__)},<{_next_minor(__version__)}"] '
            "in its pyproject.toml",
        )
    if not fits_core(plugin.candidate):
        raise ContractError(
            f"{plugin.distribution} {plugin.version} asks for labloom{wanted}",
            got=f"labloom {__version__}",
            fix="install a version of it that was made for this labloom, or widen its range",
        )


def _imported_alone(plugin: Plugin) -> list[str]:
    path = json.dumps(sys.path)
    command = [sys.executable, "-c", FRESH, plugin.module.__name__, path]
    done = finished(command, f"importing {plugin.module.__name__}")
    if done.returncode != 0:
        raise ContractError(
            f"{plugin.module.__name__} cannot be imported in a fresh interpreter",
            got=done.stderr.strip().rpartition("\n")[2],
            fix="let it import what it uses itself, whatever else was imported before",
        )
    return json.loads(done.stdout.strip().splitlines()[-1])


def _minor(version: str) -> str:
    return ".".join(version.split(".")[:2])


def _next_minor(version: str) -> str:
    major, minor = version.split(".")[:2]
    return f"{major}.{int(minor) + 1}"
