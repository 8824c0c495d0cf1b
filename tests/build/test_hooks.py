"""A hook that fails while a run is built is named, with its plugin and the place in its code."""

from __future__ import annotations

import dataclasses

import pytest

from labloom.build.hooks import ask_build, plugin_callbacks
from labloom.errors import ConfigError, LabloomError, PluginError
from labloom.plugins import discover

HOOKS = """
from labloom import Task, hookimpl

@hookimpl
def register_tasks():
    return [Task(name="far_net", summary="a toy", monitor=None, mode="max")]

@hookimpl
def build(cfg, task):
    {build}

@hookimpl
def extra_callbacks(cfg, task):
    {callbacks}
"""


@pytest.fixture
def job_of(make_job, plugin_folder):
    """A job of a plugin with such hooks."""

    def make(build="return None", callbacks="return []"):
        plugin_folder("far", HOOKS.format(build=build, callbacks=callbacks))
        task, plugin = discover().find_task("far_net")
        return dataclasses.replace(make_job(), plugin=plugin, task=task)

    return make


def test_a_build_hook_that_raises_is_named_with_its_place(job_of):
    with pytest.raises(LabloomError) as caught:
        ask_build(job_of(build="return 1 / 0"))
    text = str(caught.value)
    assert "the build hook of plugin 'far' (labloom-far 1.2 in" in text
    assert "got:      ZeroDivisionError: division by zero (" in text
    assert "labloom_far/plugin.py:10" in text
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_a_package_that_a_hook_misses_comes_with_the_pip_command(job_of):
    with pytest.raises(LabloomError) as caught:
        ask_build(job_of(build="import a_missing_package"))
    assert "pip install a_missing_package" in caught.value.fix


@pytest.mark.parametrize("callbacks", ["raise RuntimeError('no')", "yield 1 / 0"])
def test_extra_callbacks_that_raise_are_named_also_when_they_are_generated(job_of, callbacks):
    with pytest.raises(LabloomError, match="the extra_callbacks hook of plugin 'far'") as caught:
        plugin_callbacks(job_of(callbacks=callbacks))
    assert "labloom_far/plugin.py:14" in caught.value.got


@pytest.mark.parametrize("answer", ["3", "[3]", "['a callback']"])
def test_extra_callbacks_that_are_none_are_refused(job_of, answer):
    with pytest.raises(PluginError) as caught:
        plugin_callbacks(job_of(callbacks=f"return {answer}"))
    assert "the extra_callbacks hook of plugin 'far' returned no callbacks" in str(caught.value)
    assert "expected: a list of pytorch_lightning.Callback" in str(caught.value)


def test_our_own_errors_pass_as_they_are(job_of):
    source = "from labloom.errors import ConfigError; raise ConfigError('width must be even')"
    with pytest.raises(ConfigError, match="width must be even"):
        ask_build(job_of(build=source))


def test_a_job_without_plugin_asks_nobody(make_job):
    assert ask_build(make_job()) is None
    assert plugin_callbacks(make_job()) == []
