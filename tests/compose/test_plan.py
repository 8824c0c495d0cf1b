import pytest

from labloom.compose.arguments import parse
from labloom.compose.composing import hydra_ready
from labloom.compose.plan import check_plan
from labloom.errors import ConfigError


@pytest.fixture
def plan(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def make(*words):
        with hydra_ready():
            return check_plan(parse(words))

    return make


def test_a_single_run_is_one_trial_without_swept_keys(plan):
    made = plan("task=vision_classify")
    assert (made.trials, made.swept) == (1, ())


def test_a_grid_counts_every_combination(plan):
    made = plan("-m", "task=vision_classify", "model=vision_mlp,vision_cnn", "seed=range(3)")
    assert (made.trials, made.swept) == (6, ("model", "seed"))


def test_a_glob_is_resolved(plan):
    made = plan("-m", "task=vision_classify", "optimizer=glob(*)")
    assert made.trials == 6


def test_every_experiment_can_be_swept(plan):
    assert plan("-m", "experiment=glob(*)", "debug=fast").swept == ("experiment",)


def test_the_first_trial_has_the_first_values(plan):
    made = plan("-m", "task=vision_classify", "optimizer.lr=0.1,0.2")
    assert made.first.config.optimizer.lr == 0.1


def test_values_that_a_sweeper_draws_are_not_counted(plan):
    assert plan("-m", "task=vision_classify", "optimizer.lr=interval(0.1,0.2)").trials is None


def test_a_wrong_value_anywhere_is_found_before_the_first_trial(plan):
    with pytest.raises(ConfigError, match=r"optimizer.lr cannot be -1"):
        plan("-m", "task=vision_classify", "seed=1,2", "optimizer.lr=0.1,0.2,-1")
