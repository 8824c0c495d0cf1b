"""Figures of ways and of returns."""

import numpy as np
import pytest

from labloom.record.figures import save_figure
from labloom_robotics.evaluation.recorder import COLLISION, SUCCESS, Recording
from labloom_robotics.evaluation.trajectories import episode_figure, trajectory_figure


def way(outcome=SUCCESS, extent=(0, 10, 0, 10)):
    return Recording(
        seed=7,
        returns=[1.0, 2.5],
        outcome=outcome,
        path=np.array([[1.0, 1.0], [2.0, 8.0]]),
        scene=np.zeros((40, 40, 3), dtype=np.uint8),
        extent=extent,
    )


def test_each_way_has_a_panel_on_its_map(tmp_path):
    figure = trajectory_figure([way(), way(COLLISION)], "Test")
    panels = [axes for axes in figure.axes if axes.images]
    assert len(panels) == 2
    assert panels[1].get_title(loc="right") == "collision, 2.5"
    assert panels[0].get_xlim() == (0, 10)
    assert save_figure(figure, tmp_path / "a").stat().st_size > 0


def test_ways_that_leave_their_pictures_share_a_panel():
    figure = trajectory_figure([way(), way(extent=(0, 10, 0, 5))], "Test")
    assert len(figure.axes) == 1
    assert not figure.axes[0].images


def test_a_world_without_places_has_no_ways():
    with pytest.raises(ValueError, match="expected recordings with paths"):
        trajectory_figure([Recording(seed=1)], "Test")


def test_shares_are_drawn_only_where_they_are_known(tmp_path):
    plain = [{"seed": seed, "return": 500} for seed in range(20)]
    figure = episode_figure(plain, "Test")
    assert len(figure.axes) == 1
    assert "mean 500" in figure.axes[0].get_title(loc="left")
    save_figure(figure, tmp_path / "a")
    told = [row | {"success": row["seed"] < 15, "collision": False} for row in plain]
    texts = [text.get_text() for text in episode_figure(told, "Test").axes[0].texts]
    assert texts == ["success  75%  (53% to 89%)", "collision  0%  (0% to 16%)"]
