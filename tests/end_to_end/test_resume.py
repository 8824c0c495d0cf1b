"""``resume=RUN``: the same run goes on, bit for bit, and nothing but named keys may change."""

import pytest


@pytest.fixture(scope="module")
def resumed(lab, terminated):
    """The run that SIGTERM stopped in its second epoch, continued to its end."""
    return lab.run(f"resume={terminated.run_id}")


@pytest.fixture(scope="module")
def from_an_experiment(lab):
    """A finished run of an experiment file, and the file."""
    folder = lab.folder / "experiments"
    folder.mkdir(exist_ok=True)
    file = folder / "edited.yaml"
    file.write_text(
        "# @package _global_\n"
        "defaults: [{override /task: vision_classify}, {override /model: vision_mlp}]\n"
        "optimizer: {lr: 0.01}\n"
    )
    return lab.run("experiment=edited", "debug=fast", "tracking.log_model=false"), file


def test_resumed_weights_equal_those_of_an_uninterrupted_run_bit_for_bit(
    resumed, uninterrupted, weights, same_weights
):
    first, second = (
        weights(f"{run['output_dir']}/checkpoints/last.ckpt") for run in (resumed, uninterrupted)
    )
    assert same_weights(first, second)


def test_resumed_metrics_equal_those_of_an_uninterrupted_run(lab, resumed, uninterrupted):
    assert resumed["objective"] == uninterrupted["objective"]
    for metric in ("train/loss", "val/loss", "train/lr", "test/loss", "objective"):
        assert lab.history(resumed["run_id"], metric) == lab.history(
            uninterrupted["run_id"], metric
        )


def test_a_resumed_run_has_no_point_twice(lab, resumed):
    for metric in lab.mlflow_run(resumed["run_id"]).data.metrics:
        steps = [step for step, _ in lab.history(resumed["run_id"], metric)]
        assert len(set(steps)) == len(steps), metric


def test_a_resumed_run_is_the_same_run_in_the_same_folder(lab, terminated, resumed):
    assert resumed["run_id"] == terminated.run_id
    assert resumed["output_dir"] == str(terminated.output_dir)
    run = lab.mlflow_run(terminated.run_id)
    assert run.info.status == "FINISHED"
    assert run.data.tags["labloom.resumed"] == "1"


def test_a_run_that_is_still_running_is_not_resumed(terminated):
    assert terminated.while_running.status == 1
    assert "is still running" in terminated.while_running.err


def test_a_typed_key_that_would_make_another_experiment_is_refused(lab, uninterrupted):
    done = lab.labloom("run", f"resume={uninterrupted['run_id']}", "optimizer.lr=0.5")
    assert done.status == 2
    assert "'optimizer.lr=0.5' would make the resumed run another experiment" in done.err
    assert "trainer.max_epochs" in done.err
    assert lab.mlflow_run(uninterrupted["run_id"]).info.status == "FINISHED"


def test_an_edited_yaml_file_is_refused_with_the_difference(lab, from_an_experiment):
    run, file = from_an_experiment
    before = file.read_text()
    file.write_text(before.replace("0.01", "0.02"))
    done = lab.labloom("run", f"resume={run['run_id']}", "trainer.max_epochs=2")
    file.write_text(before)
    assert done.status == 2
    assert "optimizer.lr: 0.01 -> 0.02" in done.err
    assert lab.mlflow_run(run["run_id"]).info.status == "FINISHED"


def test_a_finished_run_goes_on_for_more_epochs(lab, from_an_experiment):
    run, _ = from_an_experiment
    again = lab.run(f"resume={run['run_id']}", "trainer.max_epochs=3")
    assert again["run_id"] == run["run_id"]
    assert [step for step, _ in lab.history(run["run_id"], "val/acc")] == [1, 3, 5]
    tags = lab.mlflow_run(run["run_id"]).data.tags
    assert tags["labloom.changed.trainer.max_epochs"] == "1 -> 3"


def test_more_epochs_than_planned_equal_a_longer_run_from_the_start(
    lab, toys, weights, same_weights
):
    words = (*toys, "module._target_=toys.Regression", "seed=0")
    short = lab.run(*words, "trainer.max_epochs=1")
    continued = lab.run(f"resume={short['run_id']}", "trainer.max_epochs=2")
    whole = lab.run(*words, "trainer.max_epochs=2")
    assert same_weights(weights(continued["checkpoint"]), weights(whole["checkpoint"]))


def test_a_run_without_its_folder_is_not_resumed(lab, toys):
    run = lab.run(*toys, "module._target_=toys.Regression", "debug=fast", "paths.output=gone")
    (lab.folder / "gone").rename(lab.folder / "moved away")
    done = lab.labloom("run", f"resume={run['run_id']}")
    assert done.status == 1
    assert "the folder of run" in done.err


@pytest.mark.parametrize("reference", ["0123456789abcdef", "no-such-run"])
def test_an_unknown_run_is_told_with_what_a_run_may_be_called(lab, uninterrupted, reference):
    done = lab.labloom("run", f"resume={reference}")
    assert done.status == 1
    assert f"there is no run '{reference}'" in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize(
    ("setting", "count"), [("trainer.max_epochs", "4 epochs"), ("trainer.max_steps", "40 steps")]
)
def test_an_end_that_the_run_has_passed_is_refused_and_nothing_is_touched(
    lab, uninterrupted, setting, count
):
    before = lab.mlflow_run(uninterrupted["run_id"])
    done = lab.labloom("run", f"resume={uninterrupted['run_id']}", f"{setting}=2")
    assert done.status == 2
    assert f"has {count} already" in done.err
    assert f"{setting}=N with N > {count.split()[0]}" in done.err
    after = lab.mlflow_run(uninterrupted["run_id"])
    assert (after.info.status, after.data.tags) == ("FINISHED", before.data.tags)


def test_an_end_that_a_trial_has_passed_is_refused(lab, regression):
    sweep = lab.labloom("run", "-m", *regression, "module.hidden=4,8", "--json").last
    trial = sweep["trials"][0]["run"]
    done = lab.labloom("run", f"resume={trial}", "trainer.max_epochs=3")
    assert done.status == 2
    assert "has 4 epochs already" in done.err
