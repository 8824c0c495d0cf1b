"""Generators go on where the checkpoint left them."""

from __future__ import annotations

import io
import random

import numpy as np
import torch

from labloom.callbacks.rng_state import restore_rng_state, rng_state


def draw():
    return random.random(), random.gauss(0, 1), np.random.rand(), np.random.randn(), torch.rand(3)


def same(first, second):
    return all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def test_every_generator_draws_the_same_after_restoring_through_a_plain_checkpoint():
    random.gauss(0, 1), np.random.randn()  # both keep a second normal number for later
    file = io.BytesIO()
    torch.save(rng_state(), file)
    first = draw()
    draw()
    file.seek(0)
    restore_rng_state(torch.load(file, weights_only=True))
    assert same(first, draw())
