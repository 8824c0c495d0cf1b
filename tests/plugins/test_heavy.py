"""A plugin that imports something heavy still works, and everybody is told what to change."""

from __future__ import annotations

import importlib.util

import pytest

from labloom.plugins import discover
from labloom.plugins.heavy import HEAVY, heavy_imports


@pytest.fixture
def loaded(plugin_folder, good_plugin):
    """Load a plugin whose module begins with some lines; returns what it imports."""

    def load(lines, files=None):
        plugin_folder("slow", lines + good_plugin.format(id="slow"), files=files)
        return heavy_imports(discover().plugins["slow"].module)

    return load


def test_list_and_doctor_name_package_and_line(labloom, plugin_folder, good_plugin):
    source = "import os\nimport numpy\n" + good_plugin.format(id="slow")
    folder = plugin_folder("slow", source)
    warning = (
        "plugin 'slow' imports numpy in plugin.py:2; every labloom command waits for it: "
        "move the import into the hook that needs it"
    )
    listed = labloom("list", LABLOOM_PLUGINS=folder)
    assert listed.returncode == 0
    assert "slow_task" in listed.stdout
    assert f"warning: {warning}" in listed.stdout
    examined = labloom("doctor", "slow", LABLOOM_PLUGINS=folder)
    assert "1 warning" in examined.stdout
    assert warning in " ".join(examined.stdout.split())
    composed = labloom("run", "task=slow_task", "--cfg", "job", LABLOOM_PLUGINS=folder)
    assert "imports numpy" not in composed.stderr  # told where one looks for it, not everywhere


def test_a_heavy_import_through_the_plugins_own_module_names_both_lines(loaded):
    (found,) = loaded("from . import helper\n", {"helper.py": "\nimport numpy as np\n"})
    assert (found.package, found.place) == ("numpy", "helper.py:2")
    assert found.through == "plugin.py:1"


def test_a_heavy_import_through_a_package_inside_the_plugin_is_found(loaded):
    (found,) = loaded(
        "from labloom_slow.nets import small\n",
        {"nets/__init__.py": "from ..tools import sums\n", "nets/small.py": "", "tools.py": TOOLS},
    )
    assert (found.place, found.through) == ("tools.py:3", "plugin.py:1")


TOOLS = "try:\n    sums = 1\n    import numpy\nexcept ImportError:\n    numpy = None\n"


def test_the_heavy_rooms_of_labloom_are_heavy_too(loaded):
    found = {entry.package: entry for entry in loaded("from labloom.build import targets\n")}
    assert "omegaconf" in found
    assert found["omegaconf"].through == "plugin.py:1"


def test_the_second_plugin_with_the_same_import_is_named_as_well(plugin_folder, good_plugin):
    for plugin_id in ("one", "two"):
        plugin_folder(plugin_id, "import numpy\n" + good_plugin.format(id=plugin_id))
    for plugin_id in ("one", "two"):
        (found,) = heavy_imports(discover().plugins[plugin_id].module)
        assert (found.package, found.place) == ("numpy", "plugin.py:1")


LIGHT = """
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy

def later():
    import numpy
"""


def test_imports_in_functions_and_for_type_checkers_are_free(loaded):
    assert loaded(LIGHT) == []


def test_a_heavy_package_that_is_not_there_is_not_named(loaded):
    package = next(name for name in HEAVY if importlib.util.find_spec(name) is None)
    missing = f"try:\n    import {package}\nexcept ImportError:\n    {package} = None\n"
    assert loaded(missing) == []


def test_the_plugins_of_this_checkout_are_light():
    assert heavy_imports(discover().plugins["vision"].module) == []


def test_the_list_names_what_a_plugin_is_tempted_to_import():
    assert {"torch", "numpy", "mlflow", "transformers", "gymnasium"} <= set(HEAVY)
