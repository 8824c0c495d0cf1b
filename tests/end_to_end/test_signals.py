"""Ctrl-C, SIGTERM and kill -9 in the middle of an epoch of a real process."""

import os
import signal

import pytest


@pytest.fixture(scope="module")
def interrupted(stop_run):
    """A run that Ctrl-C stopped."""
    return stop_run(signal.SIGINT)


@pytest.mark.parametrize(("name", "status"), [("interrupted", 130), ("terminated", 143)])
def test_a_stopped_run_is_killed_in_mlflow_and_its_exit_status_tells_the_signal(
    request, name, status
):
    stopped = request.getfixturevalue(name)
    assert stopped.exit_status == status, stopped.err
    assert stopped.mlflow_status == "KILLED"
    assert stopped.shown_status == "KILLED"


@pytest.mark.parametrize(("name", "word"), [("interrupted", "Ctrl-C"), ("terminated", "SIGTERM")])
def test_a_stopped_run_says_so_without_a_traceback(request, name, word):
    stopped = request.getfixturevalue(name)
    assert f"stopped by {word}" in stopped.err
    assert "Traceback" not in stopped.err


@pytest.mark.parametrize("name", ["interrupted", "terminated"])
def test_a_stopped_run_leaves_the_weights_of_the_moment(request, name):
    stopped = request.getfixturevalue(name)
    assert stopped.interrupted is not None
    assert stopped.interrupted["global_step"] == 13
    assert stopped.interrupted["labloom"]["run_id"] == stopped.run_id


def test_a_run_that_ctrl_c_stopped_goes_on(lab, interrupted, uninterrupted, weights, same_weights):
    resumed = lab.run(f"resume={interrupted.run_id}")
    assert resumed["run_id"] == interrupted.run_id
    last = interrupted.output_dir / "checkpoints" / "last.ckpt"
    expected = f"{uninterrupted['output_dir']}/checkpoints/last.ckpt"
    assert same_weights(weights(last), weights(expected))
    assert lab.mlflow_run(interrupted.run_id).info.status == "FINISHED"


def test_kill_9_leaves_a_run_that_is_told_apart_as_lost(killed):
    assert killed.exit_status == -signal.SIGKILL
    assert killed.mlflow_status == "RUNNING"
    assert killed.shown_status == "LOST"


def test_a_run_ended_by_kill_9_goes_on_in_a_fresh_process(
    lab, killed, uninterrupted, weights, same_weights
):
    done = lab.process("run", f"resume={killed.run_id}", "--json")
    assert done.status == 0, done.err
    assert done.last["objective"] == uninterrupted["objective"]
    last = killed.output_dir / "checkpoints" / "last.ckpt"
    expected = f"{uninterrupted['output_dir']}/checkpoints/last.ckpt"
    assert same_weights(weights(last), weights(expected))


def test_metrics_from_before_kill_9_are_in_the_store(lab, killed, uninterrupted):
    before_the_kill = [point for point in lab.history(killed.run_id, "train/loss") if point[0] < 13]
    expected = lab.history(uninterrupted["run_id"], "train/loss")
    assert before_the_kill == [point for point in expected if point[0] < 13]


def test_ctrl_c_while_everything_is_still_loading_records_nothing(lab, uninterrupted, regression):
    before = lab.count()
    with lab.start("run", *regression) as process:
        assert "loading" in process.stdout.readline()
        os.killpg(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err == "error: stopped by Ctrl-C\n"
    assert lab.count() == before
