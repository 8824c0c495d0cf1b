import json
import logging
import math
from pathlib import Path

import pytest

from labloom.compose.job import Trial
from labloom.errors import ExitStatus, Stopped, StoreError
from labloom.hookspecs import Outcome
from labloom.record import open_parent, open_run


def history(store, run, name):
    return {(m.step, m.value) for m in store.client.get_metric_history(run.id, name)}


def test_clean_end_is_finished_and_every_value_is_stored(store, make_job):
    with open_run(make_job()) as run:
        for step in range(1234):
            run.log_metrics({"train/loss": 1 / (1 + step), "train/acc": step}, step)

    assert store.get_run(run.id).info.status == "FINISHED"
    assert history(store, run, "train/loss") == {(s, 1 / (1 + s)) for s in range(1234)}
    assert len(history(store, run, "train/acc")) == 1234


@pytest.mark.parametrize(
    "error", [KeyboardInterrupt(), Stopped(ExitStatus.TERMINATED), Stopped(ExitStatus.INTERRUPTED)]
)
def test_run_that_was_asked_to_stop_is_killed(store, make_job, error):
    with pytest.raises(type(error)), open_run(make_job()) as run:
        raise error

    assert store.get_run(run.id).info.status == "KILLED"


def test_ctrl_c_that_lightning_turned_into_an_exit_is_killed(store, make_job):
    with pytest.raises(SystemExit):
        leave_as_lightning_does(open_run(make_job()))

    assert store.find_run("last").info.status == "KILLED"


def leave_as_lightning_does(run):
    with run:
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt:
            raise SystemExit(1)  # noqa: B904


def test_error_makes_the_run_failed_and_its_text_is_recorded(store, make_job):
    with pytest.raises(ValueError, match="no such toy"), open_run(make_job()) as run:
        raise ValueError("no such toy")

    found = store.get_run(run.id)
    assert found.info.status == "FAILED"
    assert found.data.tags["labloom.error"] == "ValueError: no such toy"
    log = Path(store.client.download_artifacts(run.id, "run.log")).read_text()
    assert 'raise ValueError("no such toy")' in log
    assert "no such toy" in found.data.tags["mlflow.note.content"]


def test_pruned_run_keeps_the_status_it_was_given(store, make_job):
    with open_run(make_job()) as run:
        run.end_status = "KILLED"

    assert store.get_run(run.id).info.status == "KILLED"


def test_run_can_be_found_by_everything_that_is_known_about_it(store, make_job):
    with open_run(make_job(output="parent")) as parent:
        pass
    trial = Trial(number=7, parent_run_id=parent.id, swept={"optimizer.lr": "0.01"})
    job = make_job(trial=trial, config={"tracking": {"tags": {"purpose": "test"}}})

    with open_run(job) as run:
        pass

    tags = store.get_run(run.id).data.tags
    assert tags["mlflow.runName"] == "t007 lr=0.01"
    assert tags["mlflow.parentRunId"] == parent.id
    assert tags["labloom.trial"] == "7"
    assert tags["labloom.kind"] == "run"
    assert tags["labloom.objective.name"] == "val/acc"
    assert tags["purpose"] == "test"
    assert json.loads(tags["labloom.overrides"]) == ["task=toy_classify", "optimizer.lr=0.01"]
    assert json.loads(tags["labloom.choices"])["model"] == "toy_net"


def test_params_config_and_command_are_recorded(store, make_job):
    with open_run(make_job()) as run:
        pass

    params = store.get_run(run.id).data.params
    assert params["optimizer.lr"] == "0.01"
    assert params["model"] == "toy_net"
    for name in ("config.yaml", "overrides.txt", "command.txt", "versions.txt"):
        path = Path(store.client.download_artifacts(run.id, name))
        assert path.read_text() == (run.output_dir / name).read_text()
    command = (run.output_dir / "command.txt").read_text()
    assert command == "labloom run task=toy_classify optimizer.lr=0.01\n"


def test_secrets_are_written_nowhere(store, make_job, folder):
    job = make_job(
        config={"data": {"hub_token": "s3cret-value"}}, overrides=("data.hub_token=s3cret-value",)
    )

    with open_run(job) as run:
        run.log_params({"extra.password": "s3cret-value"})

    for path in folder.rglob("*"):
        assert path.is_dir() or b"s3cret-value" not in path.read_bytes(), path
    assert store.get_run(run.id).data.params["data.hub_token"] == "***"


def test_value_that_is_not_finite_is_stored(store, make_job):
    with open_run(make_job()) as run:
        run.log_metrics({"a": float("nan"), "b": float("inf")}, 0)

    metrics = store.get_run(run.id).data.metrics
    assert math.isnan(metrics["a"])
    assert metrics["b"] > 1e308


def test_value_that_is_no_number_is_told_once_and_the_others_are_kept(store, make_job, caplog):
    with open_run(make_job()) as run:
        for step in range(3):
            run.log_metrics({"a": "high", "b": 1.0}, step)

    assert len(history(store, run, "b")) == 3
    assert caplog.text.count("metric 'a' is not recorded") == 1


def test_names_that_mlflow_refuses_do_not_merge(store, make_job):
    with open_run(make_job()) as run:
        run.log_metrics({"acc@5": 1.0, "acc#5": 2.0}, 0)

    assert sorted(store.get_run(run.id).data.metrics.values()) == [1.0, 2.0]


def test_long_param_is_cut_visibly_and_the_config_file_has_it_whole(store, make_job):
    long = "x" * 7000

    with open_run(make_job(config={"data": {"text": long}})) as run:
        pass

    assert store.get_run(run.id).data.params["data.text"].endswith("[cut, 7000 characters in all]")
    assert long in (run.output_dir / "config.yaml").read_text()


def test_param_that_gets_another_value_goes_to_a_tag(store, make_job):
    with open_run(make_job()) as run:
        run.log_params({"layers": 2})
        run.log_params({"layers": 3})

    data = store.get_run(run.id).data
    assert data.params["layers"] == "2"
    assert data.tags["labloom.changed.layers"] == "2 -> 3"


def test_tables_and_texts_are_artifacts(store, make_job):
    with open_run(make_job()) as run:
        run.log_table("tables/rows.csv", [{"a": 1}, {"a": 2, "b": 3}])
        run.log_text("notes.md", "# hello")

    table = Path(store.client.download_artifacts(run.id, "tables/rows.csv")).read_text()
    assert table.split() == ["a,b", "1,", "2,3"]
    assert Path(store.client.download_artifacts(run.id, "notes.md")).read_text() == "# hello"


def test_messages_logged_during_the_run_are_in_its_log(store, make_job):
    with open_run(make_job()) as run:
        logging.getLogger("somebody").warning("the toys are loose")

    text = Path(store.client.download_artifacts(run.id, "run.log")).read_text()
    assert "the toys are loose" in text


def test_outcome_gives_objective_checkpoint_and_note(store, make_job):
    with open_run(make_job()) as run:
        run.log_metrics({"val/acc": 0.9}, 30)
        outcome = Outcome(
            run_id=run.id, status="FINISHED", objective=0.95, checkpoint="/runs/best.ckpt"
        )
        run.log_outcome(outcome, step=20)

    data = store.get_run(run.id).data
    assert history(store, run, "objective") == {(20, 0.95)}
    assert data.tags["labloom.checkpoint"] == "/runs/best.ckpt"
    assert data.tags["mlflow.note.content"].startswith("**val/acc 0.9500** at step 20")


def test_datasets_are_inputs_of_the_run(store, make_job):
    with open_run(make_job()) as run:
        run.log_dataset("toys", "train", "abc", "https://ann:pw@host/toys", num_examples=8)
        run.log_dataset("toys", "val", "def")

    inputs = store.get_run(run.id).inputs.dataset_inputs
    assert {(i.dataset.digest, i.tags[0].value) for i in inputs} == {
        ("abc", "train"),
        ("def", "val"),
    }
    train = next(i.dataset for i in inputs if i.dataset.digest == "abc")
    assert json.loads(train.profile) == {"num_examples": 8}
    assert "pw" not in train.source


def test_second_close_changes_nothing(store, make_job):
    run = open_run(make_job())
    run.close("KILLED")
    run.close("FINISHED")

    assert store.get_run(run.id).info.status == "KILLED"


def test_flush_waits_until_the_store_has_everything(store, make_job):
    with open_run(make_job()) as run:
        run.log_metrics({"a": 1.0}, 0)

        assert run.flush()
        assert store.get_run(run.id).data.metrics == {"a": 1.0}


def test_run_of_a_sweep_is_a_parent(store, make_job, folder):
    experiment_id = store.ensure_experiment("toys")

    with open_parent(
        store, experiment_id, "sweep one", folder / "sweep", params={"trials": 4}, note="# Trials"
    ) as parent:
        parent.log_metrics({"best": 0.5}, 0)

    found = store.find_run("sweep one")
    assert found.data.tags["labloom.kind"] == "sweep"
    assert found.data.tags["mlflow.note.content"] == "# Trials"
    assert found.data.params == {"trials": "4"}


def test_run_of_a_sweep_can_be_continued(store, folder):
    experiment_id = store.ensure_experiment("toys")
    with open_parent(store, experiment_id, "sweep one", folder / "sweep") as parent:
        parent.log_metrics({"best": 0.5}, 0)

    with open_parent(
        store, experiment_id, "sweep one", folder / "sweep", run_id=parent.id
    ) as again:
        assert store.get_run(parent.id).info.status == "RUNNING"
        again.log_metrics({"best": 0.7}, 0)
        again.log_metrics({"best": 0.9}, 1)

    assert history(store, parent, "best") == {(0, 0.5), (1, 0.9)}


def test_store_that_takes_no_run_is_told_before_training(store, make_job):
    experiment_id = store.ensure_experiment("toy_classify")
    store.client.delete_experiment(experiment_id)

    with pytest.raises(StoreError, match="was deleted"):
        open_run(make_job())
