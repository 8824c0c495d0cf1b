import numpy as np
import pytest

from labloom_robotics.worlds import raycast
from labloom_robotics.worlds.raycast import each_circle, ray_box, ray_circles, ray_segments

HERE = np.zeros((1, 2))
FOUR_RAYS = np.array([[[1.0, 0], [0, 1], [-1, 0], [0.8, 0.6]]])


def test_rays_meet_discs_where_geometry_says():
    centres, radii = np.array([[[4.0, 3.0], [-1.0, 0.0]]]), np.array([[1.0, 0.5]])
    distances = ray_circles(HERE, FOUR_RAYS, centres, radii)
    np.testing.assert_allclose(distances, [[np.inf, np.inf, 0.5, 4.0]])


def test_a_ray_from_inside_a_disc_has_the_distance_zero():
    distances = ray_circles(HERE, FOUR_RAYS, np.array([[[0.2, 0.1]]]), np.array([[0.5]]))
    np.testing.assert_array_equal(distances, np.zeros((1, 4)))


def test_a_disc_that_is_missed_has_no_distance():
    distances = each_circle(HERE, FOUR_RAYS, np.array([[[3.0, 0.0]]]), np.array([[1.0]]))
    np.testing.assert_allclose(distances[0, 0], [2.0, np.nan, np.nan, np.nan])


def test_rays_meet_segments_where_geometry_says():
    # x = 2 from y = -1 to 2: straight ahead at 2, and (0.8, 0.6) at (2, 1.5).
    distances = ray_segments(HERE, FOUR_RAYS, np.array([[[2.0, -1]]]), np.array([[[2.0, 2]]]))
    np.testing.assert_allclose(distances, [[2.0, np.inf, np.inf, 2.5]])


def test_rays_pass_beyond_both_ends_of_a_segment():
    rays = np.array([[[1.0, 0.0]]])
    above, below = np.array([[[2.0, 0.1]]]), np.array([[[2.0, 1.0]]])
    assert ray_segments(HERE, rays, above, below) == np.inf
    assert ray_segments(HERE, rays, -below * (-1, 1), -above * (-1, 1)) == np.inf


def test_a_ray_along_a_segment_does_not_meet_it():
    rays = np.array([[[1.0, 0.0]]])
    distances = ray_segments(HERE, rays, np.array([[[1.0, 0]]]), np.array([[[2.0, 0]]]))
    assert distances == np.inf


def test_every_ray_meets_the_square_around_it():
    distances = ray_box(HERE + 1, FOUR_RAYS, 5.0)
    np.testing.assert_allclose(distances, [[4.0, 4.0, 1.0, 5.0]])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_random_rays_end_on_the_nearest_shape(dtype):
    rng = np.random.default_rng(0)
    n, r, c, s = 7, 33, 5, 4
    angles = rng.uniform(-np.pi, np.pi, (n, r))
    origins = rng.uniform(0, 10, (n, 2)).astype(dtype)
    directions = np.stack([np.cos(angles), np.sin(angles)], axis=-1).astype(dtype)
    centres, radii = rng.uniform(0, 10, (n, c, 2)), rng.uniform(0.2, 0.6, (n, c))
    starts, ends = rng.uniform(0, 10, (2, n, s, 2))
    circles = ray_circles(origins, directions, centres.astype(dtype), radii.astype(dtype))
    segments = ray_segments(origins, directions, starts.astype(dtype), ends.astype(dtype))
    assert circles.dtype == segments.dtype == dtype
    for distances, gap in ((circles, _disc_gap), (segments, _segment_gap)):
        shapes = (centres, radii) if gap is _disc_gap else (starts, ends)
        first = _march(origins, directions, shapes, gap)
        np.testing.assert_array_equal(np.isinf(distances), np.isinf(first))
        met = np.isfinite(first)
        assert met.any()
        np.testing.assert_allclose(distances[met], first[met], atol=0.03)


def test_the_size_of_the_blocks_changes_nothing(monkeypatch):
    rng = np.random.default_rng(1)
    angles = rng.uniform(-np.pi, np.pi, (3, 20))
    directions = np.stack([np.cos(angles), np.sin(angles)], axis=-1)
    shapes = rng.uniform(0, 10, (3, 6, 2)), rng.uniform(0.2, 0.6, (3, 6))
    whole = ray_circles(np.full((3, 2), 5.0), directions, *shapes)
    monkeypatch.setattr(raycast, "BLOCK", 1)
    np.testing.assert_array_equal(ray_circles(np.full((3, 2), 5.0), directions, *shapes), whole)


def test_without_shapes_nothing_is_met():
    assert np.isinf(ray_circles(HERE, FOUR_RAYS, np.zeros((1, 0, 2)), np.zeros((1, 0)))).all()
    assert np.isinf(ray_segments(HERE, FOUR_RAYS, *np.zeros((2, 1, 0, 2)))).all()


def _march(origins, directions, shapes, gap, step=0.001, far=15.0):
    """Distances found by walking along the rays in small steps."""
    ts = np.arange(0, far, step)
    first = np.full(directions.shape[:2], np.inf)
    for i, origin in enumerate(origins.astype(float)):
        for j, direction in enumerate(directions[i].astype(float)):
            points = origin + ts[:, None] * direction  # [t, 2]
            met = gap(points, *(shape[i] for shape in shapes))
            if met.any():
                first[i, j] = ts[met.argmax()]
    return first


def _disc_gap(points, centres, radii):
    return (np.linalg.norm(points[:, None] - centres, axis=-1) <= radii).any(axis=1)


def _segment_gap(points, starts, ends):
    """Whether the way from one point to the next crosses a segment."""
    met = np.zeros(len(points), dtype=bool)
    for start, end in zip(starts, ends, strict=True):
        span = end - start
        side = np.sign(span[0] * (points - start)[:, 1] - span[1] * (points - start)[:, 0])
        along = (points - start) @ span / (span @ span)
        met[1:] |= (side[1:] != side[:-1]) & (along[1:] > 0) & (along[1:] < 1)
    return met
