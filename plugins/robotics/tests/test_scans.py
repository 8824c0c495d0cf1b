"""Drawn rooms, what the scanner measures in them, and which cells are taken."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from labloom.errors import ConfigError
from labloom_robotics.data.lidar import OBJECT_CLASSES, measure, ray_directions
from labloom_robotics.data.occupancy import cell_centres, occupancy
from labloom_robotics.data.scans import CHUNK, ScanData
from labloom_robotics.data.scenes import (
    BOX,
    CIRCLE_CLASSES,
    CLEARANCE,
    FREE,
    NOWHERE,
    PERSON,
    POLE,
    RECTANGLE_CLASSES,
    WALL,
    Scenes,
    draw_scenes,
    rotate,
)

LEG, POLE_AT = 0, 8  # slots of circles
BOX_AT = 2  # slot of rectangles
EXACT = {"noise": 0.0, "dropout": 0.0, "max_range": 8.0}


def scene(*, box=None, leg=None, pole=None, heading=0.0, half=(6.0, 3.0)) -> Scenes:
    """A room of 12 m x 6 m around the robot, and things: (x, y, half width) in m."""
    rectangles = np.full((1, len(RECTANGLE_CLASSES), 2), NOWHERE)
    halves = np.full((1, len(RECTANGLE_CLASSES), 2), 0.1)
    circles = np.full((1, len(CIRCLE_CLASSES), 2), NOWHERE)
    radii = np.full((1, len(CIRCLE_CLASSES)), 0.1)
    if box:
        rectangles[0, BOX_AT], halves[0, BOX_AT] = box[:2], box[2]
    for slot, thing in ((LEG, leg), (POLE_AT, pole)):
        if thing:
            circles[0, slot], radii[0, slot] = thing[:2], thing[2]
    return Scenes(
        room_centre=np.zeros((1, 2)),
        room_half=np.array([half]),
        heading=np.array([heading]),
        rectangles=rectangles,
        halves=halves,
        turns=np.zeros((1, len(RECTANGLE_CLASSES))),
        circles=circles,
        radii=radii,
    )


def scanned(scenes, rays=4, elevations=(0.0,), **options):
    random = np.random.default_rng(0)
    return measure(scenes, random, rays=rays, elevations=elevations, **{**EXACT, **options})


def test_rays_go_counter_clockwise_from_ahead():
    assert np.allclose(ray_directions(4), [[1, 0], [0, 1], [-1, 0], [0, -1]], atol=1e-6)


def test_distances_are_shares_of_the_range_and_the_nearest_thing_counts():
    room = scene(box=(2.0, 0.0, 0.5), leg=(0.0, 1.0, 0.1), pole=(-2.0, 0.0, 0.2))
    measured = scanned(room)
    assert np.allclose(measured.scans[0, 0] * 8.0, [1.5, 0.9, 1.8, 3.0], atol=1e-5)
    assert measured.classes[0, 0].tolist() == [BOX, PERSON, POLE, WALL]


def test_beyond_the_range_is_free():
    measured = scanned(scene(), max_range=4.0)
    assert measured.scans[0, 0].tolist() == [1.0, 0.75, 1.0, 0.75]
    assert measured.classes[0, 0].tolist() == [FREE, WALL, FREE, WALL]


def test_a_turned_room_is_seen_turned():
    measured = scanned(scene(heading=np.pi / 2))
    assert np.allclose(measured.scans[0, 0] * 8.0, [3.0, 6.0, 3.0, 6.0], atol=1e-5)


def test_a_lost_return_keeps_the_class_of_what_is_there():
    measured = scanned(scene(), dropout=0.9999999)
    assert (measured.scans == 1).all()
    assert (measured.classes == WALL).all()


def test_noise_has_its_standard_deviation():
    measured = scanned(scene(half=(3.0, 3.0)), rays=4096, noise=0.05)
    exact = scanned(scene(half=(3.0, 3.0)), rays=4096)
    errors = (measured.scans - exact.scans) * 8.0
    assert errors.std() == pytest.approx(0.05, rel=0.05)
    assert abs(errors.mean()) < 0.005


def test_a_layer_looks_over_what_is_low_and_down_to_the_floor():
    room = scene(box=(4.0, 0.0, 1.0))  # its front 3 m ahead, 0.7 m high
    elevations = (0.0, 10.0, -10.0)
    measured = scanned(room, elevations=elevations)
    # At 3 m a beam of 10 degrees is 0.83 m high; the wall at 6 m is hit at 1.36 m.
    assert measured.classes[0, :, 0].tolist() == [BOX, WALL, FREE]
    cosine = np.cos(np.radians(10))
    assert np.allclose(
        measured.scans[0, :, 0] * 8.0, [3.0, 6.0 / cosine, 0.3 / np.sin(np.radians(10))], atol=1e-4
    )


def test_what_no_ray_meets_is_not_seen():
    room = scene(box=(2.0, 0.0, 0.5), pole=(4.0, 0.0, 0.1))
    seen = scanned(room).seen[0]
    assert seen[0]
    assert seen[1 + BOX_AT]
    assert not seen[1 + len(RECTANGLE_CLASSES) + POLE_AT]


def test_objects_of_a_scene_do_not_touch_each_other_nor_the_robot():
    scenes = draw_scenes(np.random.default_rng(1), 64)
    for i in range(64):
        boxes = np.linalg.norm(scenes.halves[i], axis=1)
        legs = scenes.circles[i, :8].reshape(4, 2, 2)
        people = legs.mean(axis=1)
        step = np.linalg.norm(legs[:, 0] - people, axis=1)
        places = np.concatenate([scenes.rectangles[i], people, scenes.circles[i, 8:]])
        sizes = np.concatenate([boxes, scenes.radii[i, :8:2] + step, scenes.radii[i, 8:]])
        near = np.linalg.norm(places, axis=1) < 100
        places, sizes = places[near], sizes[near]
        assert (np.linalg.norm(places, axis=1) >= sizes + CLEARANCE).all()
        gaps = np.linalg.norm(places[:, None] - places[None], axis=-1)
        gaps -= sizes[:, None] + sizes[None]
        assert (gaps[~np.eye(len(places), dtype=bool)] > 0).all()


def test_the_robot_stands_inside_every_room():
    scenes = draw_scenes(np.random.default_rng(2), 256)
    inside = np.abs(rotate(-scenes.room_centre, -scenes.heading))
    assert (inside < scenes.room_half - CLEARANCE).all()


def test_all_classes_occur_in_drawn_scans():
    random = np.random.default_rng(3)
    measured = scanned(draw_scenes(random, 128), rays=64)
    shares = np.bincount(measured.classes.ravel(), minlength=5) / measured.classes.size
    assert (shares > 0.01).all()


def test_a_body_is_occupied_to_its_far_side_and_only_there():
    room = scene(box=(2.0, 1.0, 0.5))
    seen = np.ones((1, len(OBJECT_CLASSES)), dtype=bool)
    grid, cell = 24, 0.25
    truth = occupancy(room, seen, grid, cell)[0]
    centres = cell_centres(grid, cell)
    beyond = np.maximum(np.abs(centres - [2.0, 1.0]) - 0.5, 0)
    near_box = np.linalg.norm(beyond, axis=-1) <= cell / 2
    assert (truth[near_box] == 1).all()
    assert (truth[~near_box & (np.abs(centres[..., 1]) < 2.8)] == 0).all()


def test_walls_are_a_quarter_metre_deep_and_nothing_is_asked_behind_them():
    truth = occupancy(scene(), np.ones((1, len(OBJECT_CLASSES)), dtype=bool), 40, 0.25)[0]
    across = truth[20]  # to the left and right of the robot; the walls' surfaces at 3 m
    aside = np.abs((np.arange(40) - 19.5) * 0.25)
    assert (across[aside < 2.8] == 0).all()
    assert (across[(aside > 2.9) & (aside < 3.2)] == 1).all()
    assert (across[aside > 3.3] == -1).all()


def test_what_no_ray_meets_is_not_asked():
    room = scene(box=(2.0, 0.0, 0.3))
    unseen = np.zeros((1, len(OBJECT_CLASSES)), dtype=bool)
    truth = occupancy(room, unseen, 24, 0.25)[0]
    centres = cell_centres(24, 0.25)
    inside = (np.abs(centres - [2.0, 0.0]) < 0.3).all(axis=-1)
    assert (truth[inside] == -1).all()


def test_a_data_module_tells_its_sizes_and_gives_batches_in_them():
    data = ScanData(train_scenes=40, val_scenes=20, test_scenes=10, rays=32, grid=16)
    data.setup("fit")
    spec = dict(data.spec)
    data.setup("test")
    assert data.spec == spec
    assert spec["shape"] == spec["target_shape"] == [32]
    assert spec["grid"] == [16, 16]
    inputs, targets = next(iter(data.train_dataloader()))
    assert inputs.shape == (40, 32)
    assert inputs.dtype == torch.float32
    assert inputs.min() >= 0
    assert inputs.max() <= 1
    assert targets["classes"].shape == (40, 32)
    assert targets["classes"].dtype == torch.int64
    assert targets["grid"].shape == (40, 16, 16)
    assert targets["grid"].dtype == torch.int8
    assert len(data.val_dataloader().dataset) == 20
    assert len(data.test_dataloader().dataset) == 10
    assert data.example_inputs()[0].shape == (32,)


def test_several_elevations_give_range_images():
    sizes = {"train_scenes": 8, "val_scenes": 8, "test_scenes": 8}
    data = ScanData(**sizes, rays=32, elevations=[-4.0, 0.0, 4.0])
    data.setup()
    inputs, targets = next(iter(data.val_dataloader()))
    assert inputs.shape == targets["classes"].shape == (8, 3, 32)
    assert data.spec["shape"] == [3, 32]


def test_the_seed_decides_and_more_scenes_begin_with_the_same_ones():
    def train(scenes, seed=0):
        data = ScanData(train_scenes=scenes, val_scenes=8, test_scenes=8, rays=16, scenes_seed=seed)
        data.setup()
        return data

    few, many, other = train(16), train(CHUNK + 8), train(16, seed=1)
    assert torch.equal(few._splits["train"].inputs, many._splits["train"].inputs[:16])
    assert few.fingerprint["train"] == train(16).fingerprint["train"]
    assert few.fingerprint["train"] != other.fingerprint["train"]
    assert len({*few.fingerprint.values()}) == 3


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("train_scenes", 0),
        ("test_scenes", 1.5),
        ("grid", 0),
        ("rays", 15),
        ("max_range", 0),
        ("cell_size", -1.0),
        ("dropout", 1.0),
        ("noise", -0.1),
        ("scenes_seed", -1),
        ("elevations", []),
        ("elevations", [60.0]),
        ("batch_size", 0),
        ("num_workers", -1),
    ],
)
def test_arguments_out_of_range_are_refused(key, value):
    with pytest.raises(ConfigError, match=rf"data\.{key} cannot be used"):
        ScanData(**{key: value})
