"""Plugins that are not there, not light, misnamed, or made for another labloom."""

from __future__ import annotations

from labloom.plugins import discover

HOOKS = "from labloom import Task, hookimpl"


def test_a_plugin_that_fails_to_load_is_told_with_stage_and_cause(toy):
    toy.change("plugin.py", "def register_tasks", "def register_task")
    said = toy.failure("the_plugin_loads")
    assert "plugin 'toy' (labloom-toy 0.1.0 in " in said
    assert "fails at 'register'" in said
    assert "unknown hook 'register_task'" in said
    assert "did you mean 'register_tasks'?" in said
    assert "fix: rename it in " in said


def test_an_option_file_without_the_prefix_does_not_load(toy):
    toy.write("conf/model/mlp.yaml", "_target_: labloom_toy.nets.MLP\n")
    said = toy.failure("the_plugin_loads")
    assert "fails at 'options'" in said
    assert "'model/mlp.yaml' must be called 'model/toy_mlp.yaml'" in said


def test_a_misspelt_id_brings_the_nearest(toy):
    toy.contract.plugin = "toyy"
    said = toy.failure("the_plugin_loads")
    assert "there is no plugin 'toyy'" in said
    assert "expected: one of " in said
    assert "fix: did you mean 'toy'?" in said


def test_an_id_like_no_other_says_how_to_name_a_folder(toy):
    toy.contract.plugin = "weather"
    assert "fix: name its folder: LABLOOM_PLUGINS=FOLDER" in toy.failure("the_plugin_loads")


def test_a_plugin_that_is_switched_off_says_so(toy, monkeypatch):
    monkeypatch.setenv("LABLOOM_DISABLE", "toy")
    said = toy.failure("the_plugin_loads")
    assert "plugin 'toy' is switched off" in said
    assert "fix: take 'toy' out of LABLOOM_DISABLE" in said


def test_torch_in_the_hook_module_is_heavy(toy):
    toy.change("plugin.py", HOOKS, f"import torch\n{HOOKS}")
    said = toy.failure("the_hook_module_imports_nothing_heavy")
    assert "labloom_toy.plugin imports " in said
    assert "torch" in said.partition("expected:")[0]
    assert "every labloom command imports this module" in said
    assert "move the import into the hook that needs it, or under TYPE_CHECKING" in said


def test_a_heavy_package_by_way_of_another_module_is_noticed(toy):
    toy.write("species.py", "import numpy as np\n\nSPECIES = np.arange(3)\n")
    toy.change("plugin.py", HOOKS, f"{HOOKS}\nfrom labloom_toy.species import SPECIES")
    said = toy.failure("the_hook_module_imports_nothing_heavy")
    assert "labloom_toy.plugin imports numpy expected" in said


def test_a_hook_module_that_leans_on_other_imports_fails_alone(toy):
    # In this process pytest and all of labloom have been imported; a user's has nothing yet.
    toy.change("plugin.py", HOOKS, f"import sys\n{HOOKS}\ntorch = sys.modules['torch']")
    said = toy.failure("the_hook_module_imports_nothing_heavy")
    assert "labloom_toy.plugin cannot be imported in a fresh interpreter" in said
    assert "got: KeyError: 'torch'" in said
    assert "let it import what it uses itself" in said


def test_an_option_file_that_comes_after_loading_needs_the_prefix(toy):
    # Loading refuses such a file at once; the check stands for itself.
    assert discover().plugins["toy"]
    toy.write("conf/data/wine.yaml", "_target_: labloom_toy.data.IrisData\n")
    said = toy.failure("names_begin_with_the_id")
    assert "wine could be taken for somebody else's" in said
    assert "expected: tasks and option files called toy_..." in said
    assert "fix: rename 'wine'" in said


def test_dependencies_without_labloom_have_no_range(toy):
    toy.change("pyproject.toml", '"labloom>=0.1,<0.2", ', "")
    said = toy.failure("its_version_range_allows_this_labloom")
    assert "labloom-toy does not depend on labloom" in said
    assert 'dependencies = ["labloom>=0.1,<0.2"] in its pyproject.toml' in said


def test_a_range_of_other_versions_is_refused(toy):
    toy.change("pyproject.toml", "labloom>=0.1,<0.2", "labloom>=0.7,<0.8")
    said = toy.failure("its_version_range_allows_this_labloom")
    assert "labloom-toy 0.1.0 asks for labloom>=0.7,<0.8" in said
    assert "got: labloom 0.1.0" in said
    assert "widen its range" in said


def test_a_requirement_that_pip_cannot_read_is_named(toy):
    toy.change("pyproject.toml", "labloom>=0.1,<0.2", "labloom=>0.1")
    said = toy.failure("its_version_range_allows_this_labloom")
    assert "asks for 'labloom=>0.1', which pip cannot read" in said
