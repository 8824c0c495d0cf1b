"""Raw images to batches: real files made by Pillow, arrays of every kind, and bad input."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from labloom.errors import DataError
from labloom_vision.data.pictures import read_picture
from labloom_vision.images import to_batch


@pytest.fixture
def photo() -> Image.Image:
    """A colour picture, 30 wide and 20 high: red grows to the right, green downwards."""
    down, right = np.mgrid[0:20, 0:30]
    pixels = np.stack([right * 255 / 29, down * 255 / 19, np.full((20, 30), 60)], axis=-1)
    return Image.fromarray(pixels.astype(np.uint8))


def test_a_file_looks_as_it_did_in_training(photo, tmp_path):
    photo.save(tmp_path / "photo.png")
    batch = to_batch([tmp_path / "photo.png"], channels=3, image_size=16)
    trained_on = read_picture(tmp_path / "photo.png", 16, 3)
    torch.testing.assert_close(batch[0], trained_on / 255)
    assert batch.dtype == torch.float32


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("image_size", [8, 20, 64])
def test_path_picture_and_array_give_the_same_batch(channels, image_size, photo, tmp_path):
    photo.save(tmp_path / "photo.png")
    array = np.asarray(photo)
    inputs = [str(tmp_path / "photo.png"), photo, array, array.transpose(2, 0, 1)]
    batch = to_batch(inputs, channels=channels, image_size=image_size)
    assert batch.shape == (4, channels, image_size, image_size)
    for image in batch[1:]:
        torch.testing.assert_close(image, batch[0])


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("image_size", [8, 64])
def test_real_numbers_give_nearly_the_batch_of_whole_ones(channels, image_size, photo):
    array = np.asarray(photo)
    batch = to_batch([array, array / 255], channels=channels, image_size=image_size)
    torch.testing.assert_close(batch[0], batch[1], atol=0.02, rtol=0)


def test_an_array_of_the_right_size_keeps_its_precision(digits):
    images = digits[0][:4]
    batch = to_batch([image[0].numpy() for image in images], channels=1, image_size=8)
    assert torch.equal(batch, images)


def test_a_tensor_is_taken_as_an_array(digits):
    assert torch.equal(to_batch(list(digits[0][:4]), channels=1, image_size=8), digits[0][:4])


def test_grey_is_repeated_for_a_colour_model():
    grey = np.arange(64, dtype=np.uint8).reshape(8, 8)
    batch = to_batch([grey, grey / 255], channels=3, image_size=8)
    for image in batch:
        torch.testing.assert_close(image, torch.tensor(grey / 255).float().expand(3, 8, 8))


def test_transparent_parts_become_white():
    clear = np.zeros((8, 8, 4), dtype=np.uint8)
    batch = to_batch([clear, clear.astype(float)], channels=3, image_size=8)
    assert torch.equal(batch, torch.ones(2, 3, 8, 8))


def test_sixteen_bit_scans_keep_their_shades(tmp_path):
    shades = np.linspace(0, 65535, 64).astype(np.uint16).reshape(8, 8)
    Image.fromarray(shades).save(tmp_path / "scan.png")
    batch = to_batch([tmp_path / "scan.png"], channels=1, image_size=8)
    torch.testing.assert_close(
        batch[0, 0], torch.tensor(shades / 65535).float(), atol=1 / 255, rtol=0
    )


def test_a_picture_is_turned_as_its_camera_says(tmp_path):
    upright = Image.fromarray(np.repeat(np.linspace(0, 255, 8).astype(np.uint8), 8).reshape(8, 8))
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees, clockwise
    upright.rotate(90).save(tmp_path / "turned.png", exif=exif)
    batch = to_batch([tmp_path / "turned.png", upright], channels=1, image_size=8)
    torch.testing.assert_close(batch[0], batch[1])


def test_other_numbers_of_channels_come_as_arrays():
    scene = np.random.default_rng(0).random((6, 10, 10))
    batch = to_batch([scene, scene.transpose(1, 2, 0)], channels=6, image_size=10)
    assert torch.equal(batch[0], batch[1])


def test_a_corrupt_file_is_named(tmp_path):
    file = tmp_path / "broken.png"
    Image.new("L", (64, 64)).save(file)
    file.write_bytes(file.read_bytes()[:60])
    with pytest.raises(DataError, match="broken"):
        to_batch([file], channels=1, image_size=8)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ([], "there is no image to look at"),
        (["/gone/photo.png"], "/gone/photo.png"),
        ([np.zeros((8, 8)), np.full((8, 8), 16.0)], "input 1 has values outside 0 to 1"),
        ([np.full((8, 8), np.nan)], "input 0 has values outside 0 to 1"),
        ([np.full((8, 8), 300)], "input 0 has values outside 0 to 255"),
        ([np.zeros((2, 8, 8, 3))], "input 0 is no image"),
        ([np.zeros((0, 8))], "input 0 is no image"),
        ([np.array([["a"]])], "input 0 is no image"),
        ([np.zeros((6, 10, 10))], "input 0 has 6 channels|input 0 has 10 channels"),
        ([{"image": 1}], "input 0 cannot be used as an image of 3 channels"),
        ([Image.new("F", (8, 8))], "input 0 cannot be read"),
    ],
)
def test_what_is_no_image_is_refused_by_name(inputs, message):
    with pytest.raises(DataError, match=message) as caught:
        to_batch(inputs, channels=3, image_size=8)
    assert caught.value.expected


def test_a_file_cannot_have_six_channels():
    with pytest.raises(DataError, match="cannot be used as an image of 6 channels") as caught:
        to_batch(["photo.png"], channels=6, image_size=8)
    assert caught.value.expected == "an array with 6 channels"
