"""Encoders: any observation space becomes one vector of features."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from labloom.errors import ConfigError, DataError
from labloom_robotics.nets.encoders import Encoder, EncoderOptions, near_in_full
from labloom_robotics.nets.images import IMAGE_FEATURES, ImageEncoder
from labloom_robotics.nets.layers import MLP, StackedMLP, tanh
from labloom_robotics.nets.scan import ScanEncoder

POINT = {"kind": "box", "shape": [3], "low": "-inf", "high": "inf", "dtype": "float32"}
SCAN = {"kind": "box", "shape": [32], "low": 0.0, "high": 1.0, "dtype": "float32"}
FLAT = EncoderOptions()
CONV = EncoderOptions(scan_encoder="conv")
ROBOT = {"kind": "dict", "spaces": {"scan": SCAN, "state": POINT}}


def image(*shape: int) -> dict:
    return {"kind": "box", "shape": list(shape), "low": 0.0, "high": 255.0, "dtype": "uint8"}


def test_a_vector_is_its_own_features():
    encoder, x = Encoder(POINT, FLAT), torch.randn(5, 3)
    assert encoder.out_features == 3
    assert torch.equal(encoder(x), x)


def test_a_matrix_of_numbers_is_flattened():
    encoder = Encoder({**POINT, "shape": [2, 3]}, FLAT)
    assert encoder(torch.randn(5, 2, 3)).shape == (5, 6) == (5, encoder.out_features)


def test_a_choice_becomes_one_hot():
    encoder = Encoder({"kind": "discrete", "n": 3}, FLAT)
    assert encoder(torch.tensor([2, 0])).tolist() == [[0, 0, 1], [1, 0, 0]]


def test_the_parts_of_a_dict_stand_side_by_side():
    encoder = Encoder(ROBOT, FLAT)
    seen = {"state": torch.randn(4, 3), "scan": torch.rand(4, 32)}
    assert torch.equal(encoder(seen), torch.cat([seen["scan"], seen["state"]], dim=1))


def test_a_scan_is_read_by_convolutions_when_asked():
    encoder = Encoder(ROBOT, EncoderOptions(scan_encoder="conv", scan_features=10))
    seen = {"state": torch.randn(4, 3), "scan": torch.rand(4, 32)}
    features = encoder(seen)
    assert features.shape == (4, 13) == (4, encoder.out_features)
    assert torch.equal(features[:, :3], seen["state"])


def test_an_observation_that_is_no_dict_can_be_the_scan():
    encoder = Encoder(SCAN, CONV)
    assert encoder(torch.rand(2, 32)).shape == (2, 64)


def test_the_key_of_the_scan_can_be_chosen():
    space = {"kind": "dict", "spaces": {"laser": SCAN}}
    encoder = Encoder(space, EncoderOptions(scan_encoder="conv", scan_key="laser"))
    assert encoder({"laser": torch.rand(2, 32)}).shape == (2, 64)


def test_no_scan_where_one_should_be_is_refused_with_what_is_there():
    with pytest.raises(ConfigError, match="finds no scan") as caught:
        Encoder({"kind": "dict", "spaces": {"state": POINT}}, CONV)
    assert caught.value.got == "state"


@pytest.mark.parametrize(
    "shape", [(84, 84, 4), (64, 64, 3), (40, 100, 1), (12, 12, 3), (84, 84), (4, 84, 84)]
)
def test_images_of_any_size_and_order_become_512_features(shape):
    encoder = Encoder(image(*shape), FLAT)
    images = torch.randint(256, (2, *shape), dtype=torch.uint8)
    assert encoder(images).shape == (2, IMAGE_FEATURES) == (2, encoder.out_features)


def test_an_image_of_84_pixels_is_read_as_mnih_et_al_do():
    weights = [tuple(p.shape) for p in ImageEncoder([84, 84, 4]).parameters() if p.dim() > 1]
    assert weights == [(32, 4, 8, 8), (64, 32, 4, 4), (64, 64, 3, 3), (512, 3136)]


def test_an_image_gives_the_same_whichever_side_its_channels_are_on():
    last, first = ImageEncoder([40, 40, 3]), ImageEncoder([3, 40, 40])
    first.load_state_dict(last.state_dict())
    images = torch.randint(256, (2, 40, 40, 3), dtype=torch.uint8)
    torch.testing.assert_close(first(images.permute(0, 3, 1, 2)), last(images))


def test_images_and_numbers_of_a_dict_go_together():
    space = {"kind": "dict", "spaces": {"camera": image(16, 16, 3), "state": POINT}}
    encoder = Encoder(space, FLAT)
    images = torch.randint(256, (2, 16, 16, 3), dtype=torch.uint8)
    seen = {"camera": images, "state": torch.randn(2, 3)}
    assert encoder(seen).shape == (2, 3 + IMAGE_FEATURES)


def test_numbers_are_normalised_and_scans_and_images_left_alone():
    encoder = Encoder(ROBOT, CONV, normalise=True)
    seen = {"state": torch.randn(100, 3) * 9 + 5, "scan": torch.rand(100, 32)}
    encoder.count_in(seen)
    encoder.refresh()
    features = encoder(seen)
    assert features[:, :3].mean().item() == pytest.approx(0, abs=1e-4)
    assert torch.equal(features[:, 3:], encoder.scan(seen["scan"]))


def perception(folder: Path, encoder: ScanEncoder) -> str:
    state = {f"model.encoder.{name}": value for name, value in encoder.state_dict().items()}
    torch.save({"state_dict": {**state, "model.head.weight": torch.zeros(2)}}, folder / "p.ckpt")
    return str(folder / "p.ckpt")


def test_a_policy_starts_from_what_perception_learned(tmp_path):
    learned = ScanEncoder(48)
    path = perception(tmp_path, learned)
    encoder = Encoder(
        ROBOT, EncoderOptions(scan_encoder="conv", encoder_from=path, encoder_frozen=True)
    )
    encoder.load_pretrained()
    for name, value in encoder.scan.state_dict().items():
        assert torch.equal(value, learned.state_dict()[name])
    assert not any(p.requires_grad for p in encoder.scan.parameters())


def test_a_loaded_state_is_not_overwritten_by_where_it_started(tmp_path):
    path = perception(tmp_path, ScanEncoder(32))
    options = EncoderOptions(scan_encoder="conv", encoder_from=path)
    trained, rebuilt = Encoder(SCAN, options), Encoder(SCAN, options)
    rebuilt.load_state_dict(trained.state_dict())
    Path(path).unlink()
    rebuilt.load_pretrained()
    scan = torch.rand(1, 32)
    assert torch.equal(rebuilt(scan), trained(scan))


@pytest.mark.parametrize("damage", ["missing", "garbage", "other size", "no encoder"])
def test_a_checkpoint_that_does_not_fit_is_refused_by_its_name(tmp_path, damage):
    path = perception(tmp_path, ScanEncoder(32, width=16 if damage == "other size" else 32))
    if damage == "missing":
        Path(path).unlink()
    if damage == "garbage":
        Path(path).write_bytes(b"no checkpoint")
    if damage == "no encoder":
        torch.save({"state_dict": {}}, path)
    encoder = Encoder(SCAN, EncoderOptions(scan_encoder="conv", encoder_from=path))
    with pytest.raises(DataError, match=r"p\.ckpt cannot be used"):
        encoder.load_pretrained()


def test_a_flat_scan_cannot_start_from_perception():
    with pytest.raises(ConfigError, match="scan_encoder=conv"):
        EncoderOptions(encoder_from="some.ckpt")


def test_an_unknown_way_to_read_a_scan_is_refused_with_the_nearest():
    with pytest.raises(ConfigError, match="conv") as caught:
        EncoderOptions(scan_encoder="con")
    assert caught.value.fix == "set model.scan_encoder=conv"


def test_stacked_networks_are_the_same_as_single_ones():
    stacked, single = StackedMLP(2, 3, [8, 5], "relu"), MLP(3, [8, 5], "relu")
    x = torch.randn(6, 3)
    for copy in range(2):
        for ours, theirs in zip(single.layers, stacked.layers, strict=True):
            ours.weight.data = theirs.weight.data[copy].T
            ours.bias.data = theirs.bias.data[copy, 0]
        torch.testing.assert_close(stacked(x)[copy], single(x))


def test_frozen_weights_pass_the_gradient_on_to_the_inputs():
    stacked, x = StackedMLP(2, 3, [8], "relu"), torch.randn(6, 3, requires_grad=True)
    stacked(x, frozen=True).sum().backward()
    assert x.grad is not None
    assert all(p.grad is None for p in stacked.parameters())


def test_the_quick_tanh_is_tanh():
    x = torch.linspace(-50, 50, 100_001)
    assert (tanh(x) - torch.tanh(x)).abs().max() < 2.5e-7


def test_a_log_scale_shows_what_is_near_in_full():
    seen = near_in_full(torch.tensor([0.0, 0.1, 0.9, 1.0]))
    assert seen[[0, 3]].tolist() == pytest.approx([-1.0, 1.0])
    assert seen[1] - seen[0] > 15 * (seen[3] - seen[2])


def test_what_can_be_below_0_has_no_log_scale():
    signed = {**SCAN, "low": -3.0}
    with pytest.raises(ConfigError, match="scan_encoder=log needs distances") as caught:
        Encoder(signed, EncoderOptions(scan_encoder="log"))
    assert caught.value.got == "numbers from -3"


def test_the_log_scale_is_for_the_scan_alone():
    encoder = Encoder(ROBOT, EncoderOptions(scan_encoder="log"))
    scan, state = torch.rand(5, 32), torch.randn(5, 3)
    read = encoder({"scan": scan, "state": state})
    assert torch.equal(read, torch.cat([near_in_full(scan), state], dim=1))
    assert read.shape[1] == encoder.out_features
