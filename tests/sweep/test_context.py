import os

from labloom.compose.composing import compose_config, hydra_ready
from labloom.sweep.context import VARIABLE, current_trial, sweep_context


def composed(tmp_path, monkeypatch, *overrides):
    monkeypatch.chdir(tmp_path)
    with hydra_ready():
        return compose_config([*overrides, "+hydra.job.num=3"])


def test_outside_of_a_sweep_there_is_no_trial(tmp_path, monkeypatch):
    assert current_trial(composed(tmp_path, monkeypatch, "task=vision_classify")) is None


def test_a_trial_knows_its_number_parent_and_swept_values(tmp_path, monkeypatch):
    config = composed(tmp_path, monkeypatch, "task=vision_classify", "optimizer.lr=0.1", "seed=2")
    with sweep_context("parent", ["optimizer.lr", "model"]):
        trial = current_trial(config)
    assert (trial.number, trial.parent_run_id, trial.purpose) == (3, "parent", "search")
    assert trial.swept == {"optimizer.lr": "0.1"}


def test_the_environment_is_left_as_it_was():
    with sweep_context("outer", []):
        with sweep_context("inner", [], "confirm"):
            assert "inner" in os.environ[VARIABLE]
        assert "outer" in os.environ[VARIABLE]
    assert VARIABLE not in os.environ
