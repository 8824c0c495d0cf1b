"""Ways to break a plugin: every command stays alive and says which plugin, where, and what to do.

Each is tried through the real command line: ``list``, ``doctor``, a run of the broken plugin's
task, and a run of another plugin's task, which still composes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import pytest

GOOD = """
from labloom import Task, hookimpl

@hookimpl
def register_tasks():
    return [Task(name="bad_task", summary="a task", monitor="val/loss", mode="min")]
"""
PLUGIN_FILE = "src/labloom_bad/plugin.py"


@dataclass
class Breakage:
    """A broken plugin and what has to be said about it.

    Args:
        source: its plugin.py.
        says: what list, doctor and run say of the cause.
        fix: what they say is to be done.
        place: file and line that they name; None where there is none.
        files: further files of its package; None leaves one out.
        project: what is replaced in its pyproject.toml.
    """

    source: str = GOOD
    says: tuple[str, ...] = ()
    fix: str = ""
    place: str | None = None
    files: dict[str, str | None] = field(default_factory=dict)
    project: tuple[str, str] = ("", "")


BREAKAGES = {
    "an error on import": Breakage(
        source="import os\n\nraise OSError('no driver')\n",
        says=("OSError: no driver",),
        place=f"{PLUGIN_FILE}:3",
        fix="mend ",
    ),
    "an error in a module that plugin.py imports": Breakage(
        source="from labloom_bad import helper\n" + GOOD,
        files={"helper.py": "x = 1\ny = x / 0\n"},
        says=("ZeroDivisionError",),
        place="src/labloom_bad/helper.py:2",
        fix="mend ",
    ),
    "a syntax error": Breakage(
        source="import os\ndef register_tasks(:\n",
        says=("SyntaxError",),
        place=f"{PLUGIN_FILE}:2",
        fix="mend ",
    ),
    "a package that is missing and declared": Breakage(
        source="import a_missing_package\n",
        says=("No module named 'a_missing_package'",),
        place=f"{PLUGIN_FILE}:1",
        fix="pip install -e ",
        project=('version = "1.2"', 'version = "1.2"\ndependencies = ["A-missing_package>=2"]'),
    ),
    "a package that is missing and not declared": Breakage(
        source="import a_missing_package\n",
        says=("No module named 'a_missing_package'",),
        place=f"{PLUGIN_FILE}:1",
        fix="pip install a_missing_package, and its author adds 'a_missing_package'",
    ),
    "a module of its own that is missing": Breakage(
        source="import labloom_bad.netz\n",
        files={"nets.py": ""},
        says=("No module named 'labloom_bad.netz'",),
        place=f"{PLUGIN_FILE}:1",
        fix="did you mean labloom_bad.nets? mend ",
    ),
    "a misspelt hook": Breakage(
        source=GOOD.replace("register_tasks", "register_task"),
        says=("unknown hook 'register_task'", "did you mean 'register_tasks'?"),
        fix="rename it in ",
    ),
    "an entry point to no module": Breakage(
        says=('the entry point says bad = "labloom_bad.plugn"', "no module labloom_bad.plugn"),
        fix='write bad = "labloom_bad.plugin" in ',
        project=("labloom_bad.plugin", "labloom_bad.plugn"),
    ),
    "an entry point to no package": Breakage(
        says=("there is no module labloom_bda.plugin",),
        fix='write bad = "labloom_bad.plugin" in ',
        project=("labloom_bad.plugin", "labloom_bda.plugin"),
    ),
    "an entry point to an attribute": Breakage(
        says=('the entry point says bad = "labloom_bad.plugin:plugin"', "a whole module"),
        fix='write bad = "labloom_bad.plugin" in ',
        project=("labloom_bad.plugin", "labloom_bad.plugin:plugin"),
    ),
    "a hook that raises": Breakage(
        source=GOOD.replace("return [", "raise KeyError('speech')\n    return ["),
        says=("at register_tasks", "KeyError: 'speech'"),
        place=f"{PLUGIN_FILE}:6",
        fix="mend ",
    ),
    "a hook that returns nothing": Breakage(
        source=GOOD.replace("return [", "_ = ["),
        says=("register_tasks returned None",),
        fix="return a list of labloom.Task in ",
    ),
    "a hook that returns a task alone": Breakage(
        source=GOOD.replace("return [", "return (").replace('"min")]', '"min"))'),
        says=("register_tasks returned Task(name='bad_task'",),
        fix="return a list of labloom.Task in ",
    ),
    "a task that requires a text": Breakage(
        source=GOOD.replace('mode="min"', 'mode="min", requires="torch"'),
        says=("requires a text: write requires=('torch',)",),
        fix="mend register_tasks in ",
    ),
    "a task without its option file": Breakage(
        files={"conf/task/bad_task.yaml": None},
        says=("task 'bad_task' has no option file conf/task/bad_task.yaml",),
        fix="by package-data (conf/**/*.yaml)",
    ),
    "a task whose option file is misnamed": Breakage(
        files={
            "conf/task/bad_task.yaml": None,
            "conf/task/bad_taks.yaml": "# @package _global_\n",
        },
        says=("has no option file conf/task/bad_task.yaml",),
        fix="rename conf/task/bad_taks.yaml, or the task",
    ),
    "a task whose name is not that of another task's option file": Breakage(
        source=GOOD.replace(
            "return [", "return [Task(name='bad_tasks', summary='', monitor=None, mode='min'), "
        ),
        files={
            "conf/task/bad_task.yaml": None,
            "conf/task/bad_tasks.yaml": "# @package _global_\n",
        },
        says=("task 'bad_task' has no option file conf/task/bad_task.yaml",),
        fix="write /",
    ),
    "a hook without its mark": Breakage(
        source=GOOD.replace("@hookimpl\n", ""),
        says=("at register", "register_tasks in plugin.py:4 lacks @hookimpl"),
        fix="write @hookimpl above it, in ",
    ),
    "a hook with a wrong argument": Breakage(
        source=GOOD + "\n@hookimpl\ndef build(config, task):\n    return None\n",
        says=("hook 'build' asks for an argument 'config', which it does not get (plugin.py:8)",),
        fix="mend def build in ",
    ),
    "an option file that Hydra does not see": Breakage(
        files={"conf/model/bad_net.yml": "width: 3\n"},
        says=("option file 'model/bad_net.yml' is not found by Hydra",),
        fix="call it bad_net.yaml",
    ),
    "an option file without prefix": Breakage(
        files={"conf/model/net.yaml": "width: 3\n"},
        says=("'model/net.yaml' must be called 'model/bad_net.yaml'",),
        fix="rename ",
    ),
    "an option file in no group": Breakage(
        files={"conf/net.yaml": "width: 3\n"},
        says=("'net.yaml' must be called '<group>/bad_net.yaml'",),
        fix="into the folder of its group",
    ),
    "an exit on import": Breakage(
        source="import sys\nsys.exit(3)\n",
        says=("SystemExit: 3",),
        place=f"{PLUGIN_FILE}:2",
        fix="mend ",
    ),
    "an endless recursion": Breakage(
        source="def again():\n    again()\n\nagain()\n",
        says=("RecursionError",),
        place=f"{PLUGIN_FILE}:2",
        fix="mend ",
    ),
    "a made-for-another-labloom": Breakage(
        source="from labloom import Taskk\n",
        says=("cannot import name 'Taskk'",),
        place=f"{PLUGIN_FILE}:1",
        fix="; it is made for labloom >=9.1,<10, and this is ",
        project=('version = "1.2"', 'version = "1.2"\ndependencies = ["labloom<10,>=9.1"]'),
    ),
}


@pytest.fixture(params=BREAKAGES, ids=lambda name: name.replace(" ", "-"))
def broken(request, plugin_folder):
    """Write a broken plugin; returns what has to be said, and its folder."""
    breakage = BREAKAGES[request.param]
    folder = plugin_folder("bad", breakage.source, files=breakage.files)
    project = folder / "pyproject.toml"
    before, after = breakage.project
    if before:
        text = project.read_text()
        assert before in text
        project.write_text(text.replace(before, after))
    return breakage, folder


def test_a_broken_plugin_is_named_with_place_and_remedy(broken, light_labloom):
    breakage, folder = broken
    plugins = {"LABLOOM_PLUGINS": str(folder)}
    place = f"{folder / breakage.place}" if breakage.place else ""

    listed = light_labloom("list", **plugins)
    assert listed.returncode == 0, listed.stderr
    assert "BROKEN  bad (labloom-bad 1.2 in " in listed.stdout
    examined = light_labloom("doctor", "bad", **plugins)
    assert examined.returncode == 1, examined.stderr
    assert "BROKEN  bad" in examined.stdout
    asked = light_labloom("run", "task=bad_task", **plugins)
    assert asked.returncode == 2
    assert "belongs to plugin 'bad' (labloom-bad 1.2" in asked.stderr
    assert "Traceback" not in asked.stderr
    outputs = {
        "list": listed.stdout,
        "doctor": examined.stdout.replace("'", ""),
        "run": asked.stderr,
    }
    for verb, text in outputs.items():
        one_line = " ".join(text.replace("'", "").split())
        for said in (*breakage.says, breakage.fix, place):
            assert " ".join(said.replace("'", "").split()) in one_line, (verb, text)


def test_another_plugins_task_still_composes(broken, light_labloom):
    done = light_labloom("run", "task=vision_classify", "--cfg", "job", LABLOOM_PLUGINS=broken[1])
    assert done.returncode == 0, done.stderr
    assert "_target_: labloom_vision.classify.ImageClassifier" in done.stdout


def test_an_endless_recursion_is_shown_in_short(light_labloom, plugin_folder):
    folder = plugin_folder("bad", BREAKAGES["an endless recursion"].source)
    text = light_labloom("doctor", "bad", LABLOOM_PLUGINS=folder).stdout
    assert "RecursionError: maximum recursion depth exceeded" in text
    assert len(text.splitlines()) < 80


@pytest.fixture
def installed_wheel(tmp_path):
    """A distribution as a wheel leaves it, in a folder on Python's path; without its YAML."""
    site = tmp_path / "site-packages"
    package = site / "labloom_bad"
    (package / "conf").mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "conf" / "__init__.py").write_text("")
    (package / "plugin.py").write_text(GOOD)
    info = site / "labloom_bad-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: labloom-bad\nVersion: 1.2\n"
        "Requires-Dist: labloom<0.2,>=0.1\nRequires-Dist: labloom>9; extra == 'new'\n"
    )
    (info / "entry_points.txt").write_text("[labloom.plugins]\nbad = labloom_bad.plugin\n")
    return site


def test_a_wheel_without_its_yaml_names_the_lines_that_keep_it(light_labloom, installed_wheel):
    done = light_labloom("doctor", "bad", PYTHONPATH=installed_wheel)
    assert done.returncode == 1
    said = " ".join(done.stdout.split())
    assert "task 'bad_task' has no option file conf/task/bad_task.yaml" in said
    assert "the wheel of labloom-bad lacks it" in said
    assert '[tool.setuptools.package-data] labloom_bad = ["conf/**/*.yaml"]' in said
    asked = light_labloom("run", "task=bad_task", PYTHONPATH=installed_wheel)
    assert asked.returncode == 2
    assert "package-data" in asked.stderr


def test_an_installed_entry_point_to_no_package_names_the_right_one(light_labloom, installed_wheel):
    info = installed_wheel / "labloom_bad-1.2.dist-info"
    (info / "entry_points.txt").write_text("[labloom.plugins]\nbad = labloom_bda.plugin\n")
    (info / "RECORD").write_text("labloom_bad/__init__.py,,\nlabloom_bad/plugin.py,,\n")
    done = light_labloom("doctor", "bad", PYTHONPATH=installed_wheel)
    said = " ".join(done.stdout.split())
    assert 'write bad = "labloom_bad.plugin" in pyproject.toml of labloom-bad' in said
    assert "install it again" in said


def test_what_a_plugin_prints_does_not_spoil_json(light_labloom, plugin_folder):
    folder = plugin_folder("bad", "print('hello from bad')\n" + GOOD)
    done = light_labloom("list", "--json", LABLOOM_PLUGINS=folder)
    listed = json.loads(done.stdout)
    assert "hello from bad" in done.stderr
    assert any("prints while it is loaded: 'hello from bad'" in w for w in listed["warnings"])
    assert "take the print out" in light_labloom("doctor", "bad", LABLOOM_PLUGINS=folder).stdout


def test_what_a_plugin_logs_later_does_not_spoil_json_either(light_labloom, plugin_folder):
    source = """
import logging, sys
handler = logging.StreamHandler(sys.stdout)
logging.getLogger("bad").addHandler(handler)
import atexit
atexit.register(lambda: logging.getLogger("bad").warning("a late word"))
"""
    folder = plugin_folder("bad", source + GOOD)
    done = light_labloom("list", "--json", LABLOOM_PLUGINS=folder)
    assert "bad_task" in [task["name"] for task in json.loads(done.stdout)["tasks"]]
    assert "a late word" in done.stderr


def test_a_package_that_no_dependency_brings_is_not_promised(light_labloom, plugin_folder):
    source = GOOD.replace('mode="min"', 'mode="min", requires=("sklearnn",)')
    folder = plugin_folder("bad", source)
    done = light_labloom("run", "task=bad_task", LABLOOM_PLUGINS=folder)
    said = " ".join(done.stderr.split())
    assert "brings what the plugin needs" not in said
    assert f"no dependency in {folder}/pyproject.toml is called sklearnn" in said
    project = folder / "pyproject.toml"
    text = project.read_text().replace("[project]", "[project]\ndependencies = ['sklearnn']")
    project.write_text(text)
    done = light_labloom("run", "task=bad_task", LABLOOM_PLUGINS=folder)
    assert "brings what the plugin needs" in done.stderr
