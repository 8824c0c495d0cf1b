import numpy as np
import pytest

from labloom_robotics.worlds.pictures import Canvas, turned

RED, BLUE, WHITE = (255, 0, 0), (0, 0, 255), (255, 255, 255)


@pytest.fixture
def canvas():
    return Canvas((0, 10, 0, 5), width=200)  # 20 pixels in a metre


def at(canvas, x, y):
    return tuple(canvas.pixels()[round((5 - y) * 20), round(x * 20)].tolist())


def test_the_height_follows_from_the_extent(canvas):
    assert canvas.pixels().shape == (100, 200, 3)
    assert canvas.pixels().dtype == np.uint8


def test_y_goes_upward(canvas):
    canvas.circle((2, 4), 0.5, fill=RED)
    assert at(canvas, 2, 4) == RED
    assert at(canvas, 2, 1) == WHITE


def test_a_disc_has_an_edge_and_covers_its_area(canvas):
    canvas.circle((5, 2.5), 1.0, fill=RED, edge=BLUE, thickness=0.2)
    assert at(canvas, 5, 2.5) == RED
    assert at(canvas, 5.9, 2.5) == BLUE
    covered = (1 - canvas.pixels()[..., 1] / 255).sum() / 400
    assert covered == pytest.approx(np.pi, rel=0.03)


def test_edges_are_smooth(canvas):
    canvas.polygon([(1, 1), (4, 1.7), (2, 4)], fill=BLUE)
    shades = {tuple(colour) for colour in canvas.pixels().reshape(-1, 3).tolist()}
    assert len(shades) > 5


def test_a_line_leaves_out_what_is_not_a_number(canvas):
    canvas.polyline([(1, 1), (np.nan, np.nan), (3, 1)], colour=RED, thickness=0.2)
    assert at(canvas, 2, 1) == RED


@pytest.mark.parametrize("points", [np.zeros((0, 2)), [(1, 1)], [(np.nan, np.nan), (1, 1)]])
def test_a_line_with_less_than_two_points_draws_nothing(canvas, points):
    canvas.polyline(points, colour=RED, thickness=0.5)
    assert (canvas.pixels() == 255).all()


def test_dashes_leave_gaps(canvas):
    canvas.dashes([(1, 2), (9, 2)], colour=RED, thickness=0.2, dash=0.5)
    row = canvas.pixels()[60, :, 1] < 100
    assert row.any()
    assert np.abs(np.diff(row.astype(int))).sum() >= 8


def test_rays_are_as_long_as_their_distances(canvas):
    canvas.rays((1, 1), [(1, 0), (0, 1)], [3.0, 1.0], colour=RED, thickness=0.1)
    assert at(canvas, 3.5, 1) == RED
    assert at(canvas, 4.5, 1) == WHITE
    assert at(canvas, 1, 1.8) == RED
    assert at(canvas, 1, 2.5) == WHITE


def test_dots_are_drawn_at_their_places(canvas):
    canvas.dots([(2, 2), (4, 3)], 0.3, colour=BLUE)
    assert at(canvas, 2, 2) == at(canvas, 4, 3) == BLUE


def test_a_shape_is_turned_counter_clockwise_and_then_moved():
    np.testing.assert_allclose(turned([(1, 0), (0, 2)], (5, 5), np.pi / 2), [[5, 6], [3, 5]])
