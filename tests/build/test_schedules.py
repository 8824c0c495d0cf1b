"""Schedules against numbers worked out elsewhere."""

from __future__ import annotations

import pytest
import torch
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, OneCycleLR

from labloom.build.schedules import (
    cosine_anneal,
    one_cycle,
    warmup_cosine,
    warmup_linear,
    warmup_steps,
)


def rates_of(plan_class, steps, lr=1.0, **settings):
    """The learning rates of one of torch's schedules."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=lr)
    plan = plan_class(optimizer, **settings)
    rates = []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        plan.step()
    return rates


@pytest.mark.parametrize(
    ("progress", "value"),
    [(0.0, 1.0), (1 / 3, 0.75), (0.5, 0.5), (2 / 3, 0.25), (1.0, 0.0), (1.5, 0.0)],
)
def test_cosine_has_the_values_of_its_equation(progress, value):
    assert cosine_anneal(progress, 1.0, 0.0) == pytest.approx(value)


def test_cosine_without_warmup_is_torchs():
    ours = [warmup_cosine(step, 20, final=0.1) for step in range(20)]
    assert ours == pytest.approx(rates_of(CosineAnnealingLR, 20, T_max=20, eta_min=0.1))


def test_linear_without_warmup_is_torchs():
    ours = [warmup_linear(step, 20, final=0.1) for step in range(25)]
    theirs = rates_of(LinearLR, 25, start_factor=1.0, end_factor=0.1, total_iters=20)
    assert ours == pytest.approx(theirs)


def test_linear_warms_up_before_it_falls():
    ours = [warmup_linear(step, 14, warmup=4) for step in (0, 3, 4, 9, 14, 20)]
    assert ours == pytest.approx([0.25, 1.0, 1.0, 0.5, 0.0, 0.0])


def test_warmup_rises_in_equal_steps_and_loses_none():
    assert [warmup_cosine(step, 100, warmup=4) for step in range(5)] == [0.25, 0.5, 0.75, 1.0, 1.0]


def test_warmup_below_one_is_a_fraction_of_the_run():
    assert warmup_steps(200, 0.05) == 10
    assert warmup_steps(200, 30) == 30


def test_cosine_past_its_end_stays_there():
    assert warmup_cosine(500, 100, final=0.2) == pytest.approx(0.2)


def test_one_cycle_is_torchs():
    ours = [one_cycle(step, 50, warmup=0.3, start=0.04, final=4e-6) for step in range(50)]
    torchs = rates_of(OneCycleLR, 49, max_lr=1.0, total_steps=50, cycle_momentum=False)
    assert ours[:49] == pytest.approx(torchs, abs=1e-9)


def test_one_cycle_ends_at_its_final_factor_and_stays():
    assert one_cycle(49, 50) == pytest.approx(4e-6)
    assert one_cycle(80, 50) == pytest.approx(4e-6)


def test_schedules_of_a_single_step_are_defined():
    assert warmup_cosine(0, 1, warmup=0.05) == 1.0
    assert one_cycle(0, 1) == pytest.approx(1.0)
