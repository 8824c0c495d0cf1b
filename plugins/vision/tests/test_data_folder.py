"""Folders of pictures: layouts, splits, memory, and every refusal."""

import os
import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from labloom.errors import ConfigError, DataError
from labloom_vision.data import FolderData

SHARED = Path(__file__).resolve().parents[4] / "shared" / "data"
DATA = Path(os.environ.get("LABLOOM_DATA", SHARED))
COLOURS = {"ants": (200, 30, 40), "bees": (220, 200, 20), "flies": (20, 30, 200)}


def write_class(folder, name, count, size=(24, 18)):
    """Noisy pictures of the colour of a class."""
    home = folder / name
    home.mkdir(parents=True)
    for i in range(count):
        draw = np.random.default_rng(i)
        noise = draw.integers(-20, 20, (size[1], size[0], 3))
        pixels = np.clip(np.array(COLOURS[name]) + noise, 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(home / f"{i:03}.png")


@pytest.fixture
def flat(tmp_path):
    """photos/ with 20 ants and 10 bees."""
    write_class(tmp_path / "photos", "ants", 20)
    write_class(tmp_path / "photos", "bees", 10)
    return tmp_path / "photos"


@pytest.fixture
def given(tmp_path):
    """photos/ with train/, val/ and test/."""
    for split, count in (("train", 8), ("val", 3), ("test", 2)):
        write_class(tmp_path / "photos" / split, "ants", count)
        write_class(tmp_path / "photos" / split, "bees", count)
    return tmp_path / "photos"


def ready(folder, **arguments):
    data = FolderData(folder=str(folder), **{"image_size": 16, **arguments})
    data.setup("fit")
    return data


def everything(loader):
    images, labels = zip(*loader, strict=True)
    return torch.cat(images), torch.cat(labels)


def sizes(data):
    loaders = data.train_dataloader(), data.val_dataloader(), data.test_dataloader()
    return [len(everything(loader)[1]) if loader else 0 for loader in loaders]


def test_a_flat_folder_is_split_with_the_classes_in_proportion(flat):
    data = ready(flat, val_fraction=0.2, test_fraction=0.1)
    assert sizes(data) == [21, 6, 3]
    assert data.spec["class_counts"] == [14, 7]


def test_the_splits_of_a_flat_folder_are_disjoint(flat):
    data = ready(flat)
    loaders = data.train_dataloader(), data.val_dataloader(), data.test_dataloader()
    images = torch.cat([everything(loader)[0] for loader in loaders])
    assert len({image.numpy().tobytes() for image in images}) == 30


def test_given_splits_are_taken_as_they_are(given):
    assert sizes(ready(given)) == [16, 6, 4]


@pytest.mark.parametrize("name", ["valid", "validation"])
def test_the_validation_folder_has_three_names(given, name):
    (given / "val").rename(given / name)
    assert sizes(ready(given)) == [16, 6, 4]


def test_a_split_without_a_folder_is_cut_from_train(given):
    shutil.rmtree(given / "test")
    assert sizes(ready(given, test_fraction=0.25)) == [12, 6, 4]


def test_a_split_without_a_folder_and_fraction_does_not_exist(given):
    shutil.rmtree(given / "test")
    data = ready(given, test_fraction=0)
    assert data.test_dataloader() == []
    assert sorted(data.fingerprint) == ["train", "val"]


def test_labels_follow_the_sorted_names_of_the_classes(flat):
    images, labels = everything(ready(flat).train_dataloader())
    green = images[:, 1].mean(dim=(1, 2))
    assert ready(flat).spec["classes"] == ["ants", "bees"]
    assert torch.equal(green > 0.5, labels == 1)


def test_spec_describes_the_training_pictures(flat):
    data = ready(flat, channels=3)
    images, _ = everything(data.train_dataloader())
    assert (data.spec["channels"], data.spec["image_size"], data.spec["num_classes"]) == (3, 16, 2)
    assert data.spec["mean"] == pytest.approx(images.mean(dim=(0, 2, 3)).tolist(), abs=1e-5)
    expected = images.transpose(0, 1).flatten(1).std(dim=1, correction=0)
    assert data.spec["std"] == pytest.approx(expected.tolist(), abs=1e-5)


def test_grey_is_one_channel_if_asked_for(flat):
    data = ready(flat, channels=1)
    assert data.spec["channels"] == 1
    assert everything(data.train_dataloader())[0].shape == (22, 1, 16, 16)


def test_memory_files_and_workers_give_the_same_batches(flat):
    batches = []
    for arguments in ({"cache": True}, {"cache": False}, {"cache": False, "num_workers": 1}):
        torch.manual_seed(3)
        data = ready(flat, batch_size=8, **arguments)
        batches.append((*everything(data.train_dataloader()), data.spec))
    for other in batches[1:]:
        assert torch.equal(other[0], batches[0][0])
        assert torch.equal(other[1], batches[0][1])
        assert other[2] == batches[0][2]


def test_in_memory_the_files_are_read_once(flat):
    data = ready(flat, cache=True)
    first = everything(data.val_dataloader())[0]
    shutil.rmtree(flat)
    assert torch.equal(everything(data.val_dataloader())[0], first)
    assert len(everything(data.train_dataloader())[0]) == 22


def test_workers_are_chosen_where_pictures_do_not_stay_in_memory(flat):
    assert ready(flat).train_dataloader().num_workers == 0
    loader = ready(flat, cache=False).train_dataloader()
    assert loader.num_workers == min(8, torch.get_num_threads())
    assert not loader.persistent_workers
    assert ready(flat, cache=False, num_workers=0).train_dataloader().num_workers == 0


def test_persistent_workers_can_be_asked_for(flat):
    data = ready(flat, cache=False, num_workers=1, persistent_workers=True)
    assert data.train_dataloader().persistent_workers


def test_a_relative_folder_is_found_from_here_and_from_the_data_root(flat, monkeypatch, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    from_root = ready("photos", root=str(tmp_path)).fingerprint
    monkeypatch.chdir(tmp_path)
    assert ready("photos", root=str(elsewhere)).fingerprint == from_root


def test_the_fingerprint_follows_the_contents_and_not_the_place(flat, tmp_path):
    before = ready(flat).fingerprint
    moved = flat.rename(tmp_path / "moved")
    assert ready(moved).fingerprint == before
    Image.new("RGB", (24, 18)).save(moved / "ants" / "000.png")
    after = ready(moved).fingerprint
    assert sum(after[name] != before[name] for name in before) == 1


def test_pictures_in_subfolders_of_a_class_belong_to_it(flat):
    (flat / "ants" / "red" / "young").mkdir(parents=True)
    (flat / "ants" / "000.png").rename(flat / "ants" / "red" / "young" / "000.png")
    assert sum(sizes(ready(flat))) == 30


def test_hidden_files_and_other_files_are_ignored_and_counted(flat):
    (flat / "README.txt").write_text("photos of insects")
    (flat / "ants" / ".hidden.png").write_bytes(b"")
    (flat / "bees" / "labels.csv").write_text("a,b")
    (flat / ".git").mkdir()
    with pytest.warns(UserWarning, match=r"^3 files in .* were ignored: hidden, or without"):
        data = ready(flat)
    assert data.spec["classes"] == ["ants", "bees"]
    assert sum(sizes(data)) == 30


def test_a_clean_folder_gives_no_warning(flat):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ready(flat)


def test_a_class_that_validation_lacks_is_warned_about(given):
    write_class(given / "train", "flies", 4)
    with pytest.warns(UserWarning, match=r"val has no pictures of flies"):
        assert ready(given).spec["num_classes"] == 3


def test_a_class_may_be_called_test(tmp_path):
    write_class(tmp_path / "photos", "ants", 9)
    write_class(tmp_path / "photos", "bees", 9)
    (tmp_path / "photos" / "bees").rename(tmp_path / "photos" / "test")
    assert ready(tmp_path / "photos").spec["classes"] == ["ants", "test"]


def refusal(folder, **arguments):
    with pytest.raises(DataError) as caught:
        ready(folder, **arguments)
    return str(caught.value)


def test_a_folder_that_is_not_there_is_named(tmp_path):
    message = refusal(tmp_path / "phtoos")
    assert f"there is no folder {tmp_path / 'phtoos'}" in message
    assert "data.folder=PATH" in message


def test_both_places_where_a_folder_was_looked_for_are_told(tmp_path):
    message = refusal("phtoos", root=str(tmp_path))
    assert f"{Path.cwd() / 'phtoos'} or {tmp_path / 'phtoos'}" in message


def test_a_file_instead_of_a_folder_is_named(tmp_path):
    (tmp_path / "photos").write_text("")
    assert "got:      a file" in refusal(tmp_path / "photos")


def test_a_folder_without_classes_is_named(tmp_path):
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    message = refusal(tmp_path)
    assert f"{tmp_path} has no class" in message
    assert "sort the pictures into one folder per class" in message


def test_a_single_class_is_named(tmp_path):
    write_class(tmp_path, "ants", 5)
    message = refusal(tmp_path)
    assert "has one class only" in message
    assert "got:      ants" in message


def test_an_empty_class_is_named(flat):
    (flat / "flies").mkdir()
    message = refusal(flat)
    assert f"class 'flies' has no pictures: {flat / 'flies'}" in message
    assert "got:      an empty folder" in message
    assert "add pictures, or remove the folder" in message


def test_a_class_of_other_files_is_named(flat):
    (flat / "flies").mkdir()
    (flat / "flies" / "notes.txt").write_text("none yet")
    assert "got:      1 other files" in refusal(flat)


def test_a_class_that_train_lacks_is_named(given):
    write_class(given / "val", "flies", 2)
    message = refusal(given)
    assert f"{given / 'val'} has a class that train lacks: flies" in message
    assert "classes of train: ants, bees" in message


def test_a_split_without_train_is_refused(given):
    (given / "train").rename(given / "training")
    message = refusal(given)
    assert "has val/ but no train/" in message
    assert f"move the class folders for training into {given / 'train'}" in message


def test_too_few_pictures_for_a_split_name_the_class(tmp_path):
    write_class(tmp_path, "ants", 2)
    write_class(tmp_path, "bees", 9)
    message = refusal(tmp_path)
    assert "class 'ants' has too few images for a stratified split" in message
    assert "train, test, val" in message


@pytest.mark.parametrize("arguments", [{"cache": True}, {"cache": False, "num_workers": 0}])
def test_a_corrupt_picture_is_named(flat, arguments):
    for path in flat.glob("bees/*.png"):
        path.write_bytes(path.read_bytes()[:60])
    message = refusal(flat, **arguments)
    assert str(flat / "bees") in message
    assert "cannot be read" in message


def test_a_corrupt_picture_is_named_by_a_worker(flat):
    data = ready(flat, cache=False, num_workers=1)
    for path in flat.glob("*/*.png"):
        path.write_bytes(b"")
    with pytest.raises(DataError, match=r"photos/.*png cannot be read"):
        everything(data.train_dataloader())


def test_a_link_to_nowhere_is_named_by_the_fingerprint(flat):
    data = ready(flat, cache=False)
    for path in flat.glob("*/*.png"):
        path.unlink()
        path.symlink_to("nowhere.png")
    with pytest.raises(DataError, match=r"photos/(ants|bees)/.*png cannot be read"):
        _ = data.fingerprint


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        ({"channels": 4}, ["data.channels", "3 (colour) or 1 (grey)", "got:      4"]),
        ({"image_size": 0}, ["data.image_size", "1 or more", "data.image_size=64"]),
        ({"val_fraction": 1.5}, ["data.val_fraction", "got:      1.5"]),
    ],
)
def test_an_argument_out_of_range_is_refused(arguments, parts):
    with pytest.raises(ConfigError) as caught:
        FolderData(folder="photos", **arguments)
    for part in parts:
        assert part in str(caught.value)


@pytest.mark.skipif(
    not (DATA / "vision" / "hymenoptera").is_dir(),
    reason="no vision/hymenoptera in LABLOOM_DATA",
)
def test_real_photographs_of_ants_and_bees():
    data = ready("vision/hymenoptera", root=str(DATA), image_size=64, augment="photo")
    assert data.spec["classes"] == ["ants", "bees"]
    assert sizes(data) == [207, 153, 37]
    images, _ = next(iter(data.train_dataloader()))
    assert images.shape == (32, 3, 64, 64)
