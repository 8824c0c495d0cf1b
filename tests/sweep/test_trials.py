import pytest

from labloom.sweep.report import (
    best_so_far,
    confirmation_in_words,
    history_figure,
    note,
    rerun_command,
    table_rows,
)
from labloom.sweep.result import Confirmation, SweepResult
from labloom.sweep.trials import TrialResult, best_trials, ranked, without_choice


def trial(
    number, objective, *, mode="max", status="FINISHED", task="a_task", monitor="val/acc", **more
):
    return TrialResult(
        number=number,
        run_id=f"run{number}",
        status=status,
        task=task,
        monitor=monitor,
        mode=mode,
        objective=objective,
        swept={"optimizer.lr": str(number)},
        **{"overrides": ["task=a_task", f"optimizer.lr={number}"], **more},
    )


def numbers(trials):
    return [trial.number for trial in trials]


def test_the_best_is_the_largest_or_the_smallest_as_the_mode_says():
    up = [trial(0, 0.5), trial(1, 0.9), trial(2, 0.7)]
    down = [trial(0, 0.5, mode="min"), trial(1, 0.9, mode="min")]
    assert numbers(best_trials(up)) == [1]
    assert numbers(best_trials(down)) == [0]


def test_of_equal_trials_the_first_is_chosen():
    assert numbers(best_trials([trial(0, 0.9), trial(1, 0.9)])) == [0]


def test_an_objective_of_zero_counts():
    assert numbers(best_trials([trial(0, 0.0, mode="min"), trial(1, 0.1, mode="min")])) == [0]


def test_failed_trials_and_trials_without_objective_are_never_chosen():
    assert best_trials([trial(0, None), trial(1, 0.9, status="FAILED")]) == []


def test_a_task_whose_trials_all_diverged_is_a_problem_and_its_neighbour_is_none():
    trials = [
        trial(0, None, diverged=True, task="one", monitor="val/rmse"),
        trial(1, None, diverged=True, task="two"),
        trial(2, 0.5, task="two"),
        trial(3, None, task="without_monitor", monitor=None),
    ]
    assert without_choice(trials) == ["no trial of one has a finite val/rmse: none is chosen"]
    assert numbers(best_trials(trials)) == [2]


def test_each_task_of_a_sweep_has_its_own_best():
    found = best_trials([trial(0, 0.5, task="one"), trial(1, 0.9, task="two")])
    assert numbers(found) == [0, 1]


def test_the_table_is_best_first_and_keeps_trials_without_objective_at_the_end():
    trials = [trial(0, 0.5), trial(1, None, status="FAILED", error="no luck"), trial(2, 0.7)]
    assert numbers(ranked(trials)) == [2, 0, 1]
    rows = table_rows(result(trials))
    assert [row["val/acc"] for row in rows] == [0.7, 0.5, None]
    assert rows[2]["error"] == "no luck"


def test_the_best_so_far_never_gets_worse():
    trials = [trial(0, None), trial(1, 0.5), trial(2, 0.3), trial(3, 0.9)]
    assert best_so_far(trials) == [None, 0.5, 0.5, 0.9]


def result(trials, **more):
    return SweepResult(
        name="sweep",
        run_id="parent",
        output_dir="out",
        swept=["optimizer.lr"],
        trials=trials,
        **more,
    )


def test_the_note_has_the_command_of_the_chosen_trial_and_its_test():
    best = trial(1, 0.9)
    text = note(result([trial(0, 0.5), best], chosen=[best], tested={"run1": {"test/acc": 0.88}}))
    assert "2 of 2 trials finished" in text
    assert "labloom run task=a_task optimizer.lr=1" in text
    assert "test/acc 0.8800" in text


def test_a_confirmation_tells_mean_and_sample_deviation():
    runs = [trial(i, 0.9, metrics={"test/acc": value}) for i, value in enumerate((0.9, 1.0, 0.95))]
    confirmation = Confirmation(override="seed=0,1,2", trials=runs, metric="test/acc")
    assert round(confirmation.mean, 6) == 0.95
    assert round(confirmation.spread, 6) == 0.05


def test_the_figure_shows_every_scored_trial():
    figure = history_figure([trial(0, 0.5), trial(1, None), trial(2, 0.7)])
    points, _ = figure.axes[0].get_lines()
    assert list(points.get_xdata()) == [0, 2]


def test_a_trial_without_monitor_has_the_columns_of_the_others():
    failed = trial(0, None, mode=None, monitor=None, status="FAILED", error="never opened")
    trials = [failed, trial(1, 0.5)]
    rows = table_rows(result(trials))
    assert [list(row) for row in rows] == [list(rows[0])] * 2
    assert [row["val/acc"] for row in rows] == [0.5, None]
    assert "val/acc" in note(result(trials))


def test_trials_of_different_monitors_share_one_column():
    trials = [trial(0, 0.5), trial(1, 0.1, task="other", monitor="val/loss", mode="min")]
    assert sorted(row["objective"] for row in table_rows(result(trials))) == [0.1, 0.5]
    assert "objective" in note(result(trials))
    assert history_figure(trials).axes[0].get_ylabel() == "objective"


def test_objectives_of_different_kinds_have_no_common_best():
    trials = [trial(0, 0.5), trial(1, 0.1, task="other", monitor="val/loss", mode="min")]
    assert best_so_far(trials) == [None, None]


def test_the_command_to_run_a_trial_again_hides_secrets_and_names_the_config_folder():
    one = trial(0, 0.5, overrides=["task=a_task", "data.password=hunter2"], config_dir="/own")
    assert rerun_command(one) == "labloom run --config-dir /own task=a_task 'data.password=***'"


def test_a_confirmation_is_told_in_two_lines_that_fit_a_terminal():
    runs = [trial(i, 0.9, metrics={"test/acc": 0.98 + i / 1000}) for i in range(5)]
    confirmation = Confirmation(
        override="data.split_seed=0,1,2,3,4", trials=runs, metric="test/acc"
    )
    first, second = confirmation_in_words(confirmation).splitlines()
    assert first == "test/acc 0.9820 +- 0.0016 over 5 runs (0.9800 to 0.9840)"
    assert second == "data.split_seed=0,1,2,3,4; mean and standard deviation"


def test_problems_make_a_sweep_fail_and_stand_in_its_note():
    broken = result([trial(0, 0.5)], problems=["the test of trial 0 failed: no luck"])
    assert not broken.succeeded
    assert "Problem: the test of trial 0 failed: no luck" in note(broken)


@pytest.mark.parametrize("status", ["FAILED", "KILLED", "RUNNING"])
def test_a_confirmation_with_a_trial_that_did_not_finish_is_no_success(status):
    again = Confirmation(
        override="seed=0", trials=[trial(0, None, status=status)], metric="test/acc"
    )
    found = result([trial(0, 0.5)], confirmation=again)
    assert not found.succeeded
    assert len(found.all_trials) == 2
