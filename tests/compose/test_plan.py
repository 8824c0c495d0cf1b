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


def test_a_sweep_over_nothing_is_one_trial(plan):
    made = plan("-m", "task=vision_classify")
    assert (made.trials, made.swept) == (1, ())


STORED = """# @package _global_
defaults: [{override /task: vision_classify}]
hydra:
  mode: MULTIRUN
  sweeper:
    params:
      optimizer.lr: 0.1,0.2
      seed: range(3)
      model.dropout: 0.3
"""


@pytest.fixture
def experiment(tmp_path):
    """Write an experiment into the user's own folder."""

    def write(name, text):
        (tmp_path / "experiments").mkdir(exist_ok=True)
        (tmp_path / "experiments" / f"{name}.yaml").write_text(text)

    return write


def test_a_sweep_that_a_file_stores_is_seen(plan, experiment):
    experiment("stored", STORED)
    made = plan("experiment=stored")
    assert made.line.multirun
    assert (made.trials, made.swept) == (6, ("optimizer.lr", "seed"))
    config = made.first.config
    assert (config.optimizer.lr, config.seed, config.model.dropout) == (0.1, 0, 0.3)


def test_a_misspelt_group_in_an_experiment_is_refused(plan, experiment):
    experiment(
        "typo",
        "# @package _global_\n"
        "defaults: [{override /task: vision_classify}]\n"
        "trainr: {max_epochs: 3}\n",
    )
    with pytest.raises(ConfigError, match="'trainr' is not a setting") as refused:
        plan("experiment=typo")
    assert refused.value.fix == "did you mean trainer?"


TASK_FILE = """# @package _global_
task: {{name: bad_task}}
module: {{_target_: labloom_bad.nets.Net}}
data: {{_target_: labloom_bad.nets.Data}}
{line}
"""


@pytest.mark.parametrize(
    ("node", "meant"),
    [
        ("trainr", "trainer"),
        ("optimiser", "optimizer"),
        ("taks", "task"),
        ("callback", "callbacks"),
    ],
)
def test_a_misspelt_group_in_a_task_file_is_refused(plan, plugin_folder, good_plugin, node, meant):
    option = "conf/task/bad_task.yaml"
    text = TASK_FILE.format(line=f"{node}: {{max_epochs: 3}}")
    folder = plugin_folder("bad", good_plugin.format(id="bad"), files={option: text})
    with pytest.raises(ConfigError, match=f"'{node}' is not a setting") as refused:
        plan("task=bad_task")
    assert refused.value.fix == f"did you mean {meant}?"
    assert refused.value.got == f"{node}: ... in {folder}/src/labloom_bad/{option}"


def test_a_task_file_may_bring_a_mapping_of_its_own(plan, plugin_folder, good_plugin):
    text = TASK_FILE.format(line="reward: {scale: 2.0}")
    plugin_folder("bad", good_plugin.format(id="bad"), files={"conf/task/bad_task.yaml": text})
    config = plan("task=bad_task", "reward.scale=3.0").first.config
    assert config.reward.scale == 3.0


def test_a_group_that_is_added_on_the_command_line_is_welcome(plan):
    assert plan("task=vision_classify", "+notes.why=curious").first.config.notes.why == "curious"


def test_a_typed_value_wins_over_a_stored_one(plan, experiment):
    experiment("stored", STORED)
    made = plan("experiment=stored", "optimizer.lr=0.5")
    assert (made.trials, made.swept, made.first.config.optimizer.lr) == (3, ("seed",), 0.5)


def test_a_typed_mode_is_a_sweep(plan):
    made = plan("task=vision_classify", "hydra.mode=MULTIRUN", "seed=1,2")
    assert made.line.multirun
    assert (made.trials, made.swept) == (2, ("seed",))


def test_stored_params_are_nothing_to_a_single_run(plan, experiment):
    experiment("stored", STORED.replace("MULTIRUN", "RUN"))
    made = plan("experiment=stored")
    assert (made.line.multirun, made.trials, made.swept) == (False, 1, ())


def test_a_wrong_stored_value_is_found(plan, experiment):
    experiment("stored", STORED.replace("0.1,0.2", "0.1,-1"))
    with pytest.raises(ConfigError, match=r"optimizer.lr cannot be -1"):
        plan("experiment=stored")


def test_a_stored_sweep_cannot_trust_packages(plan, experiment):
    experiment("stored", STORED.replace("seed: range(3)", "model._target_: mine.A,mine.B"))
    with pytest.raises(ConfigError, match=r"params sets model\._target_"):
        plan("experiment=stored")
