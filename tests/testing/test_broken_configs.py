"""Plugins whose option files do not compose, or name what does not fit."""

from __future__ import annotations

import pytest

TASK_FILE = "conf/task/toy_iris.yaml"
MODEL = "model=toy_mlp"


@pytest.mark.parametrize("group", ["model", "data"])
def test_a_task_file_that_sets_keys_of_a_group_is_refused(toy, group):
    key, value = {"model": ("width", 8), "data": ("batch_size", 4)}[group]
    toy.change(TASK_FILE, "module:", f"{group}:\n  {key}: {value}\nmodule:")
    said = toy.failure("it_composes")
    assert f"conf/task/toy_iris.yaml sets keys under '{group}:'" in said
    assert "expected: 'task:' and 'module:' only" in said
    assert f"got: {group}: {{'{key}': {value}}}" in said
    assert f"set them in conf/{group}/*.yaml" in said


def test_a_default_that_does_not_exist_is_named(toy):
    toy.change(TASK_FILE, "/model: toy_mlp", "/model: toy_mpl")
    said = toy.failure("it_composes")
    assert "toy_mpl" in said
    assert "toy_mlp" in said.replace("toy_mpl", "")


def test_a_value_that_a_task_leaves_open_fails(toy):
    toy.change(TASK_FILE, "smoothing: 0.0", "smoothing: ???")
    said = toy.failure("it_composes")
    assert "module.smoothing has no value (???)" in said
    assert "fix: module.smoothing=..." in said


def test_a_value_that_an_option_leaves_to_its_user_is_not_checked(toy):
    toy.write("conf/data/toy_own.yaml", "_target_: labloom_toy.data.IrisData\nbatch_size: ???\n")
    for check in (
        "it_composes",
        "targets_bind_to_their_classes",
        "it_trains_on_cpu_without_network",
    ):
        assert toy.reason(check, "data=toy_own") == "it needs data.batch_size=..."


def test_an_option_that_composes_with_no_task_fails(toy):
    toy.write("conf/model/toy_broken.yaml", "_target_: labloom_toy.nets.MLP\nwidth: ${nowhere}\n")
    said = toy.failure("it_composes", "model=toy_broken")
    assert "nowhere" in said


def test_yaml_that_cannot_be_read_is_named_with_its_file(toy):
    toy.write("conf/model/toy_mlp.yaml", "_target_: labloom_toy.nets.MLP\nwidth: [1\n")
    assert "toy_mlp.yaml" in toy.failure("it_composes", MODEL)


def test_an_argument_that_the_class_lacks_brings_the_nearest(toy):
    toy.change("conf/model/toy_mlp.yaml", "width:", "witdh:")
    for subject in ("toy_iris", MODEL):
        said = toy.failure("targets_bind_to_their_classes", subject)
        assert "MLP takes no argument 'witdh' (model.witdh)" in said
        assert "did you mean model.width?" in said


def test_a_target_that_does_not_exist_brings_the_nearest(toy):
    toy.change(TASK_FILE, "classify.Classifier", "classify.Clasifier")
    said = toy.failure("targets_bind_to_their_classes")
    assert "'labloom_toy.classify' has no 'Clasifier'" in said
    assert "did you mean labloom_toy.classify.Classifier?" in said


def test_a_module_of_another_base_class_is_refused(toy):
    toy.change(TASK_FILE, "classify.Classifier", "nets.MLP")
    toy.change(TASK_FILE, "smoothing: 0.0", "dropout: 0.0")
    said = toy.failure("targets_bind_to_their_classes")
    assert "module._target_ must be a LightningModule" in said
    assert "expected: a subclass of pytorch_lightning.LightningModule" in said
    assert "labloom_toy.nets.MLP" in said


def test_a_datamodule_of_another_base_class_is_refused(toy):
    toy.change("data.py", "pl.LightningDataModule", "torch.nn.Module")
    said = toy.failure("targets_bind_to_their_classes")
    assert "data._target_ must be a LightningDataModule" in said


def test_a_datamodule_option_of_another_base_class_is_refused(toy):
    toy.write("conf/data/toy_other.yaml", "_target_: labloom_toy.data.TensorDataset\n")
    said = toy.failure("targets_bind_to_their_classes", "data=toy_other")
    assert "data._target_" in said


def test_an_import_that_fails_names_the_module(toy):
    toy.change(
        "nets.py", "from torch import nn", "from torch import nn\n\nimport a_missing_package"
    )
    said = toy.failure("targets_bind_to_their_classes", MODEL)
    assert "importing labloom_toy.nets of plugin 'toy' failed" in said
    assert "No module named 'a_missing_package'" in said


def test_a_value_of_the_wrong_kind_is_refused(toy):
    toy.change("conf/model/toy_mlp.yaml", "width: 32", "width: wide")
    said = toy.failure("targets_bind_to_their_classes", MODEL)
    assert "model.width does not fit MLP" in said
    assert "expected: a whole number" in said


def test_an_argument_that_neither_yaml_nor_data_gives_is_missing(toy):
    toy.change("data.py", '"num_classes"', '"classes_count"')
    toy.change("data.py", "self.spec = {}", "pass")
    said = toy.failure("it_trains_on_cpu_without_network")
    assert "MLP lacks 'num_classes' (model)" in said
    assert "a datamodule whose spec has 'num_classes'" in said


def test_an_experiment_that_does_not_compose_is_refused(toy):
    toy.change("conf/experiment/toy_wide.yaml", "override /task: toy_iris", "override /task: toy_i")
    assert "names no option of task" in toy.failure("its_experiments_compose")


def test_a_plugin_without_experiments_is_not_asked_for_any(toy):
    toy.path("conf/experiment/toy_wide.yaml").unlink()
    assert toy.reason("its_experiments_compose") == "the plugin brings no experiment"
