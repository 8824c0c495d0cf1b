"""The command line answers without importing anything heavy; ``light_labloom`` proves it."""

import json


def test_help_shows_the_verbs_and_real_examples(light_labloom):
    done = light_labloom("--help")
    assert done.returncode == 0
    assert "labloom run -m task=vision_classify" in done.stdout
    assert all(verb in done.stdout for verb in ("run", "list", "show", "evaluate", "predict", "ui"))


def test_help_of_run_lists_every_group_with_its_options(light_labloom):
    done = light_labloom("run", "--help")
    assert done.returncode == 0
    assert "vision_classify" in done.stdout
    assert "adam, adamw, gd, momentum, rmsprop, sgd" in done.stdout


def test_run_without_words_is_help(light_labloom):
    assert "Usage: labloom run" in light_labloom("run").stdout


def test_list_shows_tasks_models_data_and_experiments(light_labloom):
    done = light_labloom("list")
    assert done.returncode == 0
    for name in ("vision_classify", "custom", "vision_cnn", "vision_digits"):
        assert name in done.stdout


def test_list_as_json_is_one_object(light_labloom):
    listed = json.loads(light_labloom("list", "--json").stdout)
    task = next(task for task in listed["tasks"] if task["name"] == "vision_classify")
    assert (task["monitor"], task["mode"], task["missing"]) == ("val/acc", "max", [])


def test_list_shows_a_broken_plugin_and_still_exits_with_0(light_labloom, plugin_folder, tmp_path):
    plugin_folder("bad", "import a_package_that_is_not_there")
    done = light_labloom("list", LABLOOM_PLUGINS=str(tmp_path / "some_plugins"))
    assert done.returncode == 0
    assert "BROKEN  bad (labloom-bad 1.2" in done.stdout
    assert "vision_classify" in done.stdout


def test_the_composed_config_is_printed_by_hydras_own_flag(light_labloom):
    done = light_labloom("run", "task=vision_classify", "--cfg", "job", "--package", "optimizer")
    assert done.returncode == 0
    assert "_target_: torch.optim.Adam" in done.stdout


def test_a_config_with_missing_values_is_printed(light_labloom):
    done = light_labloom("run", "task=custom", "--cfg", "job", "--package", "module")
    assert done.returncode == 0, done.stderr
    assert "_target_: ???" in done.stdout


def test_a_config_with_an_interpolation_to_nowhere_is_printed_as_written(light_labloom):
    words = ("task=vision_classify", "paths.data=${oc.env:A_VARIABLE_THAT_IS_NOT_SET}")
    done = light_labloom("run", *words, "--cfg", "job", "--package", "paths")
    assert done.returncode == 0, done.stderr
    assert "data: ${oc.env:A_VARIABLE_THAT_IS_NOT_SET}" in done.stdout


def test_hydras_info_works(light_labloom):
    done = light_labloom("run", "--info", "searchpath", "task=vision_classify")
    assert done.returncode == 0
    assert "plugin:vision" in done.stdout


def test_completion_prints_a_script(light_labloom):
    done = light_labloom("completion", "bash")
    assert done.returncode == 0
    assert "_LABLOOM_COMPLETE=bash_complete" in done.stdout


def test_list_shows_the_experiments_of_a_plugin_by_the_first_line_for_people(
    light_labloom, plugin_folder, good_plugin, tmp_path
):
    study = "# @package _global_\n# yaml-language-server: $schema=x.json\n# Which one?\n"
    plugin_folder(
        "pine",
        good_plugin.format(id="pine"),
        files={"conf/experiment/pine_study.yaml": study},
    )
    done = light_labloom("list", LABLOOM_PLUGINS=str(tmp_path / "some_plugins"))
    (line,) = [line for line in done.stdout.splitlines() if "pine_study" in line]
    assert line.split(maxsplit=1)[1] == "Which one?"
