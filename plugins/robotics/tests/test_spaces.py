"""Spaces as plain values: there and back again, and what no network reads."""

from __future__ import annotations

import json

import numpy as np
import pytest
from gymnasium import spaces

from labloom.errors import DataError
from labloom_robotics.spaces import gym_space, plain_space

HALF_OPEN = spaces.Box(np.array([-np.inf, 0.5]), np.array([2.0, np.inf]), dtype=np.float32)
IMAGE = spaces.Box(0, 255, (4, 4, 3), np.uint8)


@pytest.mark.parametrize(
    "space",
    [HALF_OPEN, IMAGE, spaces.Discrete(3), spaces.Dict({"a": IMAGE, "b": spaces.Discrete(2)})],
    ids=["half open", "image", "choice", "dict"],
)
def test_a_space_comes_back_from_plain_values(space):
    assert gym_space(json.loads(json.dumps(plain_space(space)))) == space


@pytest.mark.parametrize(
    "space",
    [
        spaces.Tuple([spaces.Discrete(2)]),
        spaces.MultiDiscrete([2, 3]),
        spaces.Discrete(2, start=1),
        spaces.Dict({"a": spaces.Dict({"b": IMAGE})}),
    ],
    ids=["tuple", "several choices", "choice from 1", "dict in a dict"],
)
def test_a_space_that_no_network_reads_is_refused(space):
    with pytest.raises(DataError, match="is a space that no network here reads"):
        plain_space(space)
