import pytest

from labloom.errors import ConfigError, PluginError
from labloom.plugins import discover


def test_a_folder_is_a_plugin_before_it_is_installed(plugin_folder, good_plugin):
    plugin_folder("good", good_plugin.format(id="good"))
    task, plugin = discover().find_task("good_task")
    assert (task.monitor, plugin.package, plugin.version) == ("val/loss", "labloom_good", "1.2")


def test_a_folder_of_its_own_may_be_named(plugin_folder, good_plugin, monkeypatch):
    folder = plugin_folder("good", good_plugin.format(id="good"))
    monkeypatch.setenv("LABLOOM_PLUGINS", str(folder))
    assert "good_task" in discover().tasks


def test_a_plugin_that_raises_on_import_does_not_stop_the_others(plugin_folder, good_plugin):
    plugin_folder("good", good_plugin.format(id="good"))
    plugin_folder("bad", "raise OSError('no driver')")
    registry = discover()
    assert "good_task" in registry.tasks
    assert registry.failures["bad"].stage == "import"
    assert registry.failures["bad"].cause == "OSError: no driver"


def test_a_plugin_that_exits_on_import_is_a_failure_too(plugin_folder):
    plugin_folder("bad", "raise SystemExit(3)")
    assert discover().failures["bad"].cause == "SystemExit: 3"


def test_asking_for_a_task_of_a_broken_plugin_names_plugin_version_and_cause(plugin_folder):
    plugin_folder("bad", "import a_package_that_is_not_there")
    with pytest.raises(PluginError) as caught:
        discover().find_task("bad_task")
    text = str(caught.value)
    assert "plugin 'bad' (labloom-bad 1.2" in text
    assert "No module named 'a_package_that_is_not_there'" in text
    assert "labloom doctor bad" in text


def test_a_misspelt_hook_is_reported_with_the_nearest_name(plugin_folder, good_plugin):
    plugin_folder("bad", good_plugin.format(id="bad").replace("register_tasks", "register_task"))
    failure = discover().failures["bad"]
    assert failure.stage == "register"
    assert "unknown hook 'register_task'" in failure.cause
    assert "did you mean 'register_tasks'?" in failure.cause


def test_a_hook_with_an_unknown_argument_is_refused(plugin_folder):
    plugin_folder(
        "bad",
        """
        from labloom import hookimpl

        @hookimpl
        def build(config):
            return None
        """,
    )
    assert discover().failures["bad"].stage == "register"


def test_a_task_without_the_plugins_prefix_is_refused(plugin_folder, good_plugin):
    plugin_folder("bad", good_plugin.format(id="other"))
    assert "task 'other_task' must be called 'bad_other_task'" in discover().failures["bad"].cause


def test_something_else_than_a_task_is_refused(plugin_folder, good_plugin):
    source = good_plugin.format(id="bad").replace("[Task(", "[dict(")
    plugin_folder("bad", source)
    assert "labloom.Task was expected" in discover().failures["bad"].cause


def test_an_option_file_without_the_plugins_prefix_is_refused(plugin_folder, good_plugin):
    plugin_folder("bad", good_plugin.format(id="bad"), files={"conf/model/mlp.yaml": "a: 1"})
    failure = discover().failures["bad"]
    assert failure.stage == "options"
    assert "must be called 'model/bad_mlp.yaml'" in failure.cause


def test_a_config_folder_without_init_is_refused(plugin_folder, good_plugin):
    folder = plugin_folder(
        "bad", good_plugin.format(id="bad"), files={"conf/model/bad_mlp.yaml": "a: 1"}
    )
    (folder / "src/labloom_bad/conf/__init__.py").unlink()
    assert "needs an __init__.py" in discover().failures["bad"].cause


def test_two_distributions_with_one_id_refuse_each_other_by_name(plugin_folder, good_plugin):
    plugin_folder("twin", good_plugin.format(id="twin"), name="labloom-first")
    plugin_folder("twin", good_plugin.format(id="twin"), name="labloom-second")
    registry = discover()
    assert "twin" not in registry.plugins
    assert "labloom-first 1.2" in registry.failures["twin"].cause
    assert "labloom-second 1.2" in registry.failures["twin"].cause


def test_a_folder_that_is_no_project_is_reported(tmp_path, plugin_folder, monkeypatch):
    monkeypatch.setenv("LABLOOM_PLUGINS", str(tmp_path / "nothing_here"))
    failure = discover().failures["nothing_here"]
    assert failure.stage == "discover"
    assert "LABLOOM_PLUGINS" in failure.fix


def test_a_switched_off_plugin_is_not_even_imported(plugin_folder, tmp_path, monkeypatch):
    trace = tmp_path / "imported"
    plugin_folder("off", f"open({str(trace)!r}, 'w')")
    monkeypatch.setenv("LABLOOM_DISABLE", "off")
    with pytest.raises(PluginError, match="LABLOOM_DISABLE"):
        discover().find_task("off_task")
    assert not trace.exists()


def test_a_missing_package_is_told_with_the_pip_command(plugin_folder, good_plugin):
    source = good_plugin.format(id="good").replace(
        'mode="min"', 'mode="min", requires=("a_package_that_is_not_there",)'
    )
    folder = plugin_folder("good", source)
    with pytest.raises(PluginError) as caught:
        discover().find_task("good_task")
    assert "needs a_package_that_is_not_there" in str(caught.value)
    assert f"pip install -e {folder}" in str(caught.value)


def test_an_unknown_task_brings_the_nearest_and_the_list(plugin_folder, good_plugin):
    plugin_folder("good", good_plugin.format(id="good"))
    with pytest.raises(ConfigError) as caught:
        discover().find_task("good_tsk")
    assert "did you mean task=good_task?" in str(caught.value)
    assert "custom" in str(caught.value)


def test_hooks_of_asks_only_the_owner(plugin_folder, good_plugin):
    build = "\n@hookimpl\ndef build(cfg, task):\n    return {!r}\n"
    for name in ("one", "two"):
        plugin_folder(name, good_plugin.format(id=name) + build.format(name))
    registry = discover()
    _, plugin = registry.find_task("two_task")
    task = plugin.tasks[0]
    assert registry.hooks_of(plugin).build(cfg=None, task=task) == "two"
    assert registry.hooks_of(None).build(cfg=None, task=task) is None
