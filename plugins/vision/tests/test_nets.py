"""The networks trained from scratch: sizes, options, and the messages about bad arguments."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional

from labloom.errors import ConfigError
from labloom_vision.nets.cnn import CNN
from labloom_vision.nets.mlp import MLP
from labloom_vision.nets.resnet import ResNet
from labloom_vision.nets.vit import ViT

NETS = [MLP, CNN, ResNet, ViT]


def count(model: nn.Module) -> int:
    return sum(p.numel() for p in model.parameters())


@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize(("channels", "image_size"), [(1, 8), (1, 28), (3, 32), (4, 64)])
def test_every_size_and_channel_count_gives_one_logit_a_class(net, channels, image_size):
    model = net(num_classes=7, channels=channels, image_size=image_size)
    logits = model(torch.rand(2, channels, image_size, image_size))
    assert logits.shape == (2, 7)
    assert logits.isfinite().all()


@pytest.mark.parametrize("net", NETS)
def test_gradients_reach_every_parameter(net, digits):
    images, labels = digits[0][:16], digits[1][:16]
    model = net(num_classes=10, channels=1, image_size=8)
    functional.cross_entropy(model(images), labels).backward()
    without = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert without == []


@pytest.mark.parametrize("net", NETS)
def test_fits_one_batch_of_digits_by_heart(net, digits):
    images, labels = digits[0][:32], digits[1][:32]
    model = net(num_classes=10, channels=1, image_size=8)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for _ in range(120):
        optimizer.zero_grad()
        functional.cross_entropy(model(images), labels).backward()
        optimizer.step()
    assert (model.eval()(images).argmax(1) == labels).all()


@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "relu", "gelu"])
@pytest.mark.parametrize("norm", ["none", "batch", "layer"])
@pytest.mark.parametrize("residual", [False, True])
def test_an_mlp_learns_with_every_choice_of_layer(activation, norm, residual, digits):
    images, labels = digits[0][:64], digits[1][:64]
    model = MLP(10, 1, 8, depth=3, width=64, activation=activation, norm=norm, residual=residual)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    before = functional.cross_entropy(model(images), labels).item()
    for _ in range(60):
        optimizer.zero_grad()
        loss = functional.cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.5 * before


def test_an_mlp_without_hidden_layers_is_logistic_regression():
    assert count(MLP(10, 1, 8, depth=0)) == 64 * 10 + 10


def test_a_residual_layer_adds_its_input(digits):
    model = MLP(10, 1, 8, depth=2, width=16, residual=True)
    layer = model.hidden[1]
    x = torch.randn(4, 16)
    plain = layer.activation(layer.norm(layer.linear(x)))
    torch.testing.assert_close(layer(x), x + plain)
    assert not model.hidden[0].residual


def test_residual_connections_let_the_gradient_reach_the_first_of_many_layers(digits):
    norms = []
    for residual in (False, True):
        torch.manual_seed(0)
        model = MLP(10, 1, 8, depth=30, width=32, activation="sigmoid", residual=residual)
        functional.cross_entropy(model(digits[0][:32]), digits[1][:32]).backward()
        norms.append(model.hidden[0].linear.weight.grad.norm().item())
    assert norms[1] > 1000 * norms[0]


@pytest.mark.parametrize("net", [MLP, CNN, ViT])
def test_dropout_acts_in_training_only(net):
    model = net(10, 1, 8, dropout=0.5)
    images = torch.rand(8, 1, 8, 8)
    assert not torch.equal(model(images), model(images))
    model.eval()
    assert torch.equal(model(images), model(images))


def test_the_default_cnn_has_fewer_than_300_thousand_parameters():
    assert count(CNN(10, 1, 28)) < 300_000


def test_a_wider_cnn_with_fewer_stages_has_the_size_that_was_asked_for():
    model = CNN(10, 3, 8, width=8, stages=2, convs=1)
    expected = (3 * 8 * 9 + 2 * 8) + (8 * 16 * 9 + 2 * 16) + (16 * 10 + 10)
    assert count(model) == expected


@pytest.mark.parametrize(("depth", "millions"), [(20, 0.27), (32, 0.46), (56, 0.85), (110, 1.7)])
def test_resnets_have_as_many_parameters_as_in_the_paper(depth, millions):
    # table 6 of arXiv:1512.03385
    assert count(ResNet(10, 3, 32, depth=depth)) / 1e6 == pytest.approx(millions, abs=0.03)


@pytest.mark.parametrize(("image_size", "patches"), [(8, 16), (28, 49), (32, 64), (64, 64)])
def test_a_vit_chooses_patches_by_the_size_of_the_image(image_size, patches):
    assert ViT(10, 1, image_size).positions.shape[1] == patches


def test_a_vit_attends_as_pytorch_does():
    block = ViT(10, 1, 8, dim=16, heads=2, depth=1).blocks[0]
    theirs = nn.MultiheadAttention(16, 2, batch_first=True)
    theirs.in_proj_weight.data = block.queries_keys_values.weight.data
    theirs.in_proj_bias.data = block.queries_keys_values.bias.data
    theirs.out_proj.weight.data = block.project.weight.data
    theirs.out_proj.bias.data = block.project.bias.data
    x = torch.randn(3, 5, 16)
    torch.testing.assert_close(block.attend(x), theirs(x, x, x, need_weights=False)[0])


def test_a_vit_sees_where_a_patch_lies():
    model = ViT(10, 1, 8).eval()
    image = torch.rand(1, 1, 8, 8)
    assert not torch.allclose(model(image), model(image.flip(-1)))


@pytest.mark.parametrize(
    ("build", "problem", "fix"),
    [
        (lambda: MLP(10, 1, 8, activation="rellu"), "model.activation", "activation=relu"),
        (lambda: MLP(10, 1, 8, norm="batchnorm"), "model.norm", "model.norm=batch"),
        (lambda: MLP(10, 1, 8, depth=-1), "model.depth cannot be used", "model.depth=0"),
        (lambda: MLP(10, 1, 8, width=2.5), "model.width cannot be used", "model.width=1"),
        (lambda: MLP(10, 1, 8, dropout=1.0), "model.dropout cannot be used", "0 (off)"),
        (lambda: CNN(10, 1, 8, stages=5), "model.stages=5 halves images of 8x8", "stages=4"),
        (lambda: CNN(10, 1, 8, convs=0), "model.convs cannot be used", "model.convs=1"),
        (lambda: ResNet(10, 1, 8, depth=18), "model.depth=18 does not divide", "depth=14 or"),
        (lambda: ResNet(10, 1, 2), "model.image_size cannot be used", "image_size=4"),
        (lambda: ViT(10, 1, 28, patch=5), "model.patch=5 does not divide image_size=28", "patch=4"),
        (lambda: ViT(10, 1, 8, dim=64, heads=5), "model.heads=5 does not divide dim=64", "heads=4"),
    ],
)
def test_a_bad_argument_is_named_with_its_remedy(build, problem, fix):
    with pytest.raises(ConfigError) as caught:
        build()
    assert problem in caught.value.problem
    assert fix in caught.value.fix
    assert caught.value.expected
    assert caught.value.got
