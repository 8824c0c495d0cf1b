import pytest

from labloom.compose.job import Trial
from labloom.errors import ConfigError

CUSTOM = ("task=custom", "module._target_=my.Net", "data._target_=my.Data")


def test_seed_0_is_a_seed(job):
    assert job("task=vision_classify", "seed=0").config.seed == 0
    assert job("task=vision_classify", "seed=null").config.seed is None


def test_the_task_fills_in_monitor_and_mode(job):
    task = job("task=vision_classify").config.task
    assert (task.name, task.monitor, task.mode) == ("vision_classify", "val/acc", "max")


def test_a_typed_monitor_wins_over_the_tasks(job):
    task = job("task=vision_classify", "task.monitor=val/loss", "task.mode=min").config.task
    assert (task.monitor, task.mode) == ("val/loss", "min")


def test_a_monitor_can_be_taken_away(job):
    assert job("task=vision_classify", "task.monitor=null").config.task.monitor is None


def test_another_monitor_needs_its_own_mode(job):
    with pytest.raises(ConfigError, match=r"task\.mode is null"):
        job("task=vision_classify", "task.monitor=val/loss")


def test_a_single_run_is_tested_and_a_trial_is_not(job):
    trial = Trial(number=0, parent_run_id="p", swept={})
    assert job("task=vision_classify").tests
    assert not job("task=vision_classify", trial=trial).tests
    assert job("task=vision_classify", "test=true", trial=trial).tests
    assert not job("task=vision_classify", "test=false").tests


def test_a_run_that_confirms_the_choice_is_tested(job):
    trial = Trial(number=0, parent_run_id="p", swept={}, purpose="confirm")
    assert job("task=vision_classify", trial=trial).tests


def test_debug_shortens_the_run_and_a_typed_value_still_wins(job):
    assert job("task=vision_classify", "debug=fast").config.trainer.max_epochs == 1
    typed = job("task=vision_classify", "debug=fast", "trainer.max_epochs=3")
    assert typed.config.trainer.max_epochs == 3
    assert typed.config.trainer.limit_train_batches == 2


def test_every_debug_overlay_composes(job):
    for overlay in ("fast", "overfit", "limit", "profile"):
        job("task=vision_classify", f"debug={overlay}")


def test_every_optimizer_and_scheduler_composes(job):
    for optimizer in ("gd", "sgd", "momentum", "adam", "adamw", "rmsprop"):
        for scheduler in ("none", "cosine", "linear", "onecycle", "step", "plateau"):
            job("task=vision_classify", f"optimizer={optimizer}", f"scheduler={scheduler}")


def test_an_option_of_a_plugins_own_group_file_may_be_replaced(job):
    made = job("task=vision_classify", "model=vision_mlp")
    assert made.choices["model"] == "vision_mlp"
    assert "labloom_vision" in made.config.model._target_


def test_the_environment_names_the_data_folder(job, monkeypatch):
    monkeypatch.setenv("LABLOOM_DATA", "/somewhere")
    assert job("task=vision_classify").config.paths.data == "/somewhere"
    assert job("task=vision_classify", "paths.data=here").config.paths.data == "here"


def test_custom_arguments_need_no_plus_and_are_shown_as_typed(job):
    made = job(*CUSTOM, "module.hidden=64")
    assert made.config.module.hidden == 64
    assert made.overrides == (*CUSTOM, "module.hidden=64")
    assert made.command == "labloom run " + " ".join((*CUSTOM, "module.hidden=64"))


def test_packages_that_the_command_line_names_are_trusted(job):
    assert job(*CUSTOM, "targets=[other]").trusted_packages == ("my", "other")


def test_a_new_argument_of_a_plugins_class_may_be_added(job):
    assert job("task=vision_classify", "+model.bias=false").config.model.bias is False


def test_an_experiment_of_the_working_directory_changes_the_task(job, tmp_path):
    (tmp_path / "experiments").mkdir()
    (tmp_path / "experiments" / "mine.yaml").write_text(
        "# @package _global_\n"
        "defaults: [{override /task: vision_classify}, {override /model: vision_mlp}]\n"
        "seed: 7\n"
    )
    made = job("experiment=mine")
    assert (made.config.seed, made.choices["model"]) == (7, "vision_mlp")
    assert job("experiment=mine", "seed=8").config.seed == 8


def test_the_users_own_experiment_hides_a_shipped_namesake(job, tmp_path):
    (tmp_path / "experiments").mkdir()
    (tmp_path / "experiments" / "vision_digits.yaml").write_text(
        "# @package _global_\ndefaults: [{override /task: vision_classify}]\nseed: 77\n"
    )
    assert job("experiment=vision_digits").config.seed == 77


def test_nothing_is_created_by_composing(job, tmp_path):
    job("task=vision_classify")
    assert list(tmp_path.iterdir()) == []


def test_two_packages_of_one_group_are_no_contradiction(job):
    config = job(
        "task=vision_classify", "+model@teacher=vision_cnn", "+model@student=vision_mlp"
    ).config
    assert config.teacher._target_ != config.student._target_


def test_only_the_cores_own_full_batch_optimizer_excludes_accumulation(job):
    made = job(
        "task=vision_classify",
        "optimizer._target_=mine.GradientDescentLike",
        "trainer.accumulate_grad_batches=2",
    )
    assert made.config.trainer.accumulate_grad_batches == 2


@pytest.mark.parametrize(
    "group", ["scheduler", "trainer", "callbacks", "tracking", "sweep", "optimizer", "paths"]
)
def test_a_core_group_cannot_be_left_out(job, group):
    for typed in (f"{group}=null", f"~{group}"):
        with pytest.raises(ConfigError, match=group):
            job("task=vision_classify", typed)


@pytest.mark.parametrize("group", ["task", "trainer", "data"])
def test_an_experiment_cannot_empty_a_group(job, tmp_path, group):
    (tmp_path / "experiments").mkdir()
    (tmp_path / "experiments" / "mine.yaml").write_text(
        f"# @package _global_\ndefaults: [{{override /task: vision_classify}}]\n{group}: null\n"
    )
    with pytest.raises(ConfigError, match=f"'{group}' is no mapping"):
        job("experiment=mine")


@pytest.mark.parametrize("precision", ["16", "32", "bf16-mixed", "'64'", "null"])
def test_the_precisions_of_lightning_are_taken(job, precision):
    job("task=vision_classify", f"trainer.precision={precision}")
