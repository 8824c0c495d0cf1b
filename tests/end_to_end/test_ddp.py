"""Two processes for one run: recorded once, alone and as a trial of a sweep."""

import pytest

TWO_PROCESSES = ("trainer.accelerator=cpu", "trainer.devices=2", "trainer.strategy=ddp")


@pytest.fixture(scope="module")
def words(toys):
    """A short run on two processes."""
    return (
        *toys,
        *TWO_PROCESSES,
        "module._target_=toys.Regression",
        "task.monitor=val/loss",
        "task.mode=min",
        "trainer.max_epochs=1",
    )


@pytest.fixture(scope="module", autouse=True)
def there_is_a_store(lab, uninterrupted):
    """Counting runs needs one."""


def test_a_run_on_two_processes_is_one_run_in_mlflow(lab, words):
    before = lab.count()
    done = lab.process("run", *words, "--json")
    assert done.status == 0, done.err
    assert lab.count() == before + 1
    run = lab.mlflow_run(done.last["run_id"])
    assert run.info.status == "FINISHED"
    assert run.data.metrics["objective"] == pytest.approx(done.last["objective"])
    assert "test/loss" in run.data.metrics


def test_every_trial_of_a_sweep_on_two_processes_is_one_run(lab, words):
    before = lab.count()
    done = lab.process("run", "-m", *words, "module.hidden=4,8", "--json")
    assert done.status == 0, done.err
    assert lab.count() == before + 3  # the sweep's own and two trials
    assert [row["status"] for row in done.last["trials"]] == ["FINISHED", "FINISHED"]
    hidden = {run.data.params["module.hidden"] for run in lab.store.children(done.last["run_id"])}
    assert hidden == {"4", "8"}
