"""Which epoch a figure shows, and where it is drawn."""

from types import SimpleNamespace

import pytest

from labloom.callbacks.best_epoch import BestEpoch, figure_log


def trainer(**metrics):
    return SimpleNamespace(callback_metrics=metrics)


@pytest.mark.parametrize(
    ("mode", "best"), [("max", [True, False, True, False]), ("min", [True, True, False, False])]
)
def test_the_best_epoch_so_far_is_the_one_to_show(mode, best):
    epochs = BestEpoch("accuracy", mode)
    values = (0.5, 0.4, 0.6, 0.5)
    assert [epochs.improved(trainer(accuracy=value)) for value in values] == best
    assert epochs.value == (0.6 if mode == "max" else 0.4)


def test_a_resumed_run_goes_on_from_the_value_of_its_checkpoint():
    epochs = BestEpoch("accuracy", "max")
    epochs.value = 0.6
    assert not epochs.improved(trainer(accuracy=0.6))


@pytest.mark.parametrize("monitor", [None, "other"])
def test_every_epoch_is_shown_when_nothing_is_watched(monitor):
    epochs = BestEpoch(monitor, "max")
    assert [epochs.improved(trainer(accuracy=value)) for value in (0.5, 0.4)] == [True, True]
    assert epochs.value is None


def test_figures_go_to_the_logger_of_the_first_process_if_it_takes_them():
    drawing = SimpleNamespace(experiment=SimpleNamespace(log_figure=print))
    assert figure_log(SimpleNamespace(is_global_zero=True, logger=drawing)) is print
    assert figure_log(SimpleNamespace(is_global_zero=False, logger=drawing)) is None
    assert figure_log(SimpleNamespace(is_global_zero=True, logger=None)) is None
    plain = SimpleNamespace(experiment=object())
    assert figure_log(SimpleNamespace(is_global_zero=True, logger=plain)) is None
