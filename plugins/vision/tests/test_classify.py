"""The module of vision_classify: learning, metrics, losses, answers and messages."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from PIL import Image
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, log_loss
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

from labloom.errors import ConfigError
from labloom_vision.classify import ImageClassifier
from labloom_vision.nets.cnn import CNN
from labloom_vision.nets.mlp import MLP
from labloom_vision.nets.pretrained import TimmModel


class Training(ImageClassifier):
    """The classifier with an optimizer, which labloom's core supplies otherwise."""

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=3e-3)


def trainer(folder, **options) -> pl.Trainer:
    return pl.Trainer(
        accelerator="cpu",
        devices=1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=folder,
        **options,
    )


def batches(digits, start, stop, size=32, shuffle=False) -> DataLoader:
    images, labels = digits
    return DataLoader(TensorDataset(images[start:stop], labels[start:stop]), size, shuffle=shuffle)


def test_learns_one_batch_of_digits_by_heart(digits, spec, tmp_path):
    module = Training(CNN(10, 1, 8), **spec)
    one = batches(digits, 0, 32)
    run = trainer(tmp_path, max_epochs=30)
    run.fit(module, one, one)
    assert run.callback_metrics["val/acc"] == 1.0
    assert run.callback_metrics["train/acc"] == 1.0


@pytest.mark.parametrize("split", ["val", "test"])
def test_metrics_agree_with_scikit_learn(split, digits, spec, tmp_path):
    module = Training(MLP(10, 1, 8), **spec)
    run = trainer(tmp_path, max_epochs=1)
    run.fit(module, batches(digits, 0, 300))
    loader = batches(digits, 300, 700, size=64)
    evaluate = run.validate if split == "val" else run.test
    seen = evaluate(module, loader, verbose=False)[0]

    images, labels = digits[0][300:700], digits[1][300:700].numpy()
    with torch.no_grad():
        probabilities = module.eval()(images).softmax(1).double().numpy()
    probabilities /= probabilities.sum(1, keepdims=True)
    predicted = probabilities.argmax(1)
    assert seen[f"{split}/acc"] == pytest.approx(accuracy_score(labels, predicted))
    assert seen[f"{split}/f1"] == pytest.approx(f1_score(labels, predicted, average="macro"))
    assert seen[f"{split}/loss"] == pytest.approx(log_loss(labels, probabilities), rel=1e-5)
    error = calibration_error(probabilities.max(1), predicted == labels)
    assert seen[f"{split}/calibration_error"] == pytest.approx(error, abs=1e-5)
    assert np.array_equal(module.confusion[split].numpy(), confusion_matrix(labels, predicted))


def calibration_error(confidence: np.ndarray, hit: np.ndarray, bins: int = 15) -> float:
    """Equation 3 of Guo et al. 2017, bin by bin."""
    edges = np.linspace(0, 1, bins + 1)
    members = [(confidence > low) & (confidence <= high) for low, high in pairwise(edges)]
    return sum(m.mean() * abs(hit[m].mean() - confidence[m].mean()) for m in members if m.any())


def test_metrics_start_anew_in_every_epoch(digits, spec, tmp_path):
    module = Training(MLP(10, 1, 8), **spec)
    run = trainer(tmp_path, max_epochs=3)
    run.fit(module, batches(digits, 0, 64), batches(digits, 64, 164))
    assert module.confusion["val"].sum() == 100


def test_images_are_normalised_inside_the_module(spec):
    module = ImageClassifier(torch.nn.Identity(), **{**spec, "mean": [0.5], "std": [0.25]})
    images = torch.rand(2, 1, 8, 8)
    torch.testing.assert_close(module(images), (images - 0.5) / 0.25)


def test_mean_and_std_are_part_of_the_state_and_nothing_else_but_the_model(spec):
    module = ImageClassifier(MLP(10, 1, 8, depth=0), **spec, class_weights=[1.0] * 10)
    assert set(module.state_dict()) == {"mean", "std", "model.head.weight", "model.head.bias"}


def step_loss(digits, spec, **options) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    module = ImageClassifier(MLP(10, 1, 8), **spec, **options)
    module.log = lambda *args, **kwargs: None  # there is no trainer to log to
    images, labels = digits[0][:20], digits[1][:20]
    return module.training_step((images, labels), 0), module(images), labels


def test_label_smoothing_spreads_a_part_of_the_target(digits, spec):
    loss, logits, labels = step_loss(digits, spec, label_smoothing=0.2)
    target = functional.one_hot(labels, 10) * 0.8 + 0.02
    torch.testing.assert_close(loss, -(target * logits.log_softmax(1)).sum(1).mean())


def test_class_weights_weigh_the_training_loss(digits, spec):
    weights = torch.arange(1.0, 11.0)
    loss, logits, labels = step_loss(digits, spec, class_weights=weights.tolist())
    plain = functional.cross_entropy(logits, labels, reduction="none")
    torch.testing.assert_close(loss, (plain * weights[labels]).sum() / weights[labels].sum())


def test_balanced_weights_give_every_class_the_same_say(spec):
    counts = [10, 20, 30, 40, 50, 60, 70, 80, 90, 100]
    module = ImageClassifier(MLP(10, 1, 8), **spec, class_weights="balanced", class_counts=counts)
    shares = module.class_weights * torch.tensor(counts)
    torch.testing.assert_close(shares, torch.full((10,), sum(counts) / 10))


def test_a_file_becomes_a_label_with_its_probabilities(digits, spec, tmp_path):
    module = Training(CNN(10, 1, 8), **spec)
    trainer(tmp_path, max_epochs=3).fit(module, batches(digits, 0, 600, shuffle=True))
    files = []
    for i in range(700, 720):
        pixels = (digits[0][i, 0] * 255).round().byte().numpy()
        files.append(tmp_path / f"{i}.png")
        Image.fromarray(pixels).resize((32, 32), Image.Resampling.BILINEAR).save(files[-1])
    with torch.no_grad():
        answers = module.eval().postprocess(module(module.preprocess(files)))
    labels = digits[1][700:720].tolist()
    hits = [a["label"] == str(label) for a, label in zip(answers, labels, strict=True)]
    assert sum(hits) >= 15
    for answer in answers:
        assert answer["probability"] == max(answer["probabilities"].values())
        assert list(answer["probabilities"]) == spec["classes"]
        assert sum(answer["probabilities"].values()) == pytest.approx(1, abs=1e-5)
        assert answer["label"] == max(answer["probabilities"], key=answer["probabilities"].get)


def pretrained_colour(spec, folder, *, write=True) -> tuple[Training, torch.Tensor]:
    """A frozen timm model that starts from a file in ``folder``, and a weight of that file."""
    source = TimmModel(10, 3, 8, name="resnet10t")
    if write:
        torch.save(source.net.state_dict(), folder / "weights.pth")
    model = TimmModel(
        10, 3, 8, name="resnet10t", unfreeze=0, checkpoint_path=str(folder / "weights.pth")
    )
    colour = {**spec, "channels": 3, "mean": [0.3] * 3, "std": [0.4] * 3}
    return Training(model, **colour), source.net.layer1[0].conv1.weight


def colour_batches(digits) -> DataLoader:
    return batches((digits[0].expand(-1, 3, -1, -1), digits[1]), 0, 32)


def test_a_pretrained_model_reads_its_weights_when_training_starts(digits, spec, tmp_path):
    module, expected = pretrained_colour(spec, tmp_path)
    trainer(tmp_path, max_epochs=1).fit(module, colour_batches(digits))
    torch.testing.assert_close(module.model.net.layer1[0].conv1.weight, expected)


def test_resuming_does_not_read_the_pretrained_weights_again(digits, spec, tmp_path):
    module, _ = pretrained_colour(spec, tmp_path)
    run = trainer(tmp_path, max_epochs=1)
    run.fit(module, colour_batches(digits))
    run.save_checkpoint(tmp_path / "run.ckpt")
    (tmp_path / "weights.pth").unlink()
    again, _ = pretrained_colour(spec, tmp_path, write=False)
    trainer(tmp_path, max_epochs=2).fit(
        again, colour_batches(digits), ckpt_path=tmp_path / "run.ckpt"
    )
    assert again.current_epoch == 2


@pytest.mark.parametrize(
    ("change", "problem", "expected"),
    [
        ({"classes": ["a", "b"]}, "module.classes does not fit", "at least 2 classes"),
        ({"num_classes": 1, "classes": ["a"]}, "module.classes does not fit", "at least 2"),
        ({"mean": [0.1, 0.2]}, "module.mean and module.std do not fit", "1 numbers each"),
        ({"std": [0.0]}, "module.mean and module.std do not fit", "std above 0"),
        ({"label_smoothing": 1.0}, "module.label_smoothing cannot be used", "below 1"),
        ({"class_weights": "balance"}, "module.class_weights cannot be used", "'balanced'"),
        ({"class_weights": [1.0]}, "module.class_weights cannot be used", "10 numbers"),
        ({"class_weights": [0.0] * 10}, "module.class_weights cannot be used", "10 numbers"),
        ({"class_weights": "balanced"}, "module.class_weights cannot be used", "class_counts"),
    ],
)
def test_a_bad_argument_is_named_with_its_remedy(change, problem, expected, spec):
    with pytest.raises(ConfigError, match=problem) as caught:
        ImageClassifier(MLP(10, 1, 8), **{**spec, **change})
    assert expected in caught.value.expected
    assert caught.value.got
    assert caught.value.fix
