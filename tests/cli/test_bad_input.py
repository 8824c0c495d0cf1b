"""Every mistake on the command line: message, exit status 2, no heavy import, nothing created."""

import pytest

CUSTOM = ["task=custom", "module._target_=my.Net", "data._target_=my.Data"]
VISION = ["task=vision_classify"]

CASES = {
    # named in the specification of the command line
    "missing task": (["seed=1"], ["no task was chosen", "labloom run task="]),
    "unknown task": (["task=vision_clasify"], ["there is no task", "task=vision_classify?"]),
    "unknown key": (
        [*VISION, "optimizer.lrr=1"],
        ["'optimizer.lrr'", "did you mean optimizer.lr?"],
    ),
    "unknown option": ([*VISION, "optimizer=adm"], ["one of adam, adamw", "optimizer=adam?"]),
    "wrong type": ([*VISION, "trainer.max_epochs=many"], ["a whole number", "max_epochs=many"]),
    "wrong range": ([*VISION, "optimizer.lr=-1"], ["a number, above 0"]),
    "missing value": (["task=custom"], ["module._target_", "have no value (???)"]),
    "conflict": ([*VISION, "seed=1", "seed=2"], ["'seed=1' and 'seed=2'", "only one"]),
    # of our own choosing
    "unknown key under a plugin's node": ([*VISION, "model.widht=3"], ["model.width?"]),
    "text for a plugin's number": ([*VISION, "model.dropout=high"], ["a number, such as"]),
    "list for a plugin's number": ([*VISION, "data.batch_size=[1]"], ["a number, such as"]),
    "added key that exists": ([*VISION, "+seed=3"], ["'seed' exists already", "leave the + away"]),
    "added key that a typed group lacks": (
        [*VISION, "+trainer.max_epoch=3"],
        ["'trainer.max_epoch'", "trainer.max_epochs?"],
    ),
    "nested key that a typed group lacks": (
        [*VISION, "+callbacks.checkpoint.top=3"],
        ["keys of callbacks.checkpoint", "save_top_k?"],
    ),
    "deleting what is not there": ([*VISION, "~optimizer.beta"], ["did you mean optimizer.betas?"]),
    "broken grammar": ([*VISION, "seed=[1"], ["cannot read the override"]),
    "a word": ([*VISION, "digits"], ["cannot read 'digits'"]),
    "unknown flag": ([*VISION, "--multrun"], ["did you mean --multirun?"]),
    "several values without -m": ([*VISION, "seed=1,2"], ["add -m for a sweep"]),
    "a wrong value late in a sweep": (
        ["-m", *VISION, "model=vision_mlp,vision_cnn", "optimizer.lr=1e-3,0"],
        ["optimizer.lr cannot be 0"],
    ),
    "an unknown option late in a sweep": (
        ["-m", *VISION, "model=vision_mlp,vision_cn"],
        ["'vision_cn' is not an option of model", "model=vision_cnn?"],
    ),
    "a glob that matches nothing": (["-m", "experiment=glob(zzz*)"], ["matches nothing"]),
    "unknown experiment": (["experiment=vision_digts"], ["experiment=vision_digits?"]),
    "full batch and accumulation": (
        [*VISION, "optimizer=gd", "trainer.accumulate_grad_batches=2"],
        ["optimizer=gd", "trainer.accumulate_grad_batches=2", "whole epoch"],
    ),
    "plateau without a metric": (
        [*CUSTOM, "scheduler=plateau"],
        ["scheduler=plateau needs a metric", "task.monitor=val/loss"],
    ),
    "early stopping without a metric": (
        [*CUSTOM, "callbacks=early_stopping"],
        ["early stopping needs a metric"],
    ),
    "a monitor without direction": ([*CUSTOM, "task.monitor=val/loss"], ["task.mode=min"]),
    "unknown schedule by name": ([*VISION, "scheduler.name=cosin"], ["scheduler=cosine"]),
    "seed out of range": ([*VISION, "seed=-1"], ["at least 0"]),
    "interpolation to nowhere": (
        [*VISION, "paths.data=${oc.env:A_VARIABLE_THAT_IS_NOT_SET}"],
        ["paths.data", "A_VARIABLE_THAT_IS_NOT_SET"],
    ),
    "config folder that is not there": (
        [*VISION, "--config-dir", "nowhere"],
        ["there is no folder 'nowhere'"],
    ),
    "a group chosen by null": (
        [*VISION, "scheduler=null"],
        ["'null' is not an option of scheduler", "one of cosine, linear, none"],
    ),
    "a group chosen by a number": ([*VISION, "+trainer=5"], ["'5' is not an option of trainer"]),
    "a model chosen by null": ([*VISION, "model=null"], ["'null' is not an option of model"]),
    "a group taken away": (
        [*VISION, "~optimizer"],
        ["'optimizer' is not there", "one of adam, adamw", "optimizer=adam"],
    ),
    "a module that is no mapping": ([*VISION, "++module=null"], ["'module' is no mapping"]),
    "another primary config": ([*VISION, "--config-name", "mine"], ["--config-name", "experiment"]),
    "a folder for the primary config": ([*VISION, "-cp", "mine"], ["--config-path", "config-dir"]),
    "Hydra's way to run again": (["--experimental-rerun=x"], ["resume=RUN"]),
    "no devices": ([*VISION, "trainer.devices=0"], ["-1 or a whole number, at least 1"]),
    "a share above 1": (
        [*VISION, "trainer.limit_val_batches=1.5"],
        ["a number, at least 0 and whole above 1 or null"],
    ),
    "unknown accelerator": ([*VISION, "trainer.accelerator=gpuu"], ["auto or cpu or gpu"]),
    "unknown precision": ([*VISION, "trainer.precision=8"], ["16 or 32 or 64 or bf16 or"]),
    "a typo of task": (
        ["tsk=vision_classify"],
        ["no task was chosen", "got:      tsk=vision_classify", "mean task=vision_classify?"],
    ),
    "a wrong value that is only shown": (
        [*VISION, "trainer.max_epochs=abc", "--cfg", "job"],
        ["trainer.max_epochs cannot be 'abc'"],
    ),
    "a mapping where OmegaConf cannot merge one": (
        [*VISION, "+hydra.sweeper.params={seed: '1,2'}"],
        ["hydra.sweeper.params"],
    ),
    "a swapped letter": ([*VISION, "modle=3"], ["did you mean model?"]),
    "resume in a sweep": (["-m", "resume=abcd", "seed=1,2"], ["resume", "-m"]),
}


@pytest.mark.parametrize(("words", "messages"), CASES.values(), ids=CASES.keys())
def test_a_mistake_is_told_in_one_short_message(light_labloom, tmp_path, words, messages):
    done = light_labloom("run", *words)
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) <= 5
    for message in messages:
        assert message in done.stderr
    assert list(tmp_path.iterdir()) == []  # no output folder, no database


def test_a_typo_in_an_experiment_file_is_found(light_labloom, tmp_path):
    folder = tmp_path / "experiments"
    folder.mkdir()
    (folder / "mine.yaml").write_text(
        "# @package _global_\ndefaults: [{override /task: vision_classify}]\nmodel: {widht: 3}\n"
    )
    done = light_labloom("run", "experiment=mine")
    assert done.returncode == 2
    assert "'model.widht' is not a setting" in done.stderr
    assert "did you mean model.width?" in done.stderr


def test_an_experiment_of_an_absent_plugin_says_what_to_install(light_labloom, tmp_path):
    folder = tmp_path / "experiments"
    folder.mkdir()
    (folder / "speech.yaml").write_text(
        "# @package _global_\ndefaults: [{override /task: speech_digits}]\n"
    )
    done = light_labloom("run", "experiment=speech")
    assert done.returncode == 2
    assert "needs task 'speech_digits', whose plugin is not installed" in done.stderr
    assert "pip install labloom-speech" in done.stderr
    assert "speech" not in light_labloom("list").stdout


def test_a_yaml_file_cannot_trust_packages(light_labloom, tmp_path):
    folder = tmp_path / "experiments"
    folder.mkdir()
    (folder / "sly.yaml").write_text(
        "# @package _global_\ndefaults: [{override /task: vision_classify}]\ntargets: [os]\n"
    )
    done = light_labloom("run", "experiment=sly")
    assert done.returncode == 2
    assert "a YAML file sets targets=['os']" in done.stderr


def test_a_task_of_a_broken_plugin_names_plugin_and_cause(light_labloom, plugin_folder, tmp_path):
    plugin_folder("bad", "import a_package_that_is_not_there")
    done = light_labloom("run", "task=bad_task", LABLOOM_PLUGINS=str(tmp_path / "some_plugins"))
    assert done.returncode == 2
    assert "belongs to plugin 'bad' (labloom-bad 1.2" in done.stderr
    assert "a_package_that_is_not_there" in done.stderr


def test_a_task_whose_package_is_missing_brings_the_pip_command(
    light_labloom, plugin_folder, good_plugin, tmp_path
):
    source = good_plugin.format(id="far").replace(
        'mode="min"', 'mode="min", requires=("a_package_that_is_not_there",)'
    )
    plugin_folder(
        "far",
        source,
        files={"conf/task/far_task.yaml": "# @package _global_\ntask: {name: far_task}"},
    )
    done = light_labloom("run", "task=far_task", LABLOOM_PLUGINS=str(tmp_path / "some_plugins"))
    assert done.returncode == 2
    assert "needs a_package_that_is_not_there, which is not installed" in done.stderr
    assert "pip install -e" in done.stderr


def test_an_unknown_verb_brings_the_nearest(light_labloom):
    done = light_labloom("shwo")
    assert done.returncode == 2
    assert "Did you mean 'labloom show'?" in done.stderr


def test_an_override_in_the_place_of_the_verb_is_recognised(light_labloom):
    done = light_labloom("task=vision_classify")
    assert done.returncode == 2
    assert "Did you mean 'labloom run'?" in done.stderr


def test_doctor_of_an_unknown_plugin(light_labloom):
    done = light_labloom("doctor", "visoin")
    assert done.returncode == 2
    assert "did you mean 'vision'?" in done.stderr
