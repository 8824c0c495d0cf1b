"""Networks of perception: the ring has no seam, sizes do not matter to weights, shapes fit."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional

from labloom.errors import ConfigError
from labloom_robotics.nets.readings_net import ReadingsNet, Waves
from labloom_robotics.nets.scan import ScanEncoder
from labloom_robotics.nets.scan_net import GridHead, ScanNet


@pytest.fixture(autouse=True)
def one_thread_and_a_seed():
    torch.set_num_threads(1)
    torch.manual_seed(0)


def stirred(module):
    """A network whose blocks do something, as after training."""
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return module


def test_turning_a_scan_turns_the_features_of_its_rays():
    encoder = stirred(ScanEncoder(32))
    scans = torch.rand(2, 32)
    turned = encoder.ray_features(scans.roll(5, dims=1))
    assert torch.allclose(turned, encoder.ray_features(scans).roll(5, dims=2), atol=1e-5)


def test_a_ray_hears_of_seventeen_neighbours_on_either_side_and_no_more():
    encoder = stirred(ScanEncoder(64).double())
    scans = torch.rand(1, 64, dtype=torch.float64, requires_grad=True)
    encoder.ray_features(scans)[0, :, 0].abs().sum().backward()
    heard = scans.grad[0].abs() > 0
    assert heard[[0, 1, 17, -17]].all()
    assert not heard[18:-17].any()


def test_weights_fit_another_number_of_rays():
    coarse, fine = ScanEncoder(32, width=8, features=12), ScanEncoder(128, width=8, features=12)
    fine.load_state_dict(coarse.state_dict())
    assert fine(torch.rand(3, 128)).shape == (3, fine.out_features)


def test_a_range_image_has_a_channel_for_each_layer():
    encoder = ScanEncoder(32, layers=4)
    assert encoder.ray_features(torch.rand(2, 4, 32)).shape == (2, 32, 32)
    assert encoder(torch.rand(2, 4, 32)).shape == (2, 64)


def test_pooled_features_say_in_which_direction_something_is():
    encoder = ScanEncoder(32)
    ahead, behind = torch.ones(1, 32), torch.ones(1, 32)
    ahead[0, 0], behind[0, 16] = 0.1, 0.1
    assert not torch.allclose(encoder(ahead), encoder(behind))


def test_too_few_rays_are_refused():
    with pytest.raises(ConfigError, match="15 rays is too coarse"):
        ScanEncoder(15)


@pytest.mark.parametrize("shape", [[32], [3, 32]])
def test_a_scan_gets_classes_in_its_own_shape_and_a_grid(shape):
    network = ScanNet(shape, shape, 5, [8, 8])
    outputs = network(torch.rand(2, *shape))
    assert outputs["classes"].shape == (2, 5, *shape)
    assert outputs["grid"].shape == (2, 8, 8)


def test_a_whole_scan_may_have_one_class_and_no_grid():
    outputs = ScanNet([24], [], 4)(torch.rand(2, 24))
    assert outputs.keys() == {"classes"}
    assert outputs["classes"].shape == (2, 4)


def test_every_weight_of_the_scan_network_learns():
    network = stirred(ScanNet([32], [32], 5, [8, 8]))
    outputs = network(torch.rand(4, 32))
    (outputs["classes"].square().mean() + outputs["grid"].square().mean()).backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in network.parameters())


def test_data_that_is_no_scan_is_refused():
    with pytest.raises(ConfigError, match="robotics_scan cannot read this data"):
        ScanNet([3, 4, 32], [], 2)
    with pytest.raises(ConfigError, match="robotics_scan cannot read this data"):
        ScanNet([32], [7], 2)


def test_a_network_without_channels_is_refused():
    with pytest.raises(ConfigError, match=r"model\.cell_width cannot be used"):
        ScanNet([32], [32], 5, [8, 8], cell_width=0)


def test_the_grid_head_knows_into_which_cells_returns_fall():
    head = GridHead(rays=4, width=2, features=2, grid=4, cell=1.0, max_range=4.0, hidden=2)
    scans = torch.tensor(
        [[0.25 * 1.5, 1.0, 0.25 * 0.5, 0.9]]
    )  # m: 1.5 ahead, 0.5 behind, 3.6 right
    returns = head._returns(scans, scans * 4.0).view(4, 4)
    assert returns[3].sum() == 1
    assert returns[1].sum() == 1
    assert returns.sum() == 2  # nothing to the left, and the return to the right is off the grid


def test_each_cell_listens_to_the_ray_that_points_at_it():
    rays, grid, cell = 16, 8, 0.5
    head = GridHead(rays, 2, 2, grid, cell, 8.0, 2)
    for i, j in ((7, 4), (0, 3), (4, 7), (6, 1)):
        x, y = (i - 3.5) * cell, (j - 3.5) * cell
        expected = round(math.atan2(y, x) / (2 * math.pi / rays)) % rays
        assert head.ray_of_cell[i * grid + j] == expected
        assert head.away[i * grid + j] == pytest.approx(math.hypot(x, y))


def test_the_plain_network_reads_any_shape():
    assert ReadingsNet([24], [], 4)(torch.rand(2, 24))["classes"].shape == (2, 4)
    assert ReadingsNet([15, 6], [], 3)(torch.rand(2, 15, 6))["classes"].shape == (2, 3)
    outputs = ReadingsNet([16], [16], 5, [8, 8])(torch.rand(2, 16))
    assert outputs["classes"].shape == (2, 5, 16)
    assert outputs["grid"].shape == (2, 8, 8)


def test_without_depth_and_waves_it_is_logistic_regression():
    network = ReadingsNet([3], [], 2, depth=0, frequencies=0)
    readings = torch.rand(5, 3)
    expected = functional.linear(readings, network.classes.weight, network.classes.bias)
    assert torch.equal(network(readings)["classes"], expected)


def test_waves_are_sines_and_cosines_of_each_number_alone():
    waves = Waves(2, 3)
    readings = torch.tensor([[0.3, -1.2]])
    for s in range(2):
        phase = 2 * math.pi * readings[0, s] * waves.frequencies[s]
        known = torch.cat([phase.sin(), phase.cos(), readings[:, s]])
        expected = (known @ waves.weight[s] + waves.bias[s]).relu()
        assert torch.allclose(waves(readings)[0, s * 8 : (s + 1) * 8], expected, atol=1e-6)


@pytest.mark.parametrize(
    ("key", "value"), [("width", 0), ("depth", -1), ("frequencies", -1), ("dropout", 1.0)]
)
def test_sizes_out_of_range_are_refused(key, value):
    with pytest.raises(ConfigError, match=rf"model\.{key} cannot be used"):
        ReadingsNet([3], [], 2, **{key: value})
