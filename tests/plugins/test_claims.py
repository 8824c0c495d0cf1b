"""Two of something: plugins that claim one name, and one plugin in two folders."""

from __future__ import annotations

import json
import shutil

import pytest


def test_two_plugins_with_one_option_are_both_named(light_labloom, plugin_folder, good_plugin):
    option = {"conf/model/foo_bar_net.yaml": "width: 3\n"}
    for plugin_id in ("foo", "foo_bar"):
        source = good_plugin.format(id=plugin_id)
        folder = plugin_folder(plugin_id, source, name=f"labloom-{plugin_id}", files=option)
    done = light_labloom("doctor", "foo_bar", LABLOOM_PLUGINS=folder.parent)
    assert done.returncode == 1
    said = " ".join(done.stdout.split())
    assert "option model=foo_bar_net of plugin 'foo_bar' (labloom-foo-bar 1.2 in" in said
    assert "is also one of plugin 'foo' (labloom-foo 1.2 in" in said
    assert "meanwhile LABLOOM_DISABLE=foo" in said
    assert "foo_task" in light_labloom("list", LABLOOM_PLUGINS=folder.parent).stdout
    asked = light_labloom("run", "task=foo_bar_task", LABLOOM_PLUGINS=folder.parent)
    assert "belongs to plugin 'foo_bar'" in asked.stderr


@pytest.mark.parametrize("option", ["callbacks/early_stopping", "experiment/vision_digits"])
def test_an_option_of_the_core_is_not_taken(light_labloom, plugin_folder, good_plugin, option):
    # a folder of the distribution labloom-vision comes before the checkout's own
    plugin_id = option.rpartition("/")[2].partition("_")[0]
    source = good_plugin.format(id=plugin_id)
    folder = plugin_folder(
        plugin_id, source, name=f"labloom-{plugin_id}", files={f"conf/{option}.yaml": "a: 1\n"}
    )
    done = light_labloom("doctor", plugin_id, LABLOOM_PLUGINS=folder)
    assert done.returncode == 1
    said = " ".join(done.stdout.split())
    assert f"option {option.replace('/', '=')} of plugin '{plugin_id}'" in said
    assert "is also one of labloom itself" in said
    assert f"rename {folder}" in said


def test_two_plugins_with_one_task_are_both_named(light_labloom, plugin_folder, good_plugin):
    for plugin_id in ("foo", "foo_bar"):
        source = good_plugin.format(id="foo_bar")
        folder = plugin_folder(plugin_id, source, name=f"labloom-{plugin_id}")
    done = light_labloom("doctor", "foo_bar", LABLOOM_PLUGINS=folder.parent)
    assert done.returncode == 1
    said = " ".join(done.stdout.split())
    assert "task 'foo_bar_task' of plugin 'foo_bar' (labloom-foo-bar 1.2 in" in said
    assert "is also one of plugin 'foo' (labloom-foo 1.2 in" in said
    assert "rename it in one of them; meanwhile LABLOOM_DISABLE=foo" in said


def test_two_plugins_with_one_package_are_told_apart(
    light_labloom, plugin_folder, good_plugin, tmp_path
):
    first = plugin_folder("one", good_plugin.format(id="one"), name="labloom-same")
    second = tmp_path / "copy"
    first.rename(second)
    (second / "pyproject.toml").write_text(
        (second / "pyproject.toml").read_text().replace("labloom-same", "labloom-copy")
    )
    plugin_folder("two", good_plugin.format(id="two"), name="labloom-same")
    done = light_labloom("doctor", "two", LABLOOM_PLUGINS=f"{second}:{first}")
    assert done.returncode == 1
    said = " ".join(done.stdout.split())
    assert f"package 'labloom_same' of {first} is hidden by {second}" in said
    assert "rename the folder labloom_same" in said


def test_a_second_folder_of_one_plugin_is_told_to_be_hidden(
    light_labloom, plugin_folder, good_plugin, tmp_path
):
    first = plugin_folder("far", good_plugin.format(id="far"))
    second = tmp_path / "copy"
    shutil.copytree(first, second)
    both = f"{first}:{second}"
    warning = f"plugin 'far' in {second} is hidden by the one in {first}"
    listed = light_labloom("list", "--json", LABLOOM_PLUGINS=both)
    assert any(warning in text for text in json.loads(listed.stdout)["warnings"])
    assert warning in " ".join(light_labloom("doctor", "far", LABLOOM_PLUGINS=both).stdout.split())
    alone = light_labloom("list", "--json", LABLOOM_PLUGINS=first)
    assert not any("hidden" in text for text in json.loads(alone.stdout)["warnings"])
