"""One run: what it leaves on disk and in MLflow, and that its numbers are the true ones."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from labloom.build.checkpoints import load_module
from labloom.predict import predict

PREDICT = """
import json, sys
import mlflow, numpy
images = list(numpy.load(sys.argv[2]))
answers = mlflow.pyfunc.load_model(sys.argv[1]).predict(images)
print(json.dumps([answer["probabilities"] for answer in answers]))
"""


@pytest.fixture(scope="module")
def scripted(lab, toys):
    """Three epochs whose second one is the best."""
    return lab.run(
        *toys,
        "module._target_=toys.Scripted",
        "task.monitor=val/score",
        "task.mode=max",
        "trainer.max_epochs=3",
    )


@pytest.fixture(scope="module")
def recorded_config(lab, digits_run):
    """The config as the run recorded it."""
    return yaml.safe_load((Path(digits_run["output_dir"]) / "config.yaml").read_text())


def leaves(node, prefix=""):
    for key, value in node.items():
        if isinstance(value, dict) and value:
            yield from leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def test_the_output_folder_holds_what_the_run_wrote(digits_run):
    folder = Path(digits_run["output_dir"])
    expected = ("config.yaml", "overrides.txt", "command.txt", "versions.txt", "checkpoints")
    assert [name for name in expected if not (folder / name).exists()] == []
    assert (folder / "checkpoints" / "last.ckpt").exists()
    assert Path(digits_run["checkpoint"]).parent == folder / "checkpoints"


def test_mlflow_has_config_overrides_versions_and_figures(lab, digits_run):
    artifacts = lab.artifacts(digits_run["run_id"])
    expected = {"config.yaml", "overrides.txt", "command.txt", "versions.txt"}
    assert expected <= artifacts
    figures = {path for path in artifacts if path.endswith(".png")}
    assert {"figures/test/confusion_matrix.png", "figures/test/worst_images.png"} <= figures


def test_the_run_log_is_an_artifact(lab, digits_run):
    assert "run.log" in lab.artifacts(digits_run["run_id"])


def test_every_leaf_of_the_resolved_config_is_a_parameter(lab, digits_run, recorded_config):
    params = lab.mlflow_run(digits_run["run_id"]).data.params
    missing = [key for key, _ in leaves(recorded_config) if key not in params]
    assert missing == []
    assert (params["seed"], params["trainer.max_epochs"]) == ("0", "1")
    assert (params["model"], params["optimizer"]) == ("vision_mlp", "adam")


def test_the_tags_tell_where_the_run_comes_from(lab, digits_run):
    tags = lab.mlflow_run(digits_run["run_id"]).data.tags
    assert tags["labloom.kind"] == "run"
    assert tags["labloom.task"] == "vision_classify"
    assert tags["labloom.plugin"].startswith("labloom-vision ")
    assert tags["labloom.checkpoint"] == digits_run["checkpoint"]
    assert Path(tags["labloom.checkpoint.last"]).name == "last.ckpt"
    assert json.loads(tags["labloom.overrides"])[:2] == ["task=vision_classify", "model=vision_mlp"]
    assert "labloom run task=vision_classify model=vision_mlp" in tags["mlflow.note.content"]


def test_the_data_of_every_split_is_an_input_of_the_run(lab, digits_run):
    inputs = lab.mlflow_run(digits_run["run_id"]).inputs.dataset_inputs
    splits = {tag.value for found in inputs for tag in found.tags}
    assert {"train", "val", "test"} <= splits
    assert {found.dataset.name for found in inputs} == {
        "vision_digits train",
        "vision_digits val",
        "vision_digits test",
    }


def test_the_run_is_finished_and_its_metrics_are_in_mlflow(lab, digits_run):
    run = lab.mlflow_run(digits_run["run_id"])
    assert run.info.status == "FINISHED"
    assert {"train/loss", "val/acc", "test/acc", "objective"} <= set(run.data.metrics)


def test_json_ends_with_one_object_that_says_everything(digits_run):
    expected = {"run_id", "status", "objective", "output_dir", "checkpoint", "metrics"}
    assert expected <= set(digits_run)
    assert digits_run["status"] == "FINISHED"


def test_without_json_the_last_lines_say_where_to_look(lab, toys):
    done = lab.labloom("run", *toys, "module._target_=toys.Regression", "debug=fast")
    assert done.status == 0
    run_id = lab.newest().info.run_id
    assert f"labloom show {run_id[:8]}" in done.out
    assert "folder  outputs/custom/" in done.out


def test_the_objective_is_that_of_the_best_checkpoint_not_of_the_last_epoch(lab, scripted):
    assert scripted["objective"] == pytest.approx(0.9)
    assert lab.mlflow_run(scripted["run_id"]).data.metrics["objective"] == pytest.approx(0.9)
    assert [value for _, value in lab.history(scripted["run_id"], "val/score")] == pytest.approx(
        [0.2, 0.9, 0.5]
    )


def test_the_best_checkpoint_is_the_one_that_is_tested(scripted):
    assert scripted["metrics"]["test/epochs"] == 2
    assert Path(scripted["checkpoint"]).name == "best-epoch002.ckpt"


def test_test_metrics_stand_at_the_step_of_the_best_checkpoint(lab, scripted):
    assert lab.history(scripted["run_id"], "test/epochs") == [(20, 2.0)]
    assert lab.history(scripted["run_id"], "objective") == [(20, pytest.approx(0.9))]


def test_no_test_where_the_user_does_not_want_one(lab, toys):
    run = lab.run(*toys, "module._target_=toys.Regression", "debug=fast", "test=false")
    assert not any(name.startswith("test/") for name in run["metrics"])


def test_seed_0_gives_the_same_weights_twice_and_another_seed_others(
    lab, toys, weights, same_weights
):
    first, again, other = (
        weights(lab.run(*toys, "module._target_=toys.Regression", "debug=fast", text)["checkpoint"])
        for text in ("seed=0", "seed=0", "seed=1")
    )
    assert same_weights(first, again)
    assert not same_weights(first, other)


def test_the_recorded_model_answers_with_the_numbers_of_the_module(lab, digits_run, tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (3, 8, 8), dtype=np.uint8)
    np.save(tmp_path / "images.npy", images)
    done = lab.process(
        f"runs:/{digits_run['run_id']}/model",
        tmp_path / "images.npy",
        command=(sys.executable, "-c", PREDICT),
        MLFLOW_TRACKING_URI=lab.uri,
    )
    assert done.status == 0, done.err
    module = load_module(digits_run["checkpoint"])
    expected = [answer["probabilities"] for answer in predict(module, list(images))]
    assert done.last == expected
