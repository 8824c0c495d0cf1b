"""Confidence intervals against numbers from elsewhere."""

import math

import numpy as np
import pytest

from labloom_robotics.evaluation.intervals import mean_interval, wilson_interval


def test_wilson_gives_the_published_numbers():
    # Newcombe 1998, Statistics in Medicine 17:857, table I, method 3 (score, no correction).
    published = {
        (81, 263): (0.2553, 0.3662),
        (15, 148): (0.0624, 0.1605),
        (0, 20): (0.0, 0.1611),
        (1, 29): (0.0061, 0.1718),
    }
    for (hits, total), (low, high) in published.items():
        assert wilson_interval(hits, total) == pytest.approx((low, high), abs=5e-5)


def test_wilson_of_all_and_none_ends_exactly_at_one_and_zero():
    assert wilson_interval(100, 100)[1] == 1.0
    assert wilson_interval(0, 100)[0] == 0.0
    assert wilson_interval(100, 100)[0] == pytest.approx(1 / (1 + 1.959963984540054**2 / 100))


def test_wilson_of_nothing_tried_knows_nothing():
    assert wilson_interval(0, 0) == (0.0, 1.0)


@pytest.mark.parametrize("hits", [-1, 6])
def test_wilson_refuses_impossible_counts(hits):
    with pytest.raises(ValueError, match=f"expected hits from 0 to total=5, got {hits}"):
        wilson_interval(hits, 5)


def test_wilson_holds_the_truth_about_as_often_as_it_says():
    hits = np.random.default_rng(0).binomial(100, 0.9, size=4000)
    held = [low <= 0.9 <= high for low, high in (wilson_interval(h, 100) for h in hits)]
    assert 0.93 < np.mean(held) < 0.97


def test_the_interval_of_a_mean_is_students():
    # t of 9 degrees at 97.5 % is 2.262 in Student's table; 1..10 have mean 5.5, deviation 3.02765.
    half = 2.262157 * 3.0276504 / math.sqrt(10)
    assert mean_interval(range(1, 11)) == pytest.approx((5.5 - half, 5.5 + half), abs=1e-5)


def test_one_value_tells_nothing_about_spread():
    assert all(math.isnan(end) for end in mean_interval([3.0]))


def test_equal_values_have_no_width():
    assert mean_interval([500.0] * 100) == (500.0, 500.0)
