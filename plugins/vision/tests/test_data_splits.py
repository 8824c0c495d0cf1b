"""Stratified splits and limits: proportions, seeds and refusals."""

import pytest
import torch

from labloom.errors import ConfigError, DataError
from labloom_vision.data.splits import allot, stratified_limit, stratified_split

CLASSES = ["rare", "usual", "common"]
LABELS = torch.tensor([0] * 10 + [1] * 30 + [2] * 60)[torch.randperm(100)]


def counts(labels):
    return torch.bincount(labels, minlength=3).tolist()


def test_a_split_keeps_the_proportions_of_the_classes():
    parts = stratified_split(LABELS, {"test": 0.2, "val": 0.1}, seed=0, classes=CLASSES)
    assert counts(LABELS[parts["test"]]) == [2, 6, 12]
    assert counts(LABELS[parts["val"]]) == [1, 3, 6]
    assert counts(LABELS[parts["train"]]) == [7, 21, 42]


def test_the_parts_are_disjoint_and_cover_everything():
    parts = stratified_split(LABELS, {"test": 0.33, "val": 0.21}, seed=5, classes=CLASSES)
    assert torch.cat(list(parts.values())).sort().values.tolist() == list(range(100))


def test_the_same_seed_gives_the_same_split_and_another_seed_another():
    first, again, other = (
        stratified_split(LABELS, {"val": 0.5}, seed=seed, classes=CLASSES)["val"].tolist()
        for seed in (3, 3, 4)
    )
    assert first == again != other


def test_a_seed_means_the_same_split_in_every_version():
    labels = torch.tensor([0, 1] * 5)
    parts = stratified_split(labels, {"val": 0.4}, seed=0, classes=["a", "b"])
    assert parts["val"].tolist() == [0, 1, 4, 5]


def test_a_rare_class_is_in_every_part():
    labels = torch.tensor([0] * 3 + [1] * 1000)
    parts = stratified_split(labels, {"test": 0.1, "val": 0.1}, seed=0, classes=["rare", "common"])
    assert [int((labels[chosen] == 0).sum()) for chosen in parts.values()] == [1, 1, 1]


def test_a_fraction_of_zero_is_no_part():
    parts = stratified_split(LABELS, {"test": 0.0, "val": 0.5}, seed=0, classes=CLASSES)
    assert list(parts) == ["train", "val"]


def test_a_large_fraction_leaves_every_class_something_to_train_on():
    labels = torch.tensor([0] * 2 + [1] * 2)
    parts = stratified_split(labels, {"val": 0.9}, seed=0, classes=["a", "b"])
    assert labels[parts["train"]].tolist() == [0, 1]


def test_a_class_that_is_too_small_is_named():
    labels = torch.tensor([0] * 2 + [1] * 30)
    with pytest.raises(DataError) as caught:
        stratified_split(labels, {"test": 0.2, "val": 0.1}, seed=0, classes=["bees", "ants"])
    message = str(caught.value)
    assert "class 'bees' has too few images for a stratified split" in message
    assert "at least 3, one for each of train, test, val" in message
    assert "got:      2" in message


def test_a_limit_is_exact_and_keeps_the_proportions():
    chosen = stratified_limit(LABELS, 21, seed=0, num_classes=3)
    assert counts(LABELS[chosen]) == [2, 6, 13]


def test_a_limit_above_the_number_of_images_takes_them_all():
    assert len(stratified_limit(LABELS, 1000, seed=0, num_classes=3)) == 100


def test_a_limit_that_leaves_out_a_class_is_refused():
    with pytest.raises(ConfigError) as caught:
        stratified_limit(LABELS, 2, seed=0, num_classes=3)
    message = str(caught.value)
    assert "data.limit leaves classes without a training image" in message
    assert "at least 3" in message
    assert "data.limit=null" in message


@pytest.mark.parametrize("total", [3, 4, 10, 57, 96, 97])
def test_places_are_shared_out_exactly(total):
    places = allot([1 + 1, 30, 68], total, keep=1)
    assert sum(places) == total
    assert all(1 <= place <= count - 1 for place, count in zip(places, [2, 30, 68], strict=True))
