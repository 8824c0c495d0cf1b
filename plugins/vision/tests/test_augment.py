"""Augmentation: random for every sample, in range, and exact where it can be checked."""

import pickle

import pytest
import torch
from sklearn.datasets import load_digits
from torchvision.transforms.v2 import functional as tv

from labloom.errors import ConfigError
from labloom_vision.augment import RANGES, RECIPES, make_augment

VARYING = [name for name in RECIPES if name != "none"]


def digit(copies):
    """The same 8x8 digit several times, uint8 [b, 1, 8, 8]."""
    image = torch.from_numpy(load_digits().images[0] * 15).to(torch.uint8)
    return image.expand(copies, 1, 8, 8).contiguous()


def photo(copies):
    """The same colourful picture several times, uint8 [b, 3, 32, 32]."""
    ramp = torch.linspace(20, 230, 32)
    picture = torch.stack([ramp.expand(32, 32), ramp.expand(32, 32).T, ramp.flip(0).expand(32, 32)])
    return picture.to(torch.uint8).expand(copies, 3, 32, 32).contiguous()


def test_none_only_converts():
    assert torch.equal(make_augment("none")(digit(2)), digit(2).float() / 255)


@pytest.mark.parametrize("name", VARYING)
@pytest.mark.parametrize("images", [digit(32), photo(32)], ids=["grey", "colour"])
def test_every_sample_of_a_batch_is_varied_on_its_own(name, images):
    torch.manual_seed(0)
    varied = make_augment(name)(images)
    assert len({image.numpy().tobytes() for image in varied}) > 8


@pytest.mark.parametrize("name", VARYING)
def test_what_comes_back_is_float_in_the_unit_range_and_of_the_same_shape(name):
    varied = make_augment(name)(photo(16))
    assert varied.dtype == torch.float32
    assert varied.shape == (16, 3, 32, 32)
    assert varied.min() >= 0
    assert varied.max() <= 1


@pytest.mark.parametrize("name", VARYING)
def test_the_draws_come_from_the_global_generator_of_torch(name):
    augment = make_augment(name)
    state = torch.get_rng_state()
    first = augment(photo(8))
    second = augment(photo(8))
    torch.set_rng_state(state)
    assert torch.equal(augment(photo(8)), first)
    assert not torch.equal(first, second)


@pytest.mark.parametrize("name", RECIPES)
def test_the_original_images_stay_as_they_are(name):
    images = photo(4)
    make_augment(name)(images)
    assert torch.equal(images, photo(4))


@pytest.mark.parametrize("name", RECIPES)
def test_an_augmentation_can_be_sent_to_a_worker(name):
    assert pickle.loads(pickle.dumps(make_augment(name)))(photo(2)).shape == (2, 3, 32, 32)


@pytest.mark.parametrize(
    ("name", "strengths"),
    [
        ("shift", {"shift": 0, "rotate": 0, "zoom": 0}),
        ("crop_flip", {"shift": 0, "flip": 0}),
        ("photo", {"area": 1, "aspect": 0, "flip": 0, "color": 0, "erase": 0}),
    ],
)
def test_without_strength_nothing_changes(name, strengths):
    varied = make_augment(name, strengths)(photo(4))
    assert torch.allclose(varied, photo(4).float() / 255, atol=1e-5)


def test_crop_flip_gives_what_torchvision_crops_from_the_padded_image():
    images = photo(1)[0]
    padded = tv.pad(images, [4, 4, 4, 4])
    possible = set()
    for top in range(9):
        for left in range(9):
            crop = tv.crop(padded, top, left, 32, 32)
            possible |= {crop.numpy().tobytes(), tv.horizontal_flip(crop).numpy().tobytes()}
    torch.manual_seed(0)
    varied = (make_augment("crop_flip")(photo(500)) * 255).round().to(torch.uint8)
    seen = {image.numpy().tobytes() for image in varied}
    assert seen <= possible
    assert len(seen) > 130  # of 162


@pytest.mark.parametrize("name", ["crop_flip", "photo", "trivial"])
def test_flip_one_mirrors_every_image(name):
    still = {"crop_flip": {"shift": 0}, "photo": {"area": 1, "aspect": 0, "color": 0}}.get(name, {})
    varied = make_augment(name, {**still, "flip": 1})(photo(64))
    reds = varied[:, 0].mean(dim=1)  # [b, w]: rises from left to right in the original
    falling = (reds[:, 0] > reds[:, -1]).float().mean()
    assert falling > 0.9 if name == "trivial" else falling == 1


def test_shift_moves_by_at_most_its_strength():
    dot = torch.zeros(256, 1, 21, 21, dtype=torch.uint8)
    dot[:, :, 10, 10] = 255
    torch.manual_seed(0)
    varied = make_augment("shift", {"shift": 0.2, "rotate": 0, "zoom": 0})(dot)[:, 0]
    places = torch.arange(21.0)
    rows = (varied.sum(dim=2) * places).sum(dim=1) / varied.sum(dim=(1, 2))
    columns = (varied.sum(dim=1) * places).sum(dim=1) / varied.sum(dim=(1, 2))
    for centres in (rows, columns):
        moved = (centres - 10).abs()
        assert moved.max() <= 0.2 * 21 + 1e-3
        assert moved.max() > 0.18 * 21
        assert abs(centres.mean() - 10) < 0.5


def test_rotation_agrees_with_torchvision():
    torch.manual_seed(0)
    varied = make_augment("shift", {"shift": 0, "rotate": 180, "zoom": 0})(photo(40))
    turned = torch.stack(
        [
            tv.rotate(photo(1)[0].float() / 255, angle, tv.InterpolationMode.BILINEAR)
            for angle in range(360)
        ]
    )
    inside = (slice(None), slice(None), slice(8, 24), slice(8, 24))
    distances = torch.cdist(varied[inside].flatten(1), turned[inside].flatten(1), p=1)
    assert (distances.min(dim=1).values / (3 * 16 * 16)).max() < 0.01


def test_photo_crops_stay_inside_the_picture():
    white = torch.full((64, 3, 16, 16), 255, dtype=torch.uint8)
    varied = make_augment("photo", {"area": 0.1, "color": 0})(white)
    assert torch.allclose(varied, torch.ones(()), atol=1e-5)


def test_erase_blanks_a_rectangle():
    white = torch.full((16, 3, 16, 16), 255, dtype=torch.uint8)
    varied = make_augment("photo", {"area": 1, "color": 0, "erase": 1})(white)
    assert ((varied == 0).flatten(1).sum(dim=1) > 0).all()


def test_a_null_strength_is_the_recipe_s_own():
    nulls = dict.fromkeys(RANGES)
    assert make_augment("shift", {**nulls, "rotate": 3}) == make_augment("shift", {"rotate": 3})


def test_an_unknown_recipe_is_refused_with_the_nearest():
    with pytest.raises(ConfigError) as caught:
        make_augment("crop-flip")
    message = str(caught.value)
    assert "data.augment names no recipe" in message
    assert "one of none, shift, crop_flip, photo, trivial" in message
    assert "got:      'crop-flip'" in message
    assert "data.augment=crop_flip" in message


def test_a_strength_that_the_recipe_does_not_use_is_refused():
    with pytest.raises(ConfigError) as caught:
        make_augment("photo", {"rotate": 15})
    message = str(caught.value)
    assert "data.strengths.rotate is not used by data.augment=photo" in message
    assert "data.augment=shift, or data.strengths.rotate=null" in message


def test_a_strength_for_no_augmentation_is_refused():
    with pytest.raises(ConfigError, match="expected: no strength"):
        make_augment("none", {"flip": 0.5})


def test_an_unknown_strength_is_refused_with_the_known_ones():
    with pytest.raises(ConfigError) as caught:
        make_augment("shift", {"rotation": 15})
    assert "data.strengths has shift, rotate, zoom" in str(caught.value)


@pytest.mark.parametrize("value", [-1, 181, "much", True])
def test_a_strength_out_of_range_is_refused(value):
    with pytest.raises(ConfigError) as caught:
        make_augment("shift", {"rotate": value})
    message = str(caught.value)
    assert "data.strengths.rotate is out of range" in message
    assert "largest angle, in degrees: 0 to 180" in message
    assert f"got:      {value!r}" in message
    assert "data.strengths.rotate=10" in message
