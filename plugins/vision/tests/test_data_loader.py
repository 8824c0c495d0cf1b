"""The in-memory loader: batches, order, and one part of the data for each rank of DDP."""

import hashlib
import itertools
import subprocess
import sys

import pytest
import torch

from labloom.errors import ConfigError
from labloom_vision.data import DigitsData
from labloom_vision.data.loader import ImagesInMemory, batch_loader

IMAGES = torch.arange(10, dtype=torch.uint8).view(10, 1, 1, 1).repeat(1, 2, 3, 3)
LABELS = torch.arange(10)

TWO_RANKS = """
import sys
import pytorch_lightning as pl
import torch
from labloom_vision.data import DigitsData

class Seen(pl.LightningModule):
    def __init__(self):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.ones(()))
        self.images = []
    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), 0.1)
    def training_step(self, batch, index):
        self.images.append(batch[0])
        return self.scale * batch[0].mean()
    def on_train_end(self):
        torch.save(torch.cat(self.images), f"{sys.argv[1]}/rank{self.global_rank}.pt")

pl.Trainer(
    accelerator="cpu", devices=2, strategy="ddp", max_epochs=1, limit_val_batches=0, logger=False,
    enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
).fit(Seen(), datamodule=DigitsData())
"""


def split():
    return ImagesInMemory(IMAGES, LABELS)


def order(loader):
    return [labels.tolist() for _, labels in loader]


def keys(images):
    return [hashlib.md5(image.numpy().tobytes()).hexdigest() for image in images]


def test_a_batch_is_float_images_in_the_unit_range_and_whole_labels():
    images, labels = next(iter(batch_loader(split(), batch_size=4)))
    assert (images.dtype, tuple(images.shape)) == (torch.float32, (4, 2, 3, 3))
    assert labels.dtype == torch.int64
    assert torch.equal(images[:, 0, 0, 0], torch.tensor([0.0, 1.0, 2.0, 3.0]) / 255)


def test_images_and_labels_stay_together_when_shuffled():
    for images, labels in batch_loader(split(), batch_size=3, shuffle=True):
        assert torch.equal((images[:, 0, 0, 0] * 255).round().long(), labels)


def test_an_epoch_has_every_image_once():
    batches = order(batch_loader(split(), batch_size=4, shuffle=True))
    assert [len(batch) for batch in batches] == [4, 4, 2]
    assert sorted(itertools.chain(*batches)) == list(range(10))


def test_the_order_comes_from_the_global_generator_of_torch():
    loader = batch_loader(split(), batch_size=4, shuffle=True)
    torch.manual_seed(1)
    first = order(loader)
    state = torch.get_rng_state()
    second = order(loader)
    assert first != second
    torch.set_rng_state(state)
    assert order(loader) == second


def test_without_shuffle_the_order_is_that_of_the_set():
    assert order(batch_loader(split(), batch_size=6)) == [[0, 1, 2, 3, 4, 5], [6, 7, 8, 9]]


def test_drop_last_leaves_out_the_smaller_batch():
    loader = batch_loader(split(), batch_size=4, drop_last=True)
    assert [len(batch) for batch in order(loader)] == [4, 4]
    assert len(loader) == 2


def test_no_batch_size_means_the_whole_split_in_one_batch_in_order():
    assert order(batch_loader(split(), batch_size=None, shuffle=True)) == [list(range(10))]


def test_workers_give_the_same_batches():
    here = batch_loader(split(), batch_size=4)
    there = batch_loader(split(), batch_size=4, num_workers=1)
    assert order(here) == order(there)


def test_drop_last_that_leaves_no_batch_is_refused():
    with pytest.raises(ConfigError) as caught:
        batch_loader(split(), batch_size=11, drop_last=True)
    message = str(caught.value)
    assert "data.drop_last leaves no training batch" in message
    assert "data.batch_size of at most 10" in message
    assert "data.drop_last=false" in message


def test_the_digest_changes_with_one_pixel_one_label_and_the_shape():
    changed = IMAGES.clone()
    changed[3, 1, 2, 2] += 1
    digests = {
        ImagesInMemory(images, labels).digest
        for images, labels in [
            (IMAGES, LABELS),
            (changed, LABELS),
            (IMAGES, LABELS.flip(0)),
            (IMAGES.view(10, 1, 6, 3), LABELS),
        ]
    }
    assert len(digests) == 4
    assert split().digest in digests


def test_two_ranks_of_ddp_train_on_different_halves(tmp_path):
    script = tmp_path / "two_ranks.py"
    script.write_text(TWO_RANKS)
    command = [sys.executable, str(script), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    data = DigitsData(batch_size=None)
    data.setup("fit")
    train, _ = next(iter(data.train_dataloader()))
    ranks = [keys(torch.load(tmp_path / f"rank{rank}.pt")) for rank in (0, 1)]
    assert [len(rank) for rank in ranks] == [629, 629]
    assert set(ranks[0]) | set(ranks[1]) == set(keys(train))
    # 1,257 is odd: the sampler gives one image twice, so that both ranks have as many.
    assert len(set(ranks[0]) & set(ranks[1])) <= 1
