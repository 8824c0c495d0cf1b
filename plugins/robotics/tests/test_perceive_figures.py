"""Figures of a perception run: which epoch they show, what is on them, what is left out."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from matplotlib.colors import to_rgb

from labloom_robotics.perceive_figures import (
    COLOURS,
    ClassConfusion,
    ScanPictures,
    scans_figure,
)

CLASSES = ("free", "wall", "box")


class FigureLog:
    """Keeps figures, as labloom's own logger does."""

    def __init__(self):
        self.figures = {}

    @property
    def experiment(self):
        return self

    def log_figure(self, name, figure):
        assert name not in self.figures
        self.figures[name] = figure


def trainer(log=None, epoch=0, **metrics):
    return SimpleNamespace(
        is_global_zero=True,
        logger=log,
        sanity_checking=False,
        current_epoch=epoch,
        callback_metrics={f"val/{name}": torch.tensor(value) for name, value in metrics.items()},
    )


def module(count=0.0):
    counts = torch.full((3, 3), int(count))
    return SimpleNamespace(
        classes=CLASSES, cell_size=1.0, max_range=4.0, confusion={"val": counts, "test": counts}
    )


def batch(grid=True):
    scans = torch.full((6, 16), 0.5)
    classes = torch.ones(6, 16, dtype=torch.int64)
    targets = {"classes": classes}
    outputs = {"classes": torch.randn(6, 3, 16)}
    if grid:
        targets["grid"] = torch.zeros(6, 8, 8, dtype=torch.int8)
        outputs["grid"] = torch.zeros(6, 8, 8)
    return outputs, (scans, targets)


def page(**changed):
    """One scan: a return ahead and one to the left, one occupied cell ahead on the left."""
    scan = np.ones((1, 4), dtype=np.float32)
    scan[0, 0], scan[0, 1] = 0.5, 0.25  # 2 m ahead, 1 m to the left
    grid = np.zeros((1, 4, 4))
    grid[0, 3, 2] = 1  # x = 1.5 m, y = 0.5 m
    grid[0, 0] = -1
    classes = np.array([[2, 1, 0, 0]])
    return {
        "scans": scan,
        "classes": classes,
        "said_classes": classes,
        "grid": grid,
        "said_grid": np.abs(grid),
        **changed,
    }


def drawn(values):
    return scans_figure(values, CLASSES, cell=1.0, max_range=4.0, title="Test")


def test_ahead_is_up_and_left_is_left():
    figure = drawn(page())
    axes = figure.axes[0]
    places = axes.collections[0].get_offsets()
    assert np.allclose(places, [[0.0, 2.0], [-1.0, 0.0]], atol=1e-6)
    shown = axes.images[0].get_array()  # rows upward from the robot's back, columns from its left
    assert shown[3, 1] == 1
    assert np.ma.sum(shown) == 1


def test_returns_have_the_colours_of_their_classes_and_lost_ones_are_left_out():
    colours = drawn(page()).axes[0].collections[0].get_facecolors()
    assert np.allclose(colours[:, :3], [to_rgb(COLOURS[2]), to_rgb(COLOURS[1])])


def test_cells_that_are_not_asked_are_left_out_of_truth_and_prediction():
    for axes in drawn(page()).axes[:2]:
        assert axes.images[0].get_array().mask[0].all()
        assert not axes.images[0].get_array().mask[1:].any()


def test_of_a_range_image_the_first_layer_is_shown():
    one = page()
    layers = {
        name: np.stack([one[name], one[name]], 1) for name in ("scans", "classes", "said_classes")
    }
    places = drawn(page(**layers)).axes[0].collections[0].get_offsets()
    assert np.allclose(places, [[0.0, 2.0], [-1.0, 0.0]], atol=1e-6)


def test_a_figure_has_a_name_for_each_class():
    legend = drawn(page()).legends[0]
    assert [text.get_text() for text in legend.get_texts()] == list(CLASSES)


def test_the_best_epoch_is_shown():
    log, callback = FigureLog(), ClassConfusion(monitor="val/iou")
    for epoch, iou in enumerate((0.3, 0.6, 0.5)):
        callback.on_validation_end(trainer(epoch=epoch, iou=iou), module(epoch))
    callback.on_fit_end(trainer(log), module())
    assert callback.shown["counts"].sum() == 9
    assert callback.epoch == 1
    assert log.figures["val/confusion_matrix"].axes[0].get_title("left") == "Validation, epoch 2"


def test_a_resumed_run_shows_the_same_page():
    first, resumed = ClassConfusion("val/iou"), ClassConfusion("val/iou")
    first.on_validation_end(trainer(epoch=0, iou=0.6), module(5))
    resumed.load_state_dict(first.state_dict())
    resumed.on_validation_end(trainer(epoch=1, iou=0.5), module(7))
    assert resumed.epoch == 0
    assert torch.equal(resumed.shown["counts"], first.shown["counts"])


@pytest.mark.parametrize("split", ["val", "test"])
def test_the_first_scans_are_drawn(split):
    log, callback = FigureLog(), ScanPictures(count=3)
    outputs, given = batch()
    if split == "val":
        callback.on_validation_start(trainer(log), module())
        for index in range(2):
            callback.on_validation_batch_end(trainer(log), module(), outputs, given, index)
        callback.on_validation_end(trainer(log), module())
        callback.on_fit_end(trainer(log), module())
    else:
        callback.on_test_start(trainer(log), module())
        callback.on_test_batch_end(trainer(log), module(), outputs, given, 0)
        callback.on_test_end(trainer(log), module())
    assert len(log.figures[f"{split}/scans"].axes) == 6  # three columns of truth and prediction


def test_data_without_a_grid_and_loggers_without_figures_keep_nothing():
    for log, grid in ((FigureLog(), False), (None, True)):
        callback = ScanPictures()
        outputs, given = batch(grid=grid)
        callback.on_validation_batch_end(trainer(log), module(), outputs, given, 0)
        callback.on_validation_end(trainer(log), module())
        callback.on_fit_end(trainer(log), module())
        assert callback.shown is None
        assert log is None or not log.figures


def test_a_sanity_check_is_not_an_epoch():
    callback = ClassConfusion("val/iou")
    sanity = trainer(iou=0.9)
    sanity.sanity_checking = True
    callback.on_validation_end(sanity, module())
    assert callback.shown is None
