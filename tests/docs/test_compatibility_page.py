"""docs/compatibility.md promises what the code keeps."""

import dataclasses

import pytest

from labloom import Outcome, Task
from labloom.cli.app import VERBS
from labloom.hookspecs import ENTRY_POINT_GROUP
from labloom.plugins import discover
from labloom.testing import TaskContract

FEW_ARGUMENTS = """
from labloom import Task, hookimpl

@hookimpl
def register_tasks():
    return [Task(name="few_task", summary="a task", monitor=None, mode="min")]

@hookimpl
def build(cfg):
    return cfg
"""


@pytest.mark.parametrize("record", [Task, Outcome])
def test_records_take_keywords_only(record):
    with pytest.raises(TypeError, match="positional"):
        record("a name")
    assert all(field.kw_only for field in dataclasses.fields(record))


def test_a_hook_is_given_only_the_arguments_that_it_names(plugin_folder):
    plugin_folder("few", FEW_ARGUMENTS)
    registry = discover()
    hooks = registry.hooks_of(registry.plugins["few"])
    assert hooks.build(cfg="config", task=None) == "config"


def test_a_hook_that_a_plugin_lacks_is_not_called(plugin_folder):
    plugin_folder("few", FEW_ARGUMENTS)
    registry = discover()
    hooks = registry.hooks_of(registry.plugins["few"])
    assert hooks.extra_callbacks(cfg="config", task=None) == []


def test_what_the_page_names_is_there(pages):
    text = pages["compatibility"].text
    assert f"`{ENTRY_POINT_GROUP}`" in text
    assert {"check", "doctor"} <= set(VERBS)
    checks = [word for word in text.split("`") if word.startswith("test_")]
    assert checks
    assert all(hasattr(TaskContract, check) for check in checks)
