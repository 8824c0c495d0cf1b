"""``show``, ``evaluate`` and ``predict`` on recorded runs."""

import json

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Three digits as PNG files."""
    folder = tmp_path_factory.mktemp("pictures")
    paths = [folder / f"digit{index}.png" for index in range(3)]
    for path, image in zip(paths, load_digits().images, strict=False):
        Image.fromarray((image * (255 / 16)).round().astype("uint8")).save(path)
    return paths


@pytest.fixture(scope="module")
def arrays(tmp_path_factory):
    """Files of arrays for a module that takes four numbers: good ones, and bad ones."""
    folder = tmp_path_factory.mktemp("arrays")
    values = {"one": [1.0, 2, 3, 4], "other": [0.0, 0, 0, 0], "long": [1.0, 2, 3, 4, 5]}
    for name, value in values.items():
        np.save(folder / f"{name}.npy", np.asarray(value, dtype=np.float32))
    (folder / "broken.npy").write_bytes(b"no array")
    np.savez(folder / "many.npy.npz", one=np.zeros(4))
    (folder / "many.npy.npz").rename(folder / "many.npy")
    return {path.stem: path for path in folder.iterdir()}


@pytest.fixture(scope="module")
def plain_run(lab, toys):
    """A run of a module without preprocess and postprocess."""
    return lab.run(*toys, "module._target_=toys.Regression", "debug=fast")


@pytest.fixture(scope="module")
def evaluation(lab, digits_run):
    """The digits run, tested again on its own data."""
    done = lab.labloom("evaluate", digits_run["run_id"], "--json")
    assert done.status == 0, done.err
    return done.last


def test_show_prints_config_metrics_and_places(lab, digits_run):
    done = lab.labloom("show", digits_run["run_id"], "--all")
    assert done.status == 0
    for text in ("FINISHED", "vision_classify", "optimizer.lr", "test/acc", "best checkpoint"):
        assert text in done.out
    assert "labloom run task=vision_classify model=vision_mlp" in done.out


def test_show_as_json_is_one_object(lab, digits_run):
    shown = json.loads(lab.labloom("show", digits_run["run_id"], "--json").out)
    assert shown["run_id"] == digits_run["run_id"]
    assert shown["objective"] == pytest.approx(digits_run["objective"])
    assert shown["places"]["best checkpoint"] == digits_run["checkpoint"]
    assert shown["params"]["seed"] == "0"


@pytest.mark.parametrize("length", [8, 12])
def test_the_first_characters_of_an_id_are_enough(lab, digits_run, length):
    shown = lab.labloom("show", digits_run["run_id"][:length], "--json").last
    assert shown["run_id"] == digits_run["run_id"]


def test_show_of_two_runs_prints_only_what_differs(lab, digits_run, second_digits_run):
    done = lab.labloom("show", digits_run["run_id"], second_digits_run["run_id"])
    assert "trainer.max_epochs" in done.out
    assert "optimizer.lr" not in done.out
    words = ("show", digits_run["run_id"], second_digits_run["run_id"], "--json")
    assert lab.labloom(*words).last["params"] == {"trainer.max_epochs": ["1", "2"]}


def test_show_of_a_run_and_itself_finds_no_difference(lab, digits_run):
    done = lab.labloom("show", digits_run["run_id"], digits_run["run_id"])
    assert "no difference" in done.out


def test_evaluate_on_the_same_data_gives_the_same_numbers(digits_run, evaluation):
    expected = {k: v for k, v in digits_run["metrics"].items() if k.startswith("test/")}
    assert {k: v for k, v in evaluation["metrics"].items() if k in expected} == expected


def test_an_evaluation_is_a_run_of_its_own(lab, digits_run, evaluation):
    run = lab.mlflow_run(evaluation["run_id"])
    assert run.info.status == "FINISHED"
    assert run.data.tags["labloom.kind"] == "evaluation"
    assert run.data.tags["labloom.evaluates"] == digits_run["run_id"]
    assert run.data.metrics["test/acc"] == pytest.approx(digits_run["metrics"]["test/acc"])
    assert "figures/test/confusion_matrix.png" in lab.artifacts(evaluation["run_id"])


def test_evaluate_on_another_split_gives_other_numbers(lab, digits_run, evaluation):
    words = ("evaluate", digits_run["run_id"], "data.split_seed=1", "--json")
    other = lab.labloom(*words).last
    assert other["metrics"]["test/loss"] != evaluation["metrics"]["test/loss"]
    assert lab.mlflow_run(other["run_id"]).data.params["data.split_seed"] == "1"


def test_evaluate_without_json_prints_a_table(lab, digits_run):
    done = lab.labloom("evaluate", digits_run["run_id"])
    assert "test/acc" in done.out
    assert "labloom show" in done.out


def test_evaluate_on_data_of_other_classes_is_refused(lab, digits_run, tmp_path):
    for name in ("ant", "bee"):
        (tmp_path / "test" / name).mkdir(parents=True)
        (tmp_path / "train" / name).mkdir(parents=True)
        for split in ("train", "test"):
            for index in range(4):
                Image.new("L", (8, 8), index).save(tmp_path / split / name / f"{index}.png")
    words = ("data=vision_folder", f"data.folder={tmp_path}", "data.image_size=8")
    done = lab.labloom("evaluate", digits_run["run_id"], *words, "data.channels=1")
    assert done.status == 1
    assert "the data does not go with the checkpoint" in done.err
    assert "Traceback" not in done.err


def test_evaluate_refuses_an_unknown_key_with_the_nearest(lab, digits_run):
    done = lab.labloom("evaluate", digits_run["run_id"], "data.splitseed=1")
    assert done.status == 2
    assert "did you mean data.split_seed?" in done.err


def test_predict_answers_each_picture_in_a_table(lab, digits_run, pictures):
    done = lab.labloom("predict", digits_run["run_id"], *pictures)
    assert done.status == 0, done.err
    assert all(str(path) in done.out for path in pictures)
    assert "label" in done.out
    assert "probability" in done.out


def test_predict_as_json_is_one_object_a_picture(lab, digits_run, pictures):
    done = lab.labloom("predict", digits_run["run_id"], *pictures, "--json")
    answers = [json.loads(line) for line in done.out.splitlines()]
    assert [answer["input"] for answer in answers] == [str(path) for path in pictures]
    for answer in answers:
        assert answer["probability"] == max(answer["probabilities"].values())
        assert sum(answer["probabilities"].values()) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("verb", ["show", "evaluate"])
def test_an_unknown_run_is_told_in_one_short_message(lab, digits_run, verb):
    done = lab.labloom(verb, "no-such-run")
    assert done.status == 1
    assert done.err.startswith("error: there is no run 'no-such-run'")
    assert "Traceback" not in done.err


def test_predict_with_an_unknown_run_is_told(lab, digits_run, pictures):
    done = lab.labloom("predict", "no-such-run", pictures[0])
    assert (done.status, "there is no run 'no-such-run'" in done.err) == (1, True)


def test_a_corrupt_picture_is_named(lab, digits_run, pictures, tmp_path):
    broken = tmp_path / "broken.png"
    broken.write_bytes(pictures[0].read_bytes()[:60])
    done = lab.labloom("predict", digits_run["run_id"], pictures[1], broken)
    assert done.status == 1
    assert str(broken) in done.err
    assert "Traceback" not in done.err


def test_a_picture_that_is_not_there_is_named(lab, digits_run, tmp_path):
    done = lab.labloom("predict", digits_run["run_id"], tmp_path / "nowhere.png")
    assert done.status == 2
    assert "nowhere.png" in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize("verb", ["evaluate", "predict"])
def test_a_run_without_checkpoint_is_told(lab, toys, arrays, verb):
    words = ("module._target_=toys.Regression", "debug=fast", "callbacks.checkpoint.enabled=false")
    run = lab.run(*toys, *words)
    assert run["checkpoint"] is None
    done = lab.labloom(verb, run["run_id"], *([arrays["one"]] if verb == "predict" else []))
    assert done.status == 1
    assert "has no best checkpoint" in done.err


def test_show_prints_only_what_was_chosen_unless_all_is_asked_for(lab, digits_run):
    done = lab.labloom("show", digits_run["run_id"])
    assert "model      vision_" in done.out
    assert "trainer.accelerator" not in done.out


def test_evaluate_of_a_checkpoint_that_was_deleted_is_told(lab, toys):
    words = ("module._target_=toys.Regression", "debug=fast")
    run = lab.run(*toys, *words)
    checkpoint = lab.folder / run["checkpoint"]
    checkpoint.unlink()
    done = lab.labloom("evaluate", run["run_id"])
    assert done.status == 1
    assert "is gone, and no model was recorded" in done.err
    assert "Traceback" not in done.err


def test_predict_answers_from_mlflow_when_the_folder_is_gone(lab, pictures):
    run = lab.run("task=vision_classify", "model=vision_mlp", "debug=fast", "paths.output=lost")
    before = lab.labloom("predict", run["run_id"], *pictures, "--json").out
    (lab.folder / "lost").rename(lab.folder / "moved")
    done = lab.labloom("predict", run["run_id"], *pictures, "--json")
    assert done.status == 0, done.err
    assert done.out == before


def test_predict_answers_each_array_file(lab, plain_run, arrays):
    done = lab.labloom("predict", plain_run["run_id"], arrays["one"], arrays["other"], "--json")
    assert done.status == 0, done.err
    answers = [json.loads(line)["output"] for line in done.out.splitlines()]
    assert len(answers) == 2
    assert answers[0] != answers[1]


def test_an_array_that_the_module_fails_on_is_named_with_its_shape(lab, plain_run, arrays):
    done = lab.labloom("predict", plain_run["run_id"], arrays["one"], arrays["long"])
    assert done.status == 1
    assert done.err.startswith(
        f"error: Regression fails on {arrays['long']}, an array of shape [5]"
    )
    assert "without a batch dimension" in done.err
    assert "mat1 and mat2 shapes cannot be multiplied (1x5 and 4x8)" in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize("name", ["broken", "many"])
def test_a_file_that_is_no_array_is_named(lab, plain_run, arrays, name):
    done = lab.labloom("predict", plain_run["run_id"], arrays["one"], arrays[name])
    assert done.status == 1
    assert f"Regression has no preprocess, so {arrays[name]} must be an array" in done.err
    assert "Traceback" not in done.err


def test_a_word_that_is_no_file_is_told_where_an_array_is_needed(lab, plain_run):
    done = lab.labloom("predict", plain_run["run_id"], "some words")
    assert done.status == 1
    assert done.err == "error: there is no file some words\n"


def test_a_module_with_several_answers_to_one_input_is_told(lab, toys, arrays):
    run = lab.run(*toys, "module._target_=toys.Talkative", "debug=fast")
    done = lab.labloom("predict", run["run_id"], arrays["one"])
    assert done.status == 1
    assert f"Talkative gives 2 answers to {arrays['one']}, an array of shape [4]" in done.err


def test_a_missing_file_is_told_before_anything_heavy_is_imported(light_labloom):
    done = light_labloom("predict", "last", "nowhere.npy")
    assert done.returncode == 2, done.stderr
    assert done.stderr == "error: there is no file nowhere.npy\n  fix:      check the path\n"
