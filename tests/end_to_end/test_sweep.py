"""``labloom run -m``: one parent run, its trials, the choice, one test, and honest failures."""

import csv
import os
import shlex
import signal
from pathlib import Path

import pytest

OWN_CODE = Path(__file__).parents[1] / "sweep" / "own_code"
SPECIAL = (
    "task=custom",
    f"paths.code={OWN_CODE}",
    "data._target_=sweep_toys.LineData",
    "tracking.system_metrics=false",
    "tracking.log_model=false",
)
SWEEP = ("task.monitor=val/loss", "task.mode=min", "trainer.max_epochs=1")


@pytest.fixture(scope="module")
def witness(tmp_path_factory):
    """Gets a line whenever a test loader is made."""
    return tmp_path_factory.mktemp("witness") / "asked"


@pytest.fixture(scope="module")
def sweep(lab, toys, witness):
    """Four trials of two settings."""
    done = lab.labloom(
        "run",
        "-m",
        *toys,
        *SWEEP,
        "module._target_=toys.Regression",
        "module.hidden=4,16",
        f"data.witness={witness}",
        "seed=1,2",
        "--json",
    )
    assert done.status == 0, done.err
    return done.last


@pytest.fixture(scope="module")
def children(lab, sweep):
    """The trials' runs, in the order of their numbers."""
    found = lab.store.children(sweep["run_id"])
    return sorted(found, key=lambda run: int(run.data.tags["labloom.trial"]))


@pytest.fixture(scope="module")
def half_failed(lab, toys):
    """Three trials, the second of which fails; what was printed, and the parent's run."""
    words = ("module._target_=toys.Regression", "module.fail_at=-1,2,-2")
    done = lab.labloom("run", "-m", *toys, *SWEEP, *words)
    return done, lab.store.find_run("last", kind="sweep")


@pytest.fixture(scope="module")
def stopped(lab, toys, stopping, tmp_path_factory):
    """A sweep that Ctrl-C stopped in its second trial; exit status, messages, parent's run."""
    wait_until, ended_in_any_case = stopping
    marker = tmp_path_factory.mktemp("marker") / "reached"
    words = ("module._target_=toys.Regression", "module.pause_at=-1,5,7", "optimizer.lr=0.1")
    process = lab.start("run", "-m", *toys, *SWEEP, *words, f"module.marker={marker}")
    with ended_in_any_case(process):
        wait_until(marker.exists, process)
        parent = lab.store.find_run("last", kind="sweep")
        os.killpg(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=60)
    return process.returncode, err, lab.mlflow_run(parent.info.run_id)


def metrics_of_test(run):
    return {name for name in run.data.metrics if name.startswith("test/")}


def test_every_trial_is_a_child_of_one_parent(lab, sweep, children):
    assert len(children) == 4
    assert [run.data.tags["labloom.trial"] for run in children] == ["0", "1", "2", "3"]
    parent = lab.mlflow_run(sweep["run_id"])
    assert parent.data.tags["labloom.kind"] == "sweep"
    assert {run.info.experiment_id for run in children} == {parent.info.experiment_id}


def test_parent_and_trials_are_finished(lab, sweep, children):
    assert {run.info.status for run in children} == {"FINISHED"}
    assert lab.mlflow_run(sweep["run_id"]).info.status == "FINISHED"


def test_every_trial_has_its_objective_and_its_own_values(children):
    for run in children:
        assert run.data.metrics["objective"] == pytest.approx(run.data.metrics["val/loss"])
    values = [(run.data.params["module.hidden"], run.data.params["seed"]) for run in children]
    assert values == [("4", "1"), ("4", "2"), ("16", "1"), ("16", "2")]


def test_the_chosen_trial_is_the_best_one(sweep, children):
    best = min(children, key=lambda run: run.data.metrics["objective"])
    assert [chosen["run_id"] for chosen in sweep["chosen"]] == [best.info.run_id]


def test_only_the_chosen_trial_meets_the_test_split_and_once(sweep, children, witness):
    (chosen,) = sweep["chosen"]
    assert set(chosen["test"]) == {"test/loss"}
    assert {run.info.run_id for run in children if metrics_of_test(run)} == {chosen["run_id"]}
    assert witness.read_text().splitlines() == ["asked"]


def test_the_chosen_trial_is_still_finished_after_its_test(lab, sweep):
    run = lab.mlflow_run(sweep["chosen"][0]["run_id"])
    assert run.info.status == "FINISHED"
    assert run.data.metrics["objective"] == pytest.approx(sweep["chosen"][0]["objective"])


def test_the_command_of_the_best_trial_runs_it_again_alone(lab, sweep):
    (chosen,) = sweep["chosen"]
    words = shlex.split(chosen["command"])
    assert words[:2] == ["labloom", "run"]
    again = lab.run(*words[2:])
    assert again["objective"] == chosen["objective"]
    assert again["metrics"]["test/loss"] == pytest.approx(chosen["test"]["test/loss"])


def test_the_parent_has_a_table_of_trials_best_first(lab, sweep, tmp_path):
    assert {"trials.csv", "best-custom.txt"} <= lab.artifacts(sweep["run_id"])
    path = lab.store.client.download_artifacts(sweep["run_id"], "trials.csv", str(tmp_path))
    with Path(path).open(newline="") as file:
        rows = list(csv.DictReader(file))
    losses = [float(row["val/loss"]) for row in rows]
    assert losses == sorted(losses)
    assert {"trial", "module.hidden", "seed", "status", "run"} <= set(rows[0])
    assert sorted(row["run"] for row in rows) == sorted(
        run.info.run_id for run in lab.store.children(sweep["run_id"])
    )


def test_the_parents_note_and_metrics_tell_the_story(lab, sweep):
    parent = lab.mlflow_run(sweep["run_id"])
    note = parent.data.tags["mlflow.note.content"]
    assert "4 of 4 trials finished" in note
    assert sweep["chosen"][0]["command"] in note
    best = [value for _, value in lab.history(sweep["run_id"], "best_objective")]
    assert best == sorted(best, reverse=True)
    assert len(best) == 4


def test_a_failed_trial_does_not_stop_the_others(lab, half_failed):
    done, parent = half_failed
    assert done.status == 1
    assert parent.info.status == "FAILED"
    statuses = {
        run.data.tags["labloom.trial"]: run.info.status
        for run in lab.store.children(parent.info.run_id)
    }
    assert statuses == {"0": "FINISHED", "1": "FAILED", "2": "FINISHED"}


def test_a_sweep_with_a_failed_trial_ends_with_a_table_of_what_failed_and_why(half_failed):
    done, _ = half_failed
    assert "Failed" in done.out
    assert "the flux capacitor broke" in done.out.partition("\nFailed")[2]
    assert "1 of 3 trials did not finish" in done.err


def test_the_best_of_the_finished_trials_is_still_chosen_and_tested(lab, half_failed):
    done, parent = half_failed
    assert "chosen   trial" in done.out
    assert "(tested once, here)" in done.out
    assert "2 of 3 trials finished" in parent.data.tags["mlflow.note.content"]


def test_a_sweep_whose_trials_all_fail_has_nothing_to_choose(lab, toys):
    words = ("module._target_=toys.Regression", "module.fail_at=1,2")
    done = lab.labloom("run", "-m", *toys, *SWEEP, *words)
    assert done.status == 1
    assert "2 of 2 trials did not finish" in done.err
    assert "chosen" not in done.out


def test_a_value_that_does_not_bind_late_in_a_sweep_is_found_before_the_first_trial(lab, toys):
    before = lab.count()
    words = ("module._target_=toys.Regression", "module.hidden=4,8,wide")
    done = lab.labloom("run", "-m", *toys, *SWEEP, *words)
    assert done.status == 2
    assert "module.hidden does not fit Regression" in done.err
    assert lab.count() == before


def test_an_argument_of_only_one_swept_model_is_refused_before_the_first_trial(lab):
    before = lab.count()
    words = ("task=vision_classify", "model=vision_mlp,vision_cnn", "debug=fast", "+model.depth=1")
    done = lab.labloom("run", "-m", *words)
    assert done.status == 2
    assert "depth" in done.err
    assert lab.count() == before


def test_the_chosen_config_is_confirmed_over_several_values(lab, toys):
    done = lab.labloom(
        "run",
        "-m",
        *toys,
        *SWEEP,
        "module._target_=toys.Regression",
        "module.hidden=4,8",
        "sweep.confirm.key=seed",
        "sweep.confirm.over=[0,1,2]",
        "--json",
    )
    assert done.status == 0, done.err
    confirmed = done.last["confirmed"]
    assert confirmed["metric"] == "test/loss"
    assert len(confirmed["values"]) == 3
    assert confirmed["mean"] == pytest.approx(sum(confirmed["values"]) / 3)
    runs = lab.store.children(done.last["run_id"])
    again = [run for run in runs if run.data.tags["labloom.trial.purpose"] == "confirm"]
    assert {run.data.params["seed"] for run in again} == {"0", "1", "2"}
    assert all("test/loss" in run.data.metrics for run in again)
    assert len(done.last["trials"]) == 2


def test_ctrl_c_in_a_sweep_kills_parent_and_running_trial(lab, stopped):
    status, err, parent = stopped
    assert status == 130, err
    assert "Traceback" not in err
    assert parent.info.status == "KILLED"
    statuses = {
        run.data.tags["labloom.trial"]: run.info.status
        for run in lab.store.children(parent.info.run_id)
    }
    assert statuses == {"0": "FINISHED", "1": "KILLED"}


def test_one_sweep_over_experiments_of_two_tasks_chooses_the_best_of_each(lab, toys):
    folder = lab.folder / "experiments"
    folder.mkdir(exist_ok=True)
    (folder / "pair_digits.yaml").write_text(
        "# @package _global_\n"
        "defaults: [{override /task: vision_classify}, {override /model: vision_mlp}]\n"
    )
    (folder / "pair_stranger.yaml").write_text(
        "# @package _global_\n"
        "defaults: [{override /task: custom}]\n"
        "task: {monitor: val/loss, mode: min}\n"
        "module: {_target_: toys.Regression}\n"
        "data: {_target_: toys.ToyData}\n"
    )
    done = lab.labloom(
        "run",
        "-m",
        "experiment=glob(pair_*)",
        "debug=fast",
        "targets=[toys]",
        *[word for word in toys if word.startswith(("paths.", "tracking."))],
        "--json",
    )
    assert done.status == 0, done.err
    assert {row["status"] for row in done.last["trials"]} == {"FINISHED"}
    commands = " ".join(chosen["command"] for chosen in done.last["chosen"])
    assert len(done.last["chosen"]) == 2
    assert "experiment=pair_digits" in commands
    assert "experiment=pair_stranger" in commands


def test_a_diverged_trial_is_never_the_best_one(lab, toys):
    words = ("module._target_=toys.Regression", "optimizer=sgd", "optimizer.lr=1e30,0.01")
    done = lab.labloom("run", "-m", *toys, *SWEEP, *words, "--json")
    assert done.last["chosen"][0]["trial"] == 1


def statuses_of_newest_sweep(lab):
    """The newest sweep, and the statuses of its trials by their numbers."""
    parent = lab.store.find_run("last", kind="sweep")
    trials = lab.store.children(parent.info.run_id)
    return parent, {run.data.tags["labloom.trial"]: run.info.status for run in trials}


def test_a_module_without_a_test_step_is_chosen_and_stays_finished(lab):
    words = ("module._target_=sweep_toys.Untested", "module.start=0.0,1.0")
    done = lab.labloom("run", "-m", *SPECIAL, *SWEEP, *words)
    parent, statuses = statuses_of_newest_sweep(lab)
    assert done.status == 0, done.err
    assert statuses == {"0": "FINISHED", "1": "FINISHED"}
    assert parent.info.status == "FINISHED"
    assert "tested once" not in done.out


def test_a_test_that_fails_is_told_and_its_trial_stays_finished(lab):
    words = ("module._target_=sweep_toys.Tested", "module.start=0.0,1.0", "module.test_ends=broken")
    done = lab.labloom("run", "-m", *SPECIAL, *SWEEP, *words)
    parent, statuses = statuses_of_newest_sweep(lab)
    assert done.status == 1
    assert "the test of trial 1 failed: RuntimeError: no such colour" in done.err
    assert "chosen   trial 1" in done.out
    assert statuses == {"0": "FINISHED", "1": "FINISHED"}
    assert parent.info.status == "FAILED"
    assert "no such colour" in parent.data.tags["mlflow.note.content"]
    assert {"trials.csv", "best-custom.txt"} <= lab.artifacts(parent.info.run_id)
    assert len(lab.history(parent.info.run_id, "trial_objective")) == 2


def test_ctrl_c_in_the_test_of_the_chosen_trial_leaves_what_the_search_found(lab):
    words = ("module._target_=sweep_toys.Tested", "module.start=0.0,1.0")
    done = lab.labloom("run", "-m", *SPECIAL, *SWEEP, *words, "module.test_ends=stopped")
    parent, statuses = statuses_of_newest_sweep(lab)
    assert done.status == 130
    assert "chosen   trial 1" in done.out
    assert statuses == {"0": "FINISHED", "1": "FINISHED"}
    assert parent.info.status == "KILLED"
    assert "2 of 2 trials finished" in parent.data.tags["mlflow.note.content"]


def test_a_trial_that_leaves_by_sys_exit_does_not_end_the_sweep(lab):
    words = ("module._target_=sweep_toys.Tested", "module.ends=exit,well")
    done = lab.labloom("run", "-m", *SPECIAL, *SWEEP, *words)
    _, statuses = statuses_of_newest_sweep(lab)
    assert done.status == 1
    assert statuses == {"0": "FAILED", "1": "FINISHED"}
    assert "chosen   trial 1" in done.out


def test_a_launcher_that_breaks_is_no_success(lab, toys):
    words = ("module._target_=toys.Regression", "module.hidden=4,8")
    with pytest.raises(RuntimeError, match="nowhere"):
        lab.labloom("run", "-m", *toys, *SWEEP, *words, "hydra.launcher._target_=nowhere.Launcher")
    parent, statuses = statuses_of_newest_sweep(lab)
    assert parent.info.status == "FAILED"
    assert statuses == {}


def test_overrides_longer_than_a_tag_are_read_from_the_artifact(lab):
    words = ("module._target_=sweep_toys.Tested", "module.start=0.0,1.0")
    done = lab.labloom(
        "run", "-m", *SPECIAL, *SWEEP, *words, f"+tracking.tags.long={'x' * 8500}", "--json"
    )
    assert done.status == 0, done.err
    assert [row["module.start"] for row in done.last["trials"]] == ["1.0", "0.0"]
    assert "x" * 8500 in done.last["chosen"][0]["command"]


def test_a_secret_on_the_command_line_is_shown_nowhere_and_the_report_is_still_made(lab):
    words = ("module._target_=sweep_toys.Tested", "module.start=0.0,1.0")
    done = lab.labloom("run", "-m", *SPECIAL, *SWEEP, *words, "+tracking.tags.api_key=hunter2")
    parent, statuses = statuses_of_newest_sweep(lab)
    assert done.status == 0, done.err
    assert statuses == {"0": "FINISHED", "1": "FINISHED"}
    assert "tested once" in done.out
    assert "'+tracking.tags.api_key=***'" in done.out
    assert "hunter2" not in done.out + done.err + str(parent.data)
