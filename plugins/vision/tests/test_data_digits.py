"""scikit-learn's digits, and what all data modules share."""

import json

import pytest
import pytorch_lightning as pl
import torch

from labloom.errors import ConfigError
from labloom_vision.data import DigitsData


def ready(**arguments):
    data = DigitsData(**arguments)
    data.setup("fit")
    return data


def everything(loader):
    images, labels = zip(*loader, strict=True)
    return torch.cat(images), torch.cat(labels)


def test_the_default_split_has_every_digit_once():
    data = ready()
    loaders = data.train_dataloader(), data.val_dataloader(), data.test_dataloader()
    assert [len(everything(loader)[1]) for loader in loaders] == [1257, 270, 270]


def test_the_pictures_are_those_of_scikit_learn():
    from sklearn.datasets import load_digits

    data = ready(batch_size=None)
    loaders = data.train_dataloader(), data.val_dataloader(), data.test_dataloader()
    images = torch.cat([everything(loader)[0] for loader in loaders])
    original = torch.from_numpy(load_digits().images / 16).float()
    assert images.sum().item() == pytest.approx(original.sum().item(), rel=1e-3)
    nearest_original = torch.cdist(images.flatten(1), original.flatten(1)).min(dim=1).values
    assert nearest_original.max() < 0.02


def test_spec_holds_plain_values_only():
    spec = ready().spec
    assert json.loads(json.dumps(spec)) == spec
    assert spec["num_classes"] == 10
    assert spec["channels"] == 1
    assert spec["image_size"] == 8
    assert spec["classes"] == list("0123456789")


def test_spec_describes_the_training_split_only():
    data = ready(test_fraction=0.5)
    images, labels = everything(data.train_dataloader())
    assert data.spec["class_counts"] == torch.bincount(labels).tolist()
    assert sum(data.spec["class_counts"]) == len(images)
    assert data.spec["mean"] == pytest.approx([images.mean().item()], abs=1e-6)
    assert data.spec["std"] == pytest.approx([images.std(correction=0).item()], abs=1e-6)


def test_setup_twice_changes_nothing():
    data = ready()
    before = (data.spec, data.fingerprint, data.train_dataloader().dataset)
    data.setup("fit")
    data.setup("test")
    assert (data.spec, data.fingerprint) == before[:2]
    assert data.train_dataloader().dataset is before[2]


def test_the_same_seed_gives_the_same_batches():
    runs = []
    for _ in range(2):
        torch.manual_seed(7)
        runs.append(everything(ready(augment="shift").train_dataloader()))
    assert torch.equal(runs[0][0], runs[1][0])
    assert torch.equal(runs[0][1], runs[1][1])


def test_the_split_does_not_depend_on_the_global_seed():
    torch.manual_seed(1)
    first = ready().fingerprint
    torch.manual_seed(2)
    assert ready().fingerprint == first
    assert ready(split_seed=1).fingerprint != first


def test_the_fingerprint_tells_the_splits_apart():
    fingerprint = ready().fingerprint
    assert sorted(fingerprint) == ["test", "train", "val"]
    assert len(set(fingerprint.values())) == 3
    assert all(len(digest) == 64 for digest in fingerprint.values())


def test_augmentation_changes_training_images_only():
    plain, varied = ready(batch_size=None), ready(batch_size=None, augment="shift")
    for name in ("val_dataloader", "test_dataloader"):
        pairs = everything(getattr(plain, name)()), everything(getattr(varied, name)())
        assert torch.equal(pairs[0][0], pairs[1][0])
    plain_images, varied_images = (everything(d.train_dataloader())[0] for d in (plain, varied))
    assert not torch.equal(plain_images, varied_images)


def test_a_limit_shortens_training_and_leaves_the_other_splits():
    whole, short = ready(), ready(limit=100)
    assert sum(short.spec["class_counts"]) == 100
    assert max(short.spec["class_counts"]) - min(short.spec["class_counts"]) <= 1
    assert short.fingerprint["val"] == whole.fingerprint["val"]
    assert short.fingerprint["test"] == whole.fingerprint["test"]


def test_no_batch_size_trains_on_the_whole_split_at_once():
    assert [len(labels) for _, labels in ready(batch_size=None).train_dataloader()] == [1257]


def test_a_trainer_skips_splits_that_do_not_exist(tmp_path):
    class Linear(pl.LightningModule):
        def __init__(self):
            super().__init__()
            self.layer = torch.nn.Linear(64, 10)
            self.validated = 0

        def training_step(self, batch, index):
            images, labels = batch
            return torch.nn.functional.cross_entropy(self.layer(images.flatten(1)), labels)

        def validation_step(self, batch, index):
            self.validated += 1

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), 0.1)

    data = DigitsData(val_fraction=0, test_fraction=0)
    module = Linear()
    trainer = pl.Trainer(
        accelerator="cpu",
        max_epochs=1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        default_root_dir=tmp_path,
    )
    trainer.fit(module, datamodule=data)
    assert trainer.global_step == 29  # 1,797 images in batches of 64
    assert module.validated == 0


def test_a_last_batch_of_one_image_is_warned_about():
    data = ready(limit=65)
    with pytest.warns(UserWarning, match=r"last training batch has one image.*data.drop_last=true"):
        data.train_dataloader()


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        ({"batch_size": 0}, ["data.batch_size", "1 or more", "got:      0", "whole split"]),
        ({"batch_size": 2.5}, ["data.batch_size", "a whole number", "got:      2.5"]),
        ({"batch_size": True}, ["data.batch_size", "a whole number", "got:      True"]),
        ({"limit": 0}, ["data.limit", "1 or more", "null: all training images"]),
        ({"num_workers": -1}, ["data.num_workers", "0 or more", "got:      -1"]),
        ({"split_seed": 2**32}, ["data.split_seed", "0 to 4294967295", "0 is a seed"]),
        ({"val_fraction": -0.1}, ["data.val_fraction", "at least 0", "got:      -0.1", "15 %"]),
        ({"test_fraction": 1}, ["data.test_fraction", "below 1", "got:      1"]),
        ({"val_fraction": "half"}, ["data.val_fraction", "a number", "got:      'half'"]),
        (
            {"val_fraction": 0.5, "test_fraction": 0.5},
            ["data.val_fraction + data.test_fraction", "a sum below 1", "got:      1.0"],
        ),
        ({"augment": "shfit"}, ["data.augment names no recipe", "fix:      data.augment=shift"]),
    ],
)
def test_an_argument_out_of_range_is_refused(arguments, parts):
    with pytest.raises(ConfigError) as caught:
        DigitsData(**arguments)
    for part in parts:
        assert part in str(caught.value)
