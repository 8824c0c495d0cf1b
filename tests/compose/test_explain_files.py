"""Mistakes in experiments and option files: the message names the file, and what to write there."""

from __future__ import annotations

import pytest

from labloom.compose.composing import hydra_ready
from labloom.compose.option_files import (
    check_option_file,
    find_option_file,
    read_option_file,
)
from labloom.errors import ConfigError

TASK = "override /task: vision_classify"
MODEL = "override /model: vision_cnn"

# Text of an experiment called `mine` below its header, and what is said about it; FILE is its path.
EXPERIMENTS = {
    "no override": (
        "defaults: [{/task: vision_classify}]",
        ["'/task: vision_classify' in FILE chooses task a second time"],
        f"write '{TASK}'",
    ),
    "no override of what the task has chosen": (
        f"defaults: [{{/model: vision_cnn}}, {{{TASK}}}]",
        ["'/model: vision_cnn' in FILE chooses model a second time", "expected: override"],
        f"write '{MODEL}'",
    ),
    "no slash": (
        "defaults: [{override task: vision_classify}]",
        ["'override task: vision_classify' in the defaults list of FILE names no config group"],
        f"write '{TASK}'",
    ),
    "a group that is not there": (
        f"defaults: [{{{TASK}}}, {{override /modle: vision_cnn}}]",
        ["'override /modle: vision_cnn'", "FILE names no config group", "one of /callbacks, /data"],
        "did you mean /model?",
    ),
    "an option that is not there": (
        f"defaults: [{{{TASK}}}, {{override /model: vision_cn}}]",
        ["'override /model: vision_cn' in FILE names no option of model", "vision_cnn, vision_mlp"],
        "did you mean 'vision_cnn'?",
    ),
    "a task that is not there": (
        "defaults: [{override /task: vision_clasify}]",
        ["FILE chooses task 'vision_clasify', which plugin 'vision' does not have"],
        "did you mean 'vision_classify'?",
    ),
    "an option with no near name": (
        f"defaults: [{{{TASK}}}, {{override /optimizer: zzz}}]",
        ["'override /optimizer: zzz' in FILE names no option of optimizer"],
        "write an option file optimizer/zzz.yaml",
    ),
    "an entry behind an override": (
        f"defaults: [{{{TASK}}}, {{/model@teacher: vision_mlp}}]",
        ["in FILE, '/model@teacher: vision_mlp' stands behind 'override /task"],
        "move '/model@teacher: vision_mlp' up",
    ),
    "a forgotten colon": (
        "defaults: [override /task vision_classify]",
        ["'override /task vision_classify' in the defaults list of FILE lacks a colon"],
        f"write - {TASK}",
    ),
    "two pairs in one entry": (
        f"defaults: [{{{TASK}, {MODEL}}}]",
        ["an entry in the defaults list of FILE is no pair of group and option"],
        "give each pair a line of its own in FILE",
    ),
    "a mapping of defaults": (
        f"defaults: {{{TASK}}}",
        ["'defaults' in FILE is no list", "got: a dict"],
        "begin each line under defaults with a dash, in FILE",
    ),
    "no task": (
        "seed: 3",
        ["no task was chosen: experiment 'mine' names none", "'override /task: NAME'"],
        "labloom run experiment=mine task=...",
    ),
    "a list": (
        "- a\n- b",
        ["FILE holds no keys", "got: a list"],
        "write keys and values into FILE",
    ),
    "broken YAML": (
        f"defaults: [{{{TASK}}}]\nmodel: {{width: 3\nseed: 1",
        ["FILE:4 cannot be read as YAML", "expected ',' or '}'"],
        "mend that line",
    ),
    "a tab": (
        f"defaults: [{{{TASK}}}]\ntrainer:\n\tmax_epochs: 3",
        ["FILE:4 cannot be read as YAML", "(YAML takes spaces only)"],
        "mend that line",
    ),
    "a key twice": (
        f"defaults: [{{{TASK}}}]\nseed: 1\nseed: 2",
        ["FILE:4 cannot be read as YAML", "found duplicate key seed"],
        "mend that line",
    ),
    "a broken interpolation": (
        f"defaults: [{{{TASK}}}]\nseed: ${{{{{{",
        ["the value of 'seed' in FILE cannot be read", "token recognition error"],
        "quote it if it is a text: FILE",
    ),
}


@pytest.mark.parametrize(("text", "says", "fix"), EXPERIMENTS.values(), ids=EXPERIMENTS.keys())
def test_a_mistake_in_an_experiment_names_the_file(light_labloom, tmp_path, text, says, fix):
    file = tmp_path / "experiments" / "mine.yaml"
    file.parent.mkdir()
    file.write_text(f"# @package _global_\n{text}\n")
    done = light_labloom("run", "experiment=mine")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) <= 5
    said = " ".join(done.stderr.split())
    for part in (*says, f"fix: {fix}"):
        assert part.replace("FILE", str(file)) in said


TASK_FILES = {
    "an override of what nothing has chosen": (
        "defaults: [{override /model: bad_net}]",
        ["'override /model: bad_net' in FILE overrides what nothing has chosen before"],
        "write '/model: bad_net'",
    ),
    "no override of what the core has chosen": (
        "defaults: [{/model: bad_net}, {/optimizer: sgd}]",
        ["'/optimizer: sgd' in FILE chooses optimizer a second time"],
        "write 'override /optimizer: sgd'",
    ),
    "an option that is not there": (
        "defaults: [{/model: bad_nett}]",
        ["'/model: bad_nett' in FILE names no option of model", "bad_net, robotics_bc"],
        "did you mean 'bad_net'?",
    ),
    "broken YAML": ("module: [1, 2", ["FILE:3 cannot be read as YAML"], "mend that line"),
}


@pytest.mark.parametrize(("text", "says", "fix"), TASK_FILES.values(), ids=TASK_FILES.keys())
@pytest.mark.parametrize("through", ["a task", "an experiment"])
def test_a_mistake_in_a_task_file_names_it_not_the_experiment(
    light_labloom, plugin_folder, good_plugin, tmp_path, text, says, fix, through
):
    option = "conf/task/bad_task.yaml"
    files = {option: f"# @package _global_\n{text}\n", "conf/model/bad_net.yaml": "width: 3\n"}
    folder = plugin_folder("bad", good_plugin.format(id="bad"), files=files)
    (tmp_path / "experiments").mkdir()
    (tmp_path / "experiments" / "mine.yaml").write_text(
        "# @package _global_\ndefaults: [{override /task: bad_task}]\nseed: 3\n"
    )
    chosen = "task=bad_task" if through == "a task" else "experiment=mine"
    done = light_labloom("run", chosen, LABLOOM_PLUGINS=folder)
    assert done.returncode == 2
    said = " ".join(done.stderr.split())
    for part in (*says, f"fix: {fix}"):
        assert part.replace("FILE", str(folder / "src" / "labloom_bad" / option)) in said


@pytest.mark.parametrize("group", ["model", "data"])
def test_bad_yaml_in_another_group_is_found_when_it_is_chosen(
    light_labloom, plugin_folder, good_plugin, group
):
    option = f"conf/{group}/bad_one.yaml"
    folder = plugin_folder("bad", good_plugin.format(id="bad"), files={option: "a: 1\nb: [1\n"})
    done = light_labloom("run", "task=bad_task", f"+{group}=bad_one", LABLOOM_PLUGINS=folder)
    assert done.returncode == 2
    assert f"{folder}/src/labloom_bad/{option}:3 cannot be read as YAML" in done.stderr
    examined = light_labloom("doctor", "bad", LABLOOM_PLUGINS=folder)  # without composing it
    assert examined.returncode == 1
    assert f"{folder}/src/labloom_bad/{option}:3 cannot be read" in " ".join(
        examined.stdout.split()
    )
    assert "bad_one (BROKEN)" in examined.stdout


def test_an_experiment_that_composes_is_not_blamed_for_a_wrong_key(light_labloom, tmp_path):
    done = light_labloom("run", "experiment=vision_digits", "optimizer.lrr=1")
    assert "did you mean optimizer.lr?" in done.stderr


def test_an_experiment_may_leave_the_task_to_the_command_line(light_labloom, tmp_path):
    (tmp_path / "experiments").mkdir()
    (tmp_path / "experiments" / "mine.yaml").write_text("# @package _global_\nseed: 3\n")
    done = light_labloom("run", "task=vision_classify", "experiment=mine", "--cfg", "job")
    assert done.returncode == 0, done.stderr
    assert "seed: 3" in done.stdout


def test_the_file_of_an_option_is_found_wherever_it_is(checkout):
    with hydra_ready():
        assert find_option_file("optimizer/adam") == checkout / "conf" / "optimizer" / "adam.yaml"
        assert find_option_file("model/vision_cnn").name == "vision_cnn.yaml"
        assert find_option_file("experiment/vision_digits").parent == checkout / "experiments"
        assert find_option_file("model/nothing") is None


def test_the_file_of_an_option_in_the_users_folder_is_found(tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "mine.yaml").write_text("a: 1\n")
    with hydra_ready(str(tmp_path)):
        assert find_option_file("model/mine") == tmp_path / "model" / "mine.yaml"


def test_a_file_in_another_encoding_is_named(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_bytes("a: ü\n".encode("latin-1"))
    with pytest.raises(ConfigError, match=r"mine.yaml cannot be read as YAML") as caught:
        read_option_file(file)
    assert "UTF-8" in caught.value.fix


def test_a_task_file_without_its_header_is_refused(tmp_path):
    file = tmp_path / "far_task.yaml"
    file.write_text("module: {a: 1}\n# @package _global_\n")
    with pytest.raises(ConfigError) as caught:
        check_option_file(file, "task")
    assert f"{file} sets keys under 'task' instead of at the top" in str(caught.value)
    assert "write # @package _global_ as the first line" in caught.value.fix
    check_option_file(file, "model")
    file.write_text("\n# what it is\n# @package _global_\nmodule: {a: 1}\n")
    check_option_file(file, "task")


def test_every_option_file_of_the_core_is_in_order(checkout):
    files = [*(checkout / "conf").glob("*/*.yaml"), *(checkout / "experiments").glob("*.yaml")]
    assert len(files) > 10
    for file in files:
        check_option_file(file, "experiment" if file.parent.name == "experiments" else "other")


OWN_MODELS = {
    "a circle through groups": (
        {"mine": "defaults: [{/model: two}, _self_]", "two": "defaults: [{/model: mine}, _self_]"},
        "option files stand on one another in a circle: model/mine -> model/two -> model/mine",
        "take one of them out of the defaults list of FOLDER/model/mine.yaml",
    ),
    "a circle of neighbours": (
        {"mine": "defaults: [two, _self_]", "two": "defaults: [mine, _self_]"},
        "option files stand on one another in a circle: model/mine -> model/two -> model/mine",
        "take one of them out",
    ),
    "a neighbour that is not there": (
        {"mine": "defaults: [vision_cn, _self_]"},
        "'vision_cn' in FOLDER/model/mine.yaml names no option of model",
        "did you mean 'vision_cnn'? Or write FOLDER/model/vision_cn.yaml",
    ),
}


@pytest.mark.parametrize(("files", "says", "fix"), OWN_MODELS.values(), ids=OWN_MODELS.keys())
def test_a_mistake_in_a_model_of_ones_own_names_the_file(light_labloom, tmp_path, files, says, fix):
    (tmp_path / "model").mkdir()
    for name, text in files.items():
        (tmp_path / "model" / f"{name}.yaml").write_text(f"{text}\n")
    done = light_labloom("run", "task=vision_classify", "model=mine", "--config-dir", tmp_path)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) <= 5
    said = " ".join(done.stderr.split())
    for part in (says, f"fix: {fix}"):
        assert part.replace("FOLDER", str(tmp_path)) in said


@pytest.mark.parametrize("entry", ["/optimizer: adam", "/model@teacher: vision_mlp"])
def test_a_model_may_bring_an_option_of_another_group(light_labloom, tmp_path, entry):
    (tmp_path / "model").mkdir()
    text = f"defaults: [vision_cnn, {{{entry}}}, _self_]\n"
    (tmp_path / "model" / "mine.yaml").write_text(text)
    words = ("task=vision_classify", "model=mine", "--config-dir", tmp_path, "--cfg", "job")
    done = light_labloom("run", *words)
    assert done.returncode == 0, done.stderr


def test_a_model_may_be_added_to_a_task_that_chooses_none(
    light_labloom, plugin_folder, good_plugin
):
    nodes = "# @package _global_\nmodule: {a: 1}\ndata: {a: 1}\n"
    files = {"conf/task/bad_task.yaml": nodes, "conf/model/bad_net.yaml": "width: 3\n"}
    folder = plugin_folder("bad", good_plugin.format(id="bad"), files=files)
    words = ("task=bad_task", "+model=bad_net", "--cfg", "job")
    done = light_labloom("run", *words, LABLOOM_PLUGINS=folder)
    assert done.returncode == 0, done.stderr
    assert "width: 3" in done.stdout


# Text of conf/task/bad_task.yaml, and what is said about it.
TASK_SETTINGS = {
    "module misspelt": (
        "# @package _global_\nmodul: {_target_: a.B}\n",
        ["'module' is not there", "got: modul: in FILE"],
        "write module: instead of modul: in FILE",
    ),
    "no module": (
        "# @package _global_\nseed: 3\n",
        ["'module' is not there: FILE does not set it"],
        "write module: and below it _target_: package.module.Class in FILE",
    ),
    "no data": (
        "# @package _global_\nmodule: {_target_: a.B}\n",
        ["'data' is not there: FILE chooses none", "expected: data=... with one of robotics_"],
        "add - /data: NAME to the defaults list of FILE, or type data=NAME",
    ),
    "no header": (
        "module: {_target_: a.B}\n",
        ["FILE sets keys under 'task' instead of at the top"],
        "write # @package _global_ as the first line of FILE",
    ),
    "no header above an override": (
        "defaults: [{override /optimizer: sgd}]\nseed: 3\n",
        ["FILE sets keys under 'task' instead of at the top"],
        "write # @package _global_ as the first line of FILE",
    ),
    "another task": (
        "# @package _global_\ntask: {name: other}\n",
        ["FILE is the option file of task 'bad_task', and names task 'other'"],
        "write name: bad_task under task: in FILE",
    ),
    "an unknown key of task": (
        "# @package _global_\ntask: {monitr: val/x}\nmodule: {a: 1}\ndata: {a: 1}\n",
        ["'task.monitr' is not a setting", "in FILE"],
        "did you mean task.monitor?",
    ),
    "a strange key of task": (
        "# @package _global_\ntask: {zzzzzzzz: 1}\nmodule: {a: 1}\ndata: {a: 1}\n",
        ["'task.zzzzzzzz' is not a setting", "got: task.zzzzzzzz=... in FILE"],
        "take it out of FILE",
    ),
    "data that is not there": (
        "# @package _global_\ndefaults: [{/data: bad_zzzzzzzzzzz}]\n",
        ["'/data: bad_zzzzzzzzzzz' in FILE names no option of data"],
        "write CONF/data/bad_zzzzzzzzzzz.yaml",
    ),
}


@pytest.mark.parametrize(("text", "says", "fix"), TASK_SETTINGS.values(), ids=TASK_SETTINGS.keys())
def test_a_setting_of_a_task_file_is_not_told_as_if_typed(
    light_labloom, plugin_folder, good_plugin, text, says, fix
):
    option = "conf/task/bad_task.yaml"
    folder = plugin_folder("bad", good_plugin.format(id="bad"), files={option: text})
    done = light_labloom("run", "task=bad_task", LABLOOM_PLUGINS=folder)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) <= 5
    said = " ".join(done.stderr.split())
    conf = folder / "src" / "labloom_bad" / "conf"
    for part in (*says, f"fix: {fix}"):
        assert part.replace("FILE", f"{conf}/task/bad_task.yaml").replace("CONF", str(conf)) in said


def test_a_task_file_of_ones_own_may_run_another_task_that_is_there(light_labloom, tmp_path):
    (tmp_path / "task").mkdir()
    file = tmp_path / "task" / "mine.yaml"
    text = "# @package _global_\ndefaults: [vision_classify, _self_]\ntask: {{name: {}}}\n"
    words = ("task=mine", "--config-dir", tmp_path, "--cfg", "job")
    file.write_text(text.format("vision_classify"))
    done = light_labloom("run", *words)
    assert done.returncode == 0, done.stderr
    file.write_text(text.format("vision_clasify"))
    done = light_labloom("run", *words)
    assert done.returncode == 2
    assert f"{file} names task 'vision_clasify', which is not there" in done.stderr
    assert f"mend name: under task: in {file}" in done.stderr
