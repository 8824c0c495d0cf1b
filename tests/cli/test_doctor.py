"""``labloom doctor``: what it shows of a place in order, and of each thing that is not."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest


def said(done):
    """What was printed, without line breaks."""
    return " ".join(done.stdout.split())


@pytest.fixture(scope="module")
def everything(tmp_path_factory):
    """One look at everything, in an empty folder, as a person sees it in 80 columns."""
    folder = tmp_path_factory.mktemp("empty")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("LABLOOM_", "MLFLOW_"))}
    done = subprocess.run(
        [sys.executable, "-m", "labloom", "doctor"],
        cwd=folder,
        env={**kept, "COLUMNS": "80"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    return done, folder


def test_a_place_in_order_is_told_so(everything):
    done, _ = everything
    assert done.returncode == 0, done.stderr
    titles = [line for line in done.stdout.splitlines() if line and not line.startswith(" ")]
    assert titles[:7] == [
        "Machine",
        "Packages",
        "Variables",
        "Plugins",
        "Disk",
        "Store",
        "Accelerators",
    ]
    assert titles[7] in ("everything is in order", "1 warning")
    for part in ("labloom 0.1.0 in", "pytorch-lightning", "asks for labloom >=0.1,<0.2"):
        assert part in said(done)


def test_it_fits_into_80_columns(everything):
    long = [line for line in everything[0].stdout.splitlines() if len(line) > 80]
    assert [line for line in long if "/" not in line] == []  # only paths are not cut


def test_it_makes_nothing(everything):
    done, folder = everything
    assert "not there yet: the first run makes it" in said(done)
    assert list(folder.iterdir()) == []


def test_one_object_for_programs(labloom):
    done = labloom("doctor", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["machine"]["cores"] >= 1
    assert found["packages"]["torch"]
    assert "vision" in [plugin["plugin"] for plugin in found["plugins"]]
    assert found["store"]["runs"] == 0
    assert found["problems"] == []
    assert set(found["disk"]) == {"outputs", "data", "artifacts"}


def test_a_plugin_in_depth(light_labloom):
    done = light_labloom("doctor", "vision")
    assert done.returncode == 0
    for part in (
        "register_tasks /",
        "labloom_vision/plugin.py:",
        "model vision_cnn, vision_mlp",
        "vision_classify max val/acc; composes",
        "everything is in order",
        "labloom check vision (trains it)",
    ):
        assert part in said(done)


def test_a_plugin_in_depth_for_programs(light_labloom):
    found = json.loads(light_labloom("doctor", "vision", "--json").stdout)
    assert found["hooks"] == ["register_tasks", "extra_callbacks"]
    assert found["tasks"] == {"task=vision_classify": "composes"}
    assert found["options"]["task"] == ["vision_classify"]


def test_a_switched_off_plugin_is_called_so(light_labloom):
    done = light_labloom("doctor", "vision", LABLOOM_DISABLE="vision")
    assert done.returncode == 0
    assert "switched off by LABLOOM_DISABLE" in done.stdout


def test_an_unknown_plugin_brings_the_nearest(light_labloom):
    done = light_labloom("doctor", "visoin")
    assert done.returncode == 2
    assert "there is no plugin 'visoin'" in done.stderr
    assert "did you mean 'vision'?" in done.stderr


def test_an_unknown_plugin_like_no_other_says_how_to_name_a_folder(light_labloom):
    done = light_labloom("doctor", "weather")
    assert done.returncode == 2
    assert "fix:      name its folder: LABLOOM_PLUGINS=FOLDER" in done.stderr


MODULE = "module: {_target_: labloom_far.nets.Net}\ndata: {_target_: labloom_far.nets.Data}\n"


@pytest.fixture
def far(plugin_folder, good_plugin):
    """Write a plugin 'far' with some option files, and something else in its project."""

    def write(files=None, project="", source=None):
        source = source or good_plugin.format(id="far")
        folder = plugin_folder("far", source, files=files)
        file = folder / "pyproject.toml"
        file.write_text(file.read_text().replace('version = "1.2"', f'version = "1.2"\n{project}'))
        return folder

    return write


def test_a_task_that_does_not_compose_is_a_problem(light_labloom, far):
    text = "# @package _global_\ndefaults: [{/model: far_nett}]\n"
    folder = far({"conf/task/far_task.yaml": text, "conf/model/far_net.yaml": "a: 1"})
    done = light_labloom("doctor", "far", LABLOOM_PLUGINS=folder)
    assert done.returncode == 1
    assert "1 problem" in done.stdout
    assert "task=far_task does not compose: '/model: far_nett' in" in said(done)
    assert "did you mean 'far_net'?" in said(done)


def test_an_experiment_of_a_plugin_is_composed_too(light_labloom, far):
    task = f"# @package _global_\n{MODULE}"
    study = "# @package _global_\ndefaults: [{override /task: far_task}]\nsedd: 1\n"
    folder = far({"conf/task/far_task.yaml": task, "conf/experiment/far_study.yaml": study})
    done = light_labloom("doctor", "far", "--json", LABLOOM_PLUGINS=folder)
    assert json.loads(done.stdout)["tasks"]["task=far_task"] == "composes"
    assert "experiment=far_study" in json.loads(done.stdout)["tasks"]


def test_a_value_that_is_left_open_is_no_problem(light_labloom, far):
    task = "# @package _global_\n" + MODULE.replace("Net}", "Net, width: '???'}")
    files = {"nets.py": NET, "conf/task/far_task.yaml": task}
    done = light_labloom("doctor", "far", LABLOOM_PLUGINS=far(files))
    assert done.returncode == 0, done.stdout
    assert "composes, once there is module.width=..." in said(done)


def test_a_file_whose_header_is_missing_is_a_problem(light_labloom, far):
    folder = far({"conf/task/far_task.yaml": MODULE})
    done = light_labloom("doctor", "far", LABLOOM_PLUGINS=folder)
    assert done.returncode == 1
    assert "sets keys under 'task' instead of at the top" in said(done)


def test_a_plugin_for_another_labloom_is_a_problem(light_labloom, far):
    task = {"conf/task/far_task.yaml": f"# @package _global_\n{MODULE}"}
    folder = far(task, project='dependencies = ["labloom>=9"]')
    done = light_labloom("doctor", "far", LABLOOM_PLUGINS=folder)
    assert done.returncode == 1
    assert "plugin 'far' 1.2 asks for labloom >=9, and this is 0.1.0" in said(done)
    assert f"widen the range in {folder}/pyproject.toml" in said(done)
    assert "far_task" in light_labloom("list", LABLOOM_PLUGINS=folder).stdout  # it is there


def test_a_requirement_that_cannot_be_read_is_a_problem(light_labloom, far):
    done = light_labloom(
        "doctor", "far", LABLOOM_PLUGINS=far(project='dependencies = ["labloom>>1"]')
    )
    assert done.returncode == 1
    assert "asks for 'labloom>>1', which pip cannot read" in said(done)


def test_a_missing_package_is_a_warning_with_the_pip_command(light_labloom, far, good_plugin):
    source = good_plugin.format(id="far").replace(
        'mode="min"', 'mode="min", requires=("a_missing_package",)'
    )
    folder = far(source=source)
    done = light_labloom("doctor", "far", LABLOOM_PLUGINS=folder)
    assert done.returncode == 0
    assert "not composed: needs a_missing_package" in said(done)
    assert "task 'far_task' needs a_missing_package, which is not installed" in said(done)
    assert f"pip install -e {folder}" in said(done)


def test_a_broken_plugin_among_others_is_a_problem_of_the_whole(labloom, plugin_folder):
    folder = plugin_folder("bad", "import a_missing_package\n")
    done = labloom("doctor", LABLOOM_PLUGINS=folder)
    assert done.returncode == 1
    assert "Traceback" in done.stdout
    assert "importlib" not in done.stdout  # how Python came there is no matter
    assert "plugin 'bad' failed at 'import': ModuleNotFoundError" in said(done)
    found = json.loads(labloom("doctor", "--json", LABLOOM_PLUGINS=folder).stdout)
    assert found["problems"][0]["fix"].startswith("pip install a_missing_package")
    assert found["plugins"][-1]["place"].endswith("plugin.py:1")


NET = (
    "class Net:\n    def __init__(self, width=3): ...\n\nclass Data:\n    def __init__(self): ...\n"
)
NODES = "# @package _global_\n" + MODULE


def test_each_model_and_data_option_is_composed_with_the_first_task(light_labloom, far):
    circle = {
        "conf/model/far_good.yaml": "_target_: labloom_far.nets.Net\n",
        "conf/model/far_one.yaml": "defaults: [far_two, _self_]\n",
        "conf/model/far_two.yaml": "defaults: [far_one, _self_]\n",
    }
    task = {"conf/task/far_task.yaml": "# @package _global_\ndefaults: [{/model: far_good}]\n"}
    task["conf/task/far_task.yaml"] += MODULE
    folder = far({"nets.py": NET, **circle, **task})
    done = light_labloom("doctor", "far", LABLOOM_PLUGINS=folder)
    assert done.returncode == 1, done.stdout
    assert "model=far_good composes" in said(done)
    assert "task=far_task model=far_one does not compose: option files stand on" in said(done)


def test_keys_of_a_model_in_a_task_file_are_a_problem(light_labloom, far):
    task = NODES.replace("_global_\n", "_global_\ndefaults: [{/model: far_net}]\n")
    files = {"nets.py": NET, "conf/model/far_net.yaml": "_target_: labloom_far.nets.Net\n"}
    folder = far({**files, "conf/task/far_task.yaml": task + "model: {width: 3}\n"})
    done = light_labloom("doctor", "far", LABLOOM_PLUGINS=folder)
    assert done.returncode == 1
    file = f"{folder}/src/labloom_far/conf/task/far_task.yaml"
    assert f"{file} sets keys under 'model', which go to every other model too" in said(done)
    assert "move them to a file of its own in conf/model, and choose it by" in said(done)
    assert "which go to every other data too" in said(done)  # a warning: there is no other
    assert "1 problem" in done.stdout


@pytest.mark.parametrize(
    ("model", "says", "fix"),
    [
        (
            "_target_: labloom_far.nets.Nett\n",
            "names labloom_far.nets.Nett, which is not",
            "mend _t",
        ),
        ("_target_: labloom_far.netz.Net\n", "names labloom_far.netz.Net, which is not", "mend _t"),
        (
            "_target_: labloom_far.nets.Net\nwidht: 3\n",
            "sets 'widht', and labloom_far.nets.Net takes width",
            "did you mean 'width'?",
        ),
        ("_target_: labloom_far.nets.Net\nzz: 3\n", "sets 'zz', and", "take it out of /"),
    ],
)
def test_a_model_that_does_not_fit_its_class_is_a_problem(light_labloom, far, model, says, fix):
    files = {"nets.py": NET, "conf/task/far_task.yaml": NODES, "conf/model/far_net.yaml": model}
    done = light_labloom("doctor", "far", LABLOOM_PLUGINS=far(files))
    assert done.returncode == 1, done.stdout
    assert f"conf/model/far_net.yaml {says}" in said(done)
    assert f"fix: {fix}" in said(done)


@pytest.mark.parametrize("target", ["again.Net", "stars.Net", "nets.Outer.Inner", "computed.Net"])
def test_a_class_that_only_an_import_could_tell_is_no_problem(light_labloom, far, target):
    files = {
        "nets.py": NET + "\nclass Outer:\n    class Inner: ...\n",
        "again.py": "from labloom_far.nets import Net\n",
        "stars.py": "from labloom_far.nets import *\n",
        "computed.py": "Net = type('Net', (), {})\n",
        "conf/task/far_task.yaml": NODES,
        "conf/model/far_net.yaml": f"_target_: labloom_far.{target}\nwidth: 3\n",
    }
    done = light_labloom("doctor", "far", LABLOOM_PLUGINS=far(files))
    assert done.returncode == 0, done.stdout
