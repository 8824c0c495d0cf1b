"""The networks by themselves, on random numbers."""

import pytest
import torch
from torch.nn import functional

from labloom_starter.nets import MLP


@pytest.mark.parametrize("depth", [0, 1, 3])
def test_a_network_gives_one_logit_for_each_class(depth):
    model = MLP(num_features=30, num_classes=2, depth=depth)
    assert model(torch.rand(5, 30)).shape == (5, 2)


def test_a_network_learns_a_small_batch_by_heart():
    torch.manual_seed(0)
    features, labels = torch.rand(8, 30), torch.arange(8) % 2
    model = MLP(num_features=30, num_classes=2)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(200):
        optimizer.zero_grad()
        functional.cross_entropy(model(features), labels).backward()
        optimizer.step()
    assert (model(features).argmax(dim=1) == labels).all()


def test_a_negative_depth_is_refused():
    with pytest.raises(ValueError, match="depth must be 0 or more, got -1"):
        MLP(num_features=30, num_classes=2, depth=-1)
