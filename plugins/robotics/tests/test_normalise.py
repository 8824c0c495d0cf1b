"""The running normaliser: right numbers, used from the next refresh on, part of the state."""

from __future__ import annotations

import torch

from labloom_robotics.nets.normalise import RunningNormaliser


def test_parts_give_the_statistics_of_the_whole():
    x = torch.randn(1000, 3) * torch.tensor([1.0, 10.0, 0.1]) + torch.tensor([5.0, -3.0, 0.0])
    normaliser = RunningNormaliser(3)
    for part in x.split([1, 9, 490, 500]):
        normaliser.count_in(part)
    normaliser.refresh()
    torch.testing.assert_close(normaliser.mean, x.mean(0), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(normaliser.std, x.std(0, correction=0), atol=1e-4, rtol=1e-4)


def test_what_is_seen_changes_nothing_before_a_refresh():
    normaliser = RunningNormaliser(2)
    x = torch.randn(50, 2) + 4
    before = normaliser(x)
    normaliser.count_in(x)
    assert torch.equal(normaliser(x), before)
    normaliser.refresh()
    assert not torch.equal(normaliser(x), before)


def test_far_values_are_clipped():
    normaliser = RunningNormaliser(1, clip=10.0)
    assert normaliser(torch.tensor([[1e6], [-1e6]])).tolist() == [[10.0], [-10.0]]


def test_restore_is_the_way_back():
    normaliser = RunningNormaliser(2, clip=None)
    x = torch.randn(50, 2) * 7 + 4
    normaliser.count_in(x)
    normaliser.refresh()
    torch.testing.assert_close(normaliser.restore(normaliser(x)), x, atol=1e-5, rtol=1e-5)


def test_a_constant_feature_stays_finite():
    normaliser = RunningNormaliser(1)
    normaliser.count_in(torch.full((10, 1), 3.0))
    normaliser.refresh()
    assert normaliser(torch.full((1, 1), 3.0)).isfinite().all()


def test_nothing_seen_is_no_statistic():
    normaliser = RunningNormaliser(1)
    normaliser.count_in(torch.empty(0, 1))
    normaliser.refresh()
    assert normaliser(torch.tensor([[2.0]])).item() == 2.0


def test_a_loaded_state_goes_on_where_it_stopped():
    first, second = RunningNormaliser(2), RunningNormaliser(2)
    early, late = torch.randn(20, 2), torch.randn(20, 2) + 3
    first.count_in(early)
    second.load_state_dict(first.state_dict())
    for normaliser in (first, second):
        normaliser.count_in(late)
        normaliser.refresh()
    assert torch.equal(first.mean, second.mean)
    assert torch.equal(first.std, second.std)
