"""A machine without a GPU is not asked for one at every step."""

from __future__ import annotations

import os

import pytest
import torch

from labloom.build.without_gpu import ASKS_NVML, stop_asking_for_gpu


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_without_a_gpu_torch_stops_asking_for_one(monkeypatch):
    monkeypatch.setenv(ASKS_NVML, "1")
    stop_asking_for_gpu()
    assert os.environ[ASKS_NVML] == "0"
    assert not torch.cuda.is_available()


def test_with_a_gpu_nothing_changes(monkeypatch):
    monkeypatch.setenv(ASKS_NVML, "1")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    stop_asking_for_gpu()
    assert os.environ[ASKS_NVML] == "1"
