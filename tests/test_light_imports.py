"""Light rooms and the hook modules of plugins import nothing heavy, in a fresh interpreter."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import labloom
from labloom.plugins import discover

HEAVY = (
    "torch",
    "torchvision",
    "torchmetrics",
    "pytorch_lightning",
    "lightning",
    "mlflow",
    "numpy",
    "timm",
    "sklearn",
    "matplotlib",
    "pandas",
)
PACKAGE = Path(labloom.__file__).parent
LIGHT_ROOMS = (
    "errors",
    "arguments",
    "hookspecs",
    "signals",
    "plugins",
    "compose",
    "scaffold",
    "cli",
)

# Imports one module after the other and says which heavy packages each of them brought.
PROGRAM = f"""
import importlib, json, sys
brought = {{}}
for name in sys.argv[1:]:
    before = set(sys.modules)
    importlib.import_module(name)
    brought[name] = sorted(set({HEAVY!r}) & (set(sys.modules) - before))
print(json.dumps(brought))
"""


def light_modules() -> list[str]:
    """Dotted names of the modules of the light rooms."""
    files = [
        file
        for room in LIGHT_ROOMS
        for file in ([PACKAGE / f"{room}.py"], (PACKAGE / room).rglob("*.py"))[
            (PACKAGE / room).is_dir()
        ]
    ]
    names = [".".join(("labloom", *f.relative_to(PACKAGE).with_suffix("").parts)) for f in files]
    return sorted(name.removesuffix(".__init__") for name in names)


MODULES = [*light_modules(), *(plugin.module.__name__ for plugin in discover().plugins.values())]


@pytest.fixture(scope="module")
def brought():
    """Heavy packages that each module brought when it was imported."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *MODULES],
        env=dict(os.environ),  # with the path of uninstalled plugins
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("module", MODULES)
def test_a_light_module_imports_nothing_heavy(brought, module):
    assert brought[module] == []


def test_the_vision_plugins_hook_module_is_among_them():
    assert "labloom_vision.plugin" in MODULES
