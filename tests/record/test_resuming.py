import fcntl
import shutil
from types import SimpleNamespace

import pytest

from labloom.errors import StoreError
from labloom.record import open_run, opening


def steps(store, run, name):
    return sorted(m.step for m in store.client.get_metric_history(run.id, name))


@pytest.fixture
def failed(make_job):
    """A run that failed after step 9."""
    run = open_run(make_job())
    run.log_datasets(SimpleNamespace(fingerprint={"train": "abc"}))
    for step in range(10):
        run.log_metrics({"a": step}, step)
    run.close("FAILED", ValueError("first"))
    return run


def test_reopened_run_is_running_and_then_has_its_new_status(store, make_job, failed):
    with open_run(make_job(resume=failed.id)) as run:
        assert run.id == failed.id
        assert store.get_run(run.id).info.status == "RUNNING"

    found = store.get_run(failed.id)
    assert found.info.status == "FINISHED"
    assert "labloom.error" not in found.data.tags
    assert found.data.tags["labloom.resumed"] == "1"


def test_repeated_steps_are_not_recorded_again(store, make_job, failed):
    with open_run(make_job(resume=failed.id)) as run:
        for step in range(5, 15):
            run.log_metrics({"a": step}, step)

    assert steps(store, failed, "a") == list(range(15))


def test_repeated_steps_are_known_without_the_journal_too(store, make_job, failed):
    shutil.rmtree(failed.output_dir)

    with open_run(make_job(resume=failed.id)) as run:
        for step in range(5, 15):
            run.log_metrics({"a": step}, step)

    assert steps(store, failed, "a") == list(range(15))


def test_changed_param_goes_to_a_tag(store, make_job, failed):
    with open_run(make_job(resume=failed.id, config={"optimizer": {"lr": 0.5}})) as run:
        pass

    data = store.get_run(run.id).data
    assert data.params["optimizer.lr"] == "0.01"
    assert data.tags["labloom.changed.optimizer.lr"] == "0.01 -> 0.5"


def test_changed_data_is_told_and_recorded(store, make_job, failed, caplog):
    with open_run(make_job(resume=failed.id)) as run:
        run.log_datasets(SimpleNamespace(fingerprint={"train": "xyz"}))

    assert "digest abc -> xyz" in caplog.text
    assert "abc -> xyz" in store.get_run(run.id).data.tags["labloom.resume.changed"]


def test_changed_code_is_told_and_recorded(store, make_job, failed, caplog):
    (failed.output_dir / "git.diff").write_text("- old\n+ new\n")

    with open_run(make_job(resume=failed.id)) as run:
        assert run.drift == ["uncommitted changes are not the same"]

    assert "uncommitted changes are not the same" in caplog.text


def test_run_that_another_process_writes_to_is_refused(make_job, failed, monkeypatch):
    monkeypatch.setattr(opening, "OTHER_WRITER_SECONDS", 0.2)
    with (failed.output_dir / "metrics.sent").open("r+") as mark:
        fcntl.flock(mark, fcntl.LOCK_EX)

        with pytest.raises(StoreError, match="another process still writes"):
            open_run(make_job(resume=failed.id))


def test_run_that_does_not_exist_cannot_be_resumed(make_job):
    with pytest.raises(StoreError, match="cannot be read"):
        open_run(make_job(resume="0" * 32))


def test_journal_of_another_run_is_put_aside(store, make_job, failed):
    with open_run(make_job()) as run:  # a new run in the same folder
        run.log_metrics({"a": 1.0}, 0)

    assert (failed.output_dir / f"metrics-{failed.id}.jsonl").exists()
    assert steps(store, run, "a") == [0]
