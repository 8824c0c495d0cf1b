"""Picture files of any size, colour and orientation become the same kind of square tensor."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from labloom.errors import DataError
from labloom_vision.data.pictures import read_picture

RED = (200, 30, 40)


def saved(picture, path, **options):
    picture.save(path, **options)
    return path


def halves(size=(40, 20)):
    """Red on the left, black on the right."""
    picture = Image.new("RGB", size)
    picture.paste(RED, (0, 0, size[0] // 2, size[1]))
    return picture


def test_a_picture_of_any_size_becomes_a_square(tmp_path):
    for size in [(7, 31), (300, 200), (16, 16)]:
        pixels = read_picture(saved(halves(size), tmp_path / "a.png"), 16)
        assert pixels.shape == (3, 16, 16)
        assert pixels.dtype == torch.uint8


def test_the_centre_is_kept_without_distortion(tmp_path):
    picture = Image.new("RGB", (60, 20))
    picture.paste(RED, (20, 0, 40, 20))
    pixels = read_picture(saved(picture, tmp_path / "a.png"), 20)
    assert torch.equal(pixels, torch.tensor(RED, dtype=torch.uint8).view(3, 1, 1).expand(3, 20, 20))


def test_shrinking_averages_instead_of_picking_pixels(tmp_path):
    checks = np.indices((64, 64)).sum(axis=0) % 2 * 255
    path = saved(Image.fromarray(checks.astype(np.uint8)), tmp_path / "a.png")
    assert (read_picture(path, 8).float() - 127.5).abs().max() < 4


@pytest.mark.parametrize(
    ("mode", "value"), [("L", 90), ("1", 1), ("RGB", RED), ("CMYK", (0, 0, 0, 0)), ("P", 3)]
)
def test_every_mode_is_read_with_three_channels_and_with_one(tmp_path, mode, value):
    path = saved(Image.new(mode, (10, 12), value), tmp_path / "a.tiff")
    assert read_picture(path, 8, channels=3).shape == (3, 8, 8)
    assert read_picture(path, 8, channels=1).shape == (1, 8, 8)


def test_grey_is_repeated_in_all_three_channels(tmp_path):
    pixels = read_picture(saved(Image.new("L", (9, 9), 77), tmp_path / "a.png"), 8)
    assert torch.equal(pixels, torch.full((3, 8, 8), 77, dtype=torch.uint8))


def test_transparent_parts_become_white_whatever_colour_lies_under_them(tmp_path):
    picture = Image.new("RGBA", (8, 8), (*RED, 0))
    assert (read_picture(saved(picture, tmp_path / "a.png"), 8) == 255).all()


def test_a_transparent_colour_of_a_palette_becomes_white(tmp_path):
    picture = Image.new("P", (8, 8), 1)
    picture.putpalette([0, 0, 0, *RED])
    solid = read_picture(saved(picture, tmp_path / "solid.png"), 8)
    assert solid[:, 0, 0].tolist() == list(RED)
    clear = read_picture(saved(picture, tmp_path / "clear.png", transparency=1), 8)
    assert (clear == 255).all()


def test_sixteen_bits_are_scaled_and_not_cut_off(tmp_path):
    values = np.array([[0, 256 * 100], [256 * 200, 65535]], dtype=np.uint16)
    path = saved(Image.fromarray(values), tmp_path / "scan.png")
    assert read_picture(path, 2, channels=1).flatten().tolist() == [0, 100, 200, 255]


def test_a_picture_is_turned_as_its_exif_tag_says(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation: turn by 90 degrees clockwise
    path = saved(halves((64, 64)), tmp_path / "turned.jpg", exif=exif, quality=95)
    red = read_picture(path, 64)[0]
    assert red[8].float().mean() > 180  # left has become top
    assert red[56].float().mean() < 20


def test_a_large_jpeg_is_decoded_smaller_and_looks_the_same(tmp_path):
    ramp = np.linspace(0, 255, 1600).astype(np.uint8)
    picture = Image.fromarray(np.broadcast_to(ramp, (1200, 1600)).copy())
    jpeg = read_picture(saved(picture, tmp_path / "a.jpg", quality=95), 32, channels=1)
    png = read_picture(saved(picture, tmp_path / "a.png"), 32, channels=1)
    assert (jpeg.float() - png.float()).abs().max() <= 3


def test_of_an_animation_the_first_frame_is_taken(tmp_path):
    frames = [Image.new("RGB", (8, 8), colour) for colour in (RED, (0, 0, 0))]
    path = saved(frames[0], tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert read_picture(path, 8)[0].float().mean() > 150


def truncated_jpeg():
    file = io.BytesIO()
    Image.effect_noise((64, 64), 80).save(file, "JPEG")
    return file.getvalue()[:600]


@pytest.mark.parametrize(
    "content",
    [b"", b"this is text", truncated_jpeg(), b"\x89PNG\r\n\x1a\n" + b"\0" * 40],
    ids=["empty", "text", "truncated", "broken header"],
)
def test_a_corrupt_picture_is_named(tmp_path, content):
    path = tmp_path / "holiday.jpg"
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        read_picture(path, 8)
    message = str(caught.value)
    assert f"picture {path} cannot be read" in message
    assert "an intact picture file" in message
    assert "remove the file or replace it" in message


def test_a_floating_point_picture_is_refused_by_name(tmp_path):
    path = saved(Image.new("F", (8, 8), 0.5), tmp_path / "depth.tiff")
    with pytest.raises(DataError, match=r"depth.tiff cannot be read(.|\n)*save it as 8 or 16 bit"):
        read_picture(path, 8)


def test_a_picture_that_is_not_there_is_named(tmp_path):
    with pytest.raises(DataError, match=r"there is no picture .*gone.jpg"):
        read_picture(tmp_path / "gone.jpg", 8)
