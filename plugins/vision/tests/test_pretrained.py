"""timm models: freezing by depth, weights from a file, and messages."""

from __future__ import annotations

import pytest
import timm
import torch
from torch import nn
from torch.nn import functional

from labloom.errors import ConfigError, DataError
from labloom_vision.nets.pretrained import TimmModel

SMALL = "resnet10t"


def trained(model: TimmModel) -> set[str]:
    return {name for name, p in model.net.named_parameters() if p.requires_grad}


@pytest.mark.parametrize(
    ("name", "channels", "image_size"),
    [(SMALL, 1, 28), ("mobilenetv3_small_050", 3, 32), ("vit_tiny_patch16_224", 3, 64)],
)
def test_architectures_of_any_kind_take_the_size_and_channels_of_the_data(
    name, channels, image_size
):
    model = TimmModel(5, channels, image_size, name=name).eval()
    assert model(torch.rand(2, channels, image_size, image_size)).shape == (2, 5)


def test_gradients_reach_every_parameter(digits):
    model = TimmModel(10, 1, 8, name=SMALL)
    functional.cross_entropy(model(digits[0][:8]), digits[1][:8]).backward()
    assert all(p.grad is not None for p in model.parameters())


def test_everything_is_trained_by_default():
    model = TimmModel(10, 3, 32, name=SMALL)
    assert trained(model) == {name for name, _ in model.net.named_parameters()}


def test_unfreeze_0_trains_the_head_alone():
    assert trained(TimmModel(10, 3, 32, name=SMALL, unfreeze=0)) == {"fc.weight", "fc.bias"}


def test_unfreeze_counts_stages_from_the_end():
    parts = {name.split(".")[0] for name in trained(TimmModel(10, 3, 32, name=SMALL, unfreeze=2))}
    assert parts == {"layer3", "layer4", "fc"}


def test_unfreeze_counts_blocks_of_a_transformer():
    names = trained(TimmModel(10, 3, 32, name="vit_tiny_patch16_224", unfreeze=1))
    assert {name.rsplit(".", 1)[0].split(".attn")[0].split(".mlp")[0] for name in names} == {
        "blocks.11.norm1",
        "blocks.11",
        "blocks.11.norm2",
        "norm",
        "head",
    }


def test_batch_norm_of_frozen_parts_keeps_its_statistics_in_training():
    model = TimmModel(10, 3, 32, name=SMALL, unfreeze=1).train()
    before = {name: value.clone() for name, value in model.net.named_buffers()}
    model(torch.rand(4, 3, 32, 32))
    changed = {
        name.split(".")[0]
        for name, value in model.net.named_buffers()
        if not torch.equal(value, before[name])
    }
    assert changed == {"layer4"}


def test_a_frozen_model_leaves_training_and_comes_back():
    model = TimmModel(10, 3, 32, name=SMALL, unfreeze=0)
    assert model.train().training
    assert not model.eval().training


def test_weights_come_from_a_file_when_they_are_asked_for(tmp_path):
    source = timm.create_model(SMALL, num_classes=1000)
    torch.save(source.state_dict(), tmp_path / "weights.pth")
    model = TimmModel(7, 3, 32, name=SMALL, checkpoint_path=str(tmp_path / "weights.pth"))
    assert not torch.equal(model.net.layer1[0].conv1.weight, source.layer1[0].conv1.weight)
    model.load_pretrained()
    torch.testing.assert_close(model.net.layer1[0].conv1.weight, source.layer1[0].conv1.weight)
    assert model.net.fc.weight.shape[0] == 7


def test_first_layers_for_colour_are_adapted_to_grey(tmp_path):
    source = timm.create_model(SMALL)
    torch.save(source.state_dict(), tmp_path / "weights.pth")
    model = TimmModel(7, 1, 32, name=SMALL, checkpoint_path=str(tmp_path / "weights.pth"))
    model.load_pretrained()
    summed = source.conv1[0].weight.sum(dim=1, keepdim=True)
    torch.testing.assert_close(model.net.conv1[0].weight, summed)


def test_pretrained_weights_never_replace_a_state_that_was_loaded(tmp_path):
    torch.save(timm.create_model(SMALL).state_dict(), tmp_path / "weights.pth")
    model = TimmModel(7, 3, 32, name=SMALL, checkpoint_path=str(tmp_path / "weights.pth"))
    state = {name: value + 1 for name, value in model.state_dict().items()}
    model.load_state_dict(state)
    model.load_pretrained()
    assert torch.equal(model.net.fc.weight, state["net.fc.weight"])


def test_a_model_is_rebuilt_without_network_and_file():
    model = TimmModel(7, 3, 32, name=SMALL, checkpoint_path="/gone/weights.pth")
    assert isinstance(model, nn.Module)


def test_a_misspelt_name_gets_the_nearest_one():
    with pytest.raises(ConfigError) as caught:
        TimmModel(10, 3, 32, name="resent18")
    assert "model.name=resent18 is not a model of timm" in caught.value.problem
    assert caught.value.fix == "set model.name=resnet18"


def test_a_name_without_pretrained_weights_is_refused_before_any_download():
    with pytest.raises(ConfigError, match="has no pretrained weights") as caught:
        TimmModel(10, 3, 224, name="vit_small_patch16_18x2_224", pretrained=True)
    assert "model.pretrained=false" in caught.value.fix


def test_an_unknown_tag_gets_the_nearest_one():
    with pytest.raises(ConfigError, match="has a tag that timm") as caught:
        TimmModel(10, 3, 32, name="resnet18.a1_in2k")
    assert "a1_in1k" in caught.value.expected
    assert caught.value.fix == "set model.name=resnet18.a1_in1k"


def test_an_image_that_the_architecture_cannot_take_is_a_config_error():
    with pytest.raises(ConfigError, match="cannot build 'vgg11' for images of 8x8") as caught:
        TimmModel(10, 3, 8, name="vgg11")
    assert "data.image_size" in caught.value.fix


def test_more_stages_than_there_are_cannot_be_unfrozen():
    with pytest.raises(ConfigError, match="unfreeze=99 is more than 'resnet10t' has") as caught:
        TimmModel(10, 3, 32, name=SMALL, unfreeze=99)
    assert "0 (head only) to 5" in caught.value.expected


def test_a_missing_weights_file_is_named():
    model = TimmModel(10, 3, 32, name=SMALL, checkpoint_path="/gone/weights.pth")
    with pytest.raises(DataError, match="weights of 'resnet10t' are not there") as caught:
        model.load_pretrained()
    assert "/gone/weights.pth" in caught.value.got


def test_weights_of_another_architecture_are_refused(tmp_path):
    file = tmp_path / "weights.pth"
    torch.save(timm.create_model("mobilenetv3_small_050").state_dict(), file)
    model = TimmModel(10, 3, 32, name=SMALL, checkpoint_path=str(file))
    with pytest.raises(DataError, match="does not hold weights of 'resnet10t'"):
        model.load_pretrained()


def test_a_failed_download_says_what_to_do(monkeypatch, tmp_path):
    # An empty cache and a hub that nobody serves: the download fails as it does without network.
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    model = TimmModel(10, 3, 32, name="resnet18.a1_in1k", pretrained=True)
    with pytest.raises(DataError, match="pretrained weights of 'resnet18") as caught:
        model.load_pretrained()
    assert "model.checkpoint_path=FILE" in caught.value.fix
    assert "model.pretrained=false" in caught.value.fix
