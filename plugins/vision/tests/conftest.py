"""Real input for the tests: scikit-learn's photographs of handwritten digits."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from sklearn.datasets import load_digits
from torch import Tensor


@pytest.fixture(autouse=True)
def one_thread_and_a_seed() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def digits() -> tuple[Tensor, Tensor]:
    """All 1,797 images, float32 [n, 1, 8, 8] in [0, 1], and their labels, int64 [n]."""
    images, labels = load_digits(return_X_y=True)
    return (
        torch.tensor(images, dtype=torch.float32).view(-1, 1, 8, 8) / 16,
        torch.tensor(labels, dtype=torch.int64),
    )


@pytest.fixture
def spec() -> dict[str, Any]:
    """What a data module of digits says of itself."""
    return {
        "num_classes": 10,
        "classes": [str(i) for i in range(10)],
        "channels": 1,
        "image_size": 8,
        "mean": [0.305],
        "std": [0.376],
    }
