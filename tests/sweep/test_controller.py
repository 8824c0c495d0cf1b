from pathlib import Path

from labloom.compose.arguments import CommandLine
from labloom.sweep.controller import sweep_command, sweep_name
from labloom.sweep.finals import untraced


def test_a_folder_that_the_user_named_names_the_sweep_in_full():
    name = sweep_name(Path("outputs/learning-rates-of-the-second-paper"))
    assert name == "sweep learning-rates-of-the-second-paper"


def test_our_own_folder_names_the_sweep_without_microseconds():
    name = sweep_name(Path("outputs/sweeps/2026-01-01_00-00-00-123456"))
    assert name == "sweep 2026-01-01_00-00-00"


def test_the_recorded_command_of_a_sweep_hides_secrets():
    line = CommandLine(flags=("--multirun",), overrides=("data.password=hunter2", "seed=1,2"))
    assert sweep_command(line) == "labloom run -m 'data.password=***' seed=1,2"


def test_trials_that_left_no_trace_are_counted():
    assert untraced([], 8) == ["8 of 8 trials left no trace"]
    assert untraced([], 0) == []
