"""A run whose monitor is NaN has no objective, and no word or table pretends that it has."""

import csv
import math
from pathlib import Path
from typing import ClassVar

import pytest
from hydra.experimental.callback import Callback

DIVERGES = (
    "module._target_=toys.Regression",
    "task.monitor=val/loss",
    "task.mode=min",
    "optimizer=sgd",
    "trainer.max_epochs=2",
)


class Listening(Callback):
    """Hears what Hydra hands from each trial to its sweeper."""

    heard: ClassVar[list[float]] = []

    def on_job_end(self, config, job_return, **kwargs):
        self.heard.append(job_return.return_value)


@pytest.fixture(scope="module")
def diverged(lab, toys):
    """A run whose weights are NaN after its first epoch; what was printed, and the run."""
    done = lab.labloom("run", *toys, *DIVERGES, "optimizer.lr=1e30")
    return done, lab.newest()


@pytest.fixture(scope="module")
def all_diverged(lab, toys):
    """A sweep of two such runs, in a process of its own: what it prints, and its parent."""
    done = lab.process("run", "-m", *toys, *DIVERGES, "optimizer.lr=1e30,1e31")
    return done, lab.store.find_run("last", kind="sweep")


def test_it_is_finished_and_says_that_the_last_checkpoint_counts(diverged):
    done, run = diverged
    assert done.status == 0, done.err
    assert run.info.status == "FINISHED"
    assert "best    nan in validation: there is no best checkpoint; the last one counts" in done.out
    assert "inf" not in done.out.replace("info", "")
    log = (Path(run.data.tags["labloom.output_dir"]) / "run.log").read_text()
    assert "val/loss was never a finite number: there is no best checkpoint" in log


def test_its_objective_is_nan_in_mlflow_and_in_its_note(diverged):
    _, run = diverged
    assert math.isnan(run.data.metrics["objective"])
    assert "**val/loss was never a finite number**" in run.data.tags["mlflow.note.content"]


def test_its_last_checkpoint_is_the_one_that_counts(diverged):
    _, run = diverged
    assert Path(run.data.tags["labloom.checkpoint"]).name == "last.ckpt"
    folder = Path(run.data.tags["labloom.output_dir"]) / "checkpoints"
    assert [path.name for path in folder.glob("best*")] == []


def test_show_says_nan_and_no_number(lab, diverged):
    _, run = diverged
    shown = lab.labloom("show", run.info.run_id)
    assert "nan (val/loss was never a finite number)" in shown.out
    assert "best checkpoint" not in shown.out
    assert lab.labloom("show", run.info.run_id, "--json").last["objective"] is None


def test_two_runs_with_the_same_nan_do_not_differ_in_it(lab, diverged, all_diverged):
    trial = lab.store.children(all_diverged[1].info.run_id)[0]
    difference = lab.labloom("show", diverged[1].info.run_id, trial.info.run_id, "--json").last
    assert "objective" not in difference["metrics"]


def test_a_run_that_diverges_later_keeps_the_best_of_its_good_epochs(lab, toys):
    words = ("module._target_=toys.LateNaN", "task.monitor=val/score", "task.mode=min")
    run = lab.run(*toys, *words, "trainer.max_epochs=3")
    assert run["objective"] == pytest.approx(0.5)
    assert Path(run["checkpoint"]).name == "best-epoch002.ckpt"


def test_a_sweep_ranks_it_last_and_shows_nan(lab, toys, tmp_path):
    done = lab.labloom("run", "-m", *toys, *DIVERGES, "optimizer.lr=1e30,0.01")
    assert done.status == 0, done.err
    assert "chosen   trial 1" in done.out
    parent = lab.store.find_run("last", kind="sweep").info.run_id
    path = lab.store.client.download_artifacts(parent, "trials.csv", str(tmp_path))
    with Path(path).open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["trial"] for row in rows] == ["1", "0"]
    assert rows[1]["val/loss"] == "nan"


def test_a_sweep_in_which_all_diverge_chooses_none_and_says_so(all_diverged):
    done, parent = all_diverged
    assert done.status == 1
    assert "chosen" not in done.out
    assert "no trial of custom has a finite val/loss: none is chosen" in done.err
    assert parent.info.status == "FAILED"
    assert "Problem: no trial of custom" in parent.data.tags["mlflow.note.content"]


def test_nothing_is_drawn_of_it_that_warns(all_diverged):
    done, _ = all_diverged
    assert "RuntimeWarning" not in done.err
    assert "Traceback" not in done.err


def test_a_logged_infinity_is_shown_as_one(lab, toys):
    words = ("module._target_=toys.LateNaN", "task.monitor=null", "trainer.max_epochs=1")
    run = lab.run(*toys, *words)
    shown = lab.labloom("show", run["run_id"]).out
    line = next(line for line in shown.splitlines() if "val/score" in line)
    assert line.split() == ["val/score", "inf"]


@pytest.mark.parametrize(("mode", "worst"), [("min", math.inf), ("max", -math.inf)])
def test_a_sweeper_that_learns_is_told_the_worst_value_there_is(lab, toys, mode, worst):
    words = [word for word in DIVERGES if not word.startswith("task.mode")]
    words += [f"task.mode={mode}", "optimizer.lr=1e30,0.01"]
    Listening.heard.clear()
    name = f"{Listening.__module__}.{Listening.__qualname__}"
    done = lab.labloom("run", "-m", *toys, *words, f"+hydra.callbacks.listening._target_={name}")
    assert done.status == 0, done.err
    first, second = Listening.heard
    assert first == worst
    assert math.isfinite(second)
