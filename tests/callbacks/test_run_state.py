"""What is kept of hyperparameters in a checkpoint."""

from __future__ import annotations

import io
from enum import IntEnum
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf

from labloom.callbacks.run_state import plain_values


class Size(IntEnum):
    SMALL = 3


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (np.float64(0.5), 0.5),
        (np.int64(3), 3),
        (Path("a/b"), "a/b"),
        (Size.SMALL, 3),
        ((1, "two", None), [1, "two", None]),
        (OmegaConf.create({"a": {"b": [1]}, "c": "${a}"}), {"a": {"b": [1]}, "c": {"b": [1]}}),
        (OmegaConf.create({"a": "${somewhere.else}"}), {"a": "${somewhere.else}"}),
        ({"inner": {"fine": 1, "object": object()}}, {"inner": {"fine": 1}}),
    ],
)
def test_value_is_kept_as_a_plain_one(value, kept):
    cleaned = plain_values({"x": value})
    assert cleaned == {"x": kept}
    file = io.BytesIO()
    torch.save(cleaned, file)
    file.seek(0)
    assert torch.load(file, weights_only=True) == cleaned


@pytest.mark.parametrize(
    "value", [torch.nn.Linear(1, 1), partial(print), print, object(), [1, object()], torch.nn.ReLU]
)
def test_object_is_left_out(value):
    assert plain_values({"x": value, "y": 1}) == {"y": 1}


def test_tensor_is_kept():
    weights = torch.ones(2)
    assert plain_values({"w": weights})["w"] is weights


def test_key_that_is_no_text_is_left_out():
    assert plain_values({1: 2, "a": 3}) == {"a": 3}
