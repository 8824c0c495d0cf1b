"""Hooks that pluggy would not call, or not as they are written: refused, with the line to mend."""

from __future__ import annotations

import pytest

from labloom.plugins import discover

MARKED = """
from labloom import Task, hookimpl

@hookimpl
def register_tasks():
    return [Task(name="bad_task", summary="a task", monitor="val/loss", mode="min")]
"""


def failure_of(plugin_folder, source):
    """Why a plugin with this source is refused."""
    plugin_folder("bad", source)
    return discover().failures["bad"]


def test_a_hook_without_its_mark_is_refused(plugin_folder):
    failure = failure_of(plugin_folder, MARKED.replace("@hookimpl\n", ""))
    assert failure.stage == "register"
    assert failure.cause == "register_tasks in plugin.py:4 lacks @hookimpl"
    assert "write @hookimpl above it, in /" in failure.fix
    assert failure.fix.partition(";")[0].endswith("labloom_bad/plugin.py:4")


def test_one_forgotten_mark_among_others_is_refused(plugin_folder):
    failure = failure_of(plugin_folder, MARKED + "\ndef build(cfg, task):\n    return None\n")
    assert "build in plugin.py:8 lacks @hookimpl" in failure.cause


def test_a_function_that_is_imported_is_no_forgotten_hook(plugin_folder):
    source = "from labloom_bad.nets import build\n" + MARKED
    plugin_folder("bad", source, files={"nets.py": "def build(width):\n    return width\n"})
    assert "bad" in discover().plugins


@pytest.mark.parametrize(
    ("signature", "says", "fix"),
    [
        (
            "build(cfg, tasks)",
            "hook 'build' asks for an argument 'tasks', which it does not get (plugin.py:8)",
            "did you mean 'task'? mend def build in /",
        ),
        (
            "run_started(run, cfg, task, zebra)",
            "hook 'run_started' asks for an argument 'zebra'",
            "mend def run_started in /",
        ),
    ],
)
def test_a_wrong_argument_is_named_with_those_there_are(plugin_folder, signature, says, fix):
    failure = failure_of(plugin_folder, f"{MARKED}\n@hookimpl\ndef {signature}:\n    return None\n")
    assert failure.stage == "register"
    assert says in failure.cause
    assert failure.fix.startswith(fix)
    assert "none but " in str(failure.error)


def test_an_argument_of_register_tasks_is_refused(plugin_folder):
    failure = failure_of(plugin_folder, MARKED.replace("register_tasks()", "register_tasks(cfg)"))
    assert "hook 'register_tasks' asks for an argument 'cfg'" in failure.cause
    assert "expected: no argument" in str(failure.error)


def test_an_argument_with_a_default_is_left_to_the_author(plugin_folder):
    extra = "\n@hookimpl\ndef build(cfg, task, width=3):\n    return None\n"
    plugin_folder("bad", MARKED + extra)
    assert "bad" in discover().plugins


def test_a_hook_that_is_no_function_is_refused(plugin_folder):
    source = "import functools\n" + MARKED.replace("@hookimpl\n", "@hookimpl\n@functools.cache\n")
    failure = failure_of(plugin_folder, source)
    assert failure.stage == "register"
    assert "hook 'register_tasks' in labloom_bad.plugin is a _lru_cache_wrapper" in failure.cause
    assert "expected: a plain function" in str(failure.error)
    assert failure.fix.startswith("put what decorates it inside of it, in /")
