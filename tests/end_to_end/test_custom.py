"""A stranger's module and datamodule, unedited: trained, tested, evaluated and asked."""

import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

MONITORED = ("task.monitor=val/acc", "task.mode=max")
CONSOLE_SCRIPT = Path(sys.executable).with_name("labloom")


@pytest.fixture(scope="module")
def monitored(lab, stranger):
    """The stock module with a metric that chooses the best checkpoint."""
    return lab.run(*stranger, *MONITORED, "module.hidden=16")


@pytest.fixture(scope="module")
def digit_arrays(tmp_path_factory):
    """Two digits as .npy files."""
    folder = tmp_path_factory.mktemp("arrays")
    paths = [folder / f"{index}.npy" for index in range(2)]
    for path, image in zip(paths, load_digits().data, strict=False):
        np.save(path, image / 16)
    return paths


def test_with_a_monitor_the_best_checkpoint_gives_the_objective(lab, monitored):
    assert Path(monitored["checkpoint"]).name == "best-epoch001.ckpt"
    assert monitored["objective"] == pytest.approx(monitored["metrics"]["val/acc"])
    assert "test/acc" in monitored["metrics"]
    assert lab.mlflow_run(monitored["run_id"]).data.params["module.hidden"] == "16"


def test_without_a_monitor_the_last_checkpoint_counts_and_there_is_no_objective(lab, stranger):
    run = lab.run(*stranger)
    assert Path(run["checkpoint"]).name == "last.ckpt"
    assert run["objective"] is None
    assert "objective" not in lab.mlflow_run(run["run_id"]).data.metrics
    assert "test/acc" in run["metrics"]


def test_without_validation_and_test_loaders_their_stages_are_skipped(lab, stranger):
    words = [word for word in stranger if not word.startswith("data.")]
    run = lab.run(*words, "data._target_=stranger_code.TrainOnlyData")
    assert run["status"] == "FINISHED"
    assert not any(name.startswith(("val/", "test/")) for name in run["metrics"])


def test_a_module_without_optimizer_gets_the_one_that_the_config_names(lab, stranger):
    words = [word for word in stranger if not word.startswith("module.")]
    run = lab.run(*words, "module._target_=stranger_code.NoOptimizerNet", "optimizer=sgd")
    assert run["status"] == "FINISHED"


def test_a_checkpoint_of_awkward_hyperparameters_loads_without_running_code(monitored, weights):
    assert "body.weight" in weights(monitored["checkpoint"])


@pytest.mark.parametrize(
    "command",
    [(sys.executable, "-m", "labloom"), (str(CONSOLE_SCRIPT),)],
    ids=["python -m labloom", "labloom"],
)
def test_own_code_is_found_in_the_same_way_however_labloom_is_called(lab, stranger, command):
    done = lab.process("run", *stranger, "--json", command=command)
    assert done.status == 0, done.err
    assert done.last["status"] == "FINISHED"


def test_a_stock_module_is_evaluated(lab, monitored):
    done = lab.labloom("evaluate", monitored["run_id"], "--json")
    assert done.status == 0, done.err
    assert done.last["metrics"]["test/acc"] == pytest.approx(monitored["metrics"]["test/acc"])


def test_a_stock_module_answers_from_arrays(lab, monitored, digit_arrays):
    done = lab.labloom("predict", monitored["run_id"], *digit_arrays)
    assert done.status == 0, done.err
    assert all(str(path) in done.out for path in digit_arrays)


def test_an_input_that_is_no_array_is_told(lab, monitored, tmp_path):
    (tmp_path / "notes.txt").write_text("no array")
    done = lab.labloom("predict", monitored["run_id"], tmp_path / "notes.txt")
    assert done.status == 1
    assert ".npy files" in done.err
    assert "Traceback" not in done.err


def test_a_run_without_test_stage_cannot_be_evaluated(lab, stranger):
    words = [word for word in stranger if not word.startswith("data.")]
    run = lab.run(*words, "data._target_=stranger_code.TrainOnlyData")
    done = lab.labloom("evaluate", run["run_id"])
    assert done.status == 1  # 2 would say that no run was opened
    assert "cannot be tested" in done.err
    evaluation = lab.newest()
    assert evaluation.info.status == "FAILED"
    assert evaluation.data.tags["labloom.evaluates"] == run["run_id"]


def test_an_evaluation_that_is_refused_before_it_is_opened_ends_with_2(lab, monitored):
    before = lab.count()
    done = lab.labloom("evaluate", monitored["run_id"], "seed=-1")
    assert done.status == 2, done.err
    assert lab.count() == before
