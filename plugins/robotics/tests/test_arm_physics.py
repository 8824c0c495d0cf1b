"""The physics of the arm, against numbers worked out elsewhere."""

import numpy as np
import pytest

from labloom_robotics.worlds.arm.contact import push_disc
from labloom_robotics.worlds.arm.kinematics import (
    LENGTHS,
    damped_inverse,
    jacobian,
    joint_places,
)

TWO, THREE = (np.array(LENGTHS[links]) for links in (2, 3))


@pytest.mark.parametrize(
    ("lengths", "angles", "tip"),
    [
        (TWO, [0, 0], (1, 0)),
        (TWO, [np.pi / 2, -np.pi / 2], (0.5, 0.5)),
        (TWO, [np.pi / 3, np.pi / 3], (0, 0.8660254)),  # (1/4 - 1/4, 2 * sqrt(3)/4)
        (THREE, [np.pi / 2, 0, -np.pi / 2], (0.25, 0.75)),
        (THREE, [np.pi, np.pi / 2, np.pi / 2], (-0.15, -0.35)),
    ],
)
def test_the_fingertip_is_where_geometry_puts_it(lengths, angles, tip):
    places = joint_places(np.array([angles], dtype=float), lengths)
    assert places[0, 0].tolist() == [0, 0]
    assert places[0, -1] == pytest.approx(tip, abs=1e-7)
    assert np.hypot(*np.diff(places[0], axis=0).T) == pytest.approx(lengths)


@pytest.mark.parametrize("lengths", [TWO, THREE])
def test_the_jacobian_is_the_derivative_of_the_fingertip(lengths):
    angles = np.random.default_rng(0).uniform(-2, 2, (20, len(lengths)))
    found = jacobian(joint_places(angles, lengths))
    for joint in range(len(lengths)):
        step = np.zeros(len(lengths))
        step[joint] = 1e-6
        ahead, behind = (joint_places(angles + s, lengths)[:, -1] for s in (step, -step))
        assert found[..., joint] == pytest.approx((ahead - behind) / 2e-6, abs=1e-8)


@pytest.mark.parametrize("lengths", [TWO, THREE])
def test_damped_least_squares_is_the_minimum_that_it_claims_to_be(lengths):
    random = np.random.default_rng(1)
    jacobians = jacobian(joint_places(random.uniform(-2, 2, (20, len(lengths))), lengths))
    velocity = random.normal(size=(20, 2))
    found = damped_inverse(jacobians, velocity, 0.1)
    for one, v, w in zip(jacobians, velocity, found, strict=True):
        # |J w - v|^2 + 0.1^2 |w|^2 as one least-squares problem
        stacked = np.vstack([one, 0.1 * np.eye(len(lengths))])
        wanted = np.linalg.lstsq(stacked, np.concatenate([v, np.zeros(len(lengths))]), rcond=None)
        assert w == pytest.approx(wanted[0])


def test_a_stretched_arm_is_not_torn_by_what_it_cannot_do():
    jacobians = jacobian(joint_places(np.zeros((1, 2)), TWO))
    assert damped_inverse(jacobians, np.array([[1.0, 0.0]]), 0.05) == pytest.approx(0)


def test_a_disc_that_is_not_touched_stays():
    disc = np.array([[0.5, 0.0]])
    assert push_disc(disc, np.array([[0.41, 0.0]])).tolist() == disc.tolist()


def test_a_disc_gives_way_along_the_line_between_the_middles():
    # 0.05 m apart at 3:4:5 instead of 0.08 m: the disc gives way by 0.03 m
    pushed = push_disc(np.array([[0.53, 0.14]]), np.array([[0.5, 0.1]]))
    assert pushed[0] == pytest.approx([0.5 + 0.08 * 0.6, 0.1 + 0.08 * 0.8])


def test_a_straight_push_through_the_middle_moves_the_disc_as_far():
    disc, tip = np.array([[0.5, 0.0]]), np.array([[0.3, 0.0]])
    for _ in range(30):
        tip = tip + np.array([0.01, 0.0])
        disc = push_disc(disc, tip)
    assert disc[0] == pytest.approx([0.6 + 0.08, 0.0])


def test_a_push_beside_the_middle_slips_past():
    disc, tip = np.array([[0.5, 0.0]]), np.array([[0.3, 0.05]])
    for _ in range(60):
        tip = tip + np.array([0.01, 0.0])
        disc = push_disc(disc, tip)
    # Both keep in touch until the fingertip is beside the disc: 0.08 m to the side.
    assert disc[0, 1] == pytest.approx(0.05 - 0.08, abs=2e-3)
    assert disc[0, 0] < tip[0, 0]


def test_a_fingertip_in_the_very_middle_still_gives_numbers():
    assert push_disc(np.array([[0.5, 0.0]]), np.array([[0.5, 0.0]]))[0] == pytest.approx([0.58, 0])
