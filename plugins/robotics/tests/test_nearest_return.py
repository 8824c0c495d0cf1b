"""The rules that perception is compared with, on scans whose answer is plain."""

from __future__ import annotations

import numpy as np
import pytest

from labloom_robotics.data.scenes import BOX, FREE, PERSON, POLE, WALL
from labloom_robotics.nearest_return import nearest_return_classes, nearest_return_grid

RAYS = 120  # 3 degrees each


def scan(**things) -> np.ndarray:
    """Shares of a range of 8 m; a thing is (first ray, last ray, distance in m)."""
    distances = np.full(RAYS, 8.0)
    for first, last, away in things.values():
        distances[np.arange(first, last + 1) % RAYS] = away
    return (distances / 8.0)[None].astype(np.float32)


def test_width_tells_walls_boxes_and_poles_apart():
    classes = nearest_return_classes(scan(a=(0, 20, 2.0), b=(40, 46, 2.0), c=(80, 81, 2.0)), 8.0)[0]
    assert (classes[0:21] == WALL).all()  # 1 m and more across an arc of 60 degrees
    assert (classes[40:47] == BOX).all()  # 0.63 m
    assert (classes[80:82] == POLE).all()  # 0.1 m
    assert (classes[50:80] == FREE).all()


def test_two_narrow_things_close_together_are_legs():
    classes = nearest_return_classes(scan(left=(10, 11, 2.0), right=(14, 15, 2.0)), 8.0)[0]
    assert (classes[[10, 11, 14, 15]] == PERSON).all()


def test_a_thing_across_the_first_ray_is_one_thing():
    classes = nearest_return_classes(scan(ahead=(-3, 3, 2.0)), 8.0)[0]
    assert (classes[[-3, -1, 0, 1, 3]] == BOX).all()


def test_a_jump_of_distance_parts_two_things():
    classes = nearest_return_classes(scan(near=(10, 11, 1.0), far=(12, 40, 3.0)), 8.0)[0]
    assert classes[10] == POLE
    assert classes[30] == WALL


def test_a_single_lost_return_does_not_part_a_wall():
    wall = scan(wall=(0, 20, 2.0))
    wall[0, 10] = 1.0
    assert (nearest_return_classes(wall, 8.0)[0, :21] == WALL).all()


def test_an_empty_scan_is_free():
    assert (nearest_return_classes(scan(), 8.0) == FREE).all()


def test_a_ring_without_borders_is_one_wall():
    assert (nearest_return_classes(scan(all=(0, RAYS - 1, 2.0)), 8.0) == WALL).all()


def test_cells_with_a_return_are_occupied_and_with_depth_those_behind():
    one = np.ones((1, 4), dtype=np.float32)
    one[0, 0] = 1.3 / 8.0  # ahead
    grid = nearest_return_grid(one, 8.0, grid=8, cell=1.0)[0]
    assert grid.sum() == 1
    assert grid[5, 4] == 1
    deeper = nearest_return_grid(one, 8.0, grid=8, cell=1.0, depth=1.0)[0]
    assert deeper.sum() == 2
    assert deeper[6, 4] == 1


@pytest.mark.parametrize("depth", [0.0, 1.0])
def test_returns_off_the_grid_mark_nothing(depth):
    far = np.full((1, 8), 0.9, dtype=np.float32)
    assert nearest_return_grid(far, 8.0, grid=8, cell=0.5, depth=depth).sum() == 0
