"""The optimizers and schedulers that are supplied to modules without their own."""

from __future__ import annotations

import pickle

import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.utilities.model_helpers import is_overridden
from torch.nn import functional

from labloom.build.optimizers import check_scheduler
from labloom.build.parts import build_parts
from labloom.build.trainer import build_trainer
from labloom.errors import ConfigError, LabloomError

OPTIMIZERS = {
    "gd": "GradientDescent",
    "sgd": "SGD",
    "momentum": "SGD",
    "adam": "Adam",
    "adamw": "AdamW",
    "rmsprop": "RMSprop",
}


class Rates(pl.Callback):
    """Remembers the learning rate of every step."""

    def __init__(self):
        self.values = []

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        self.values.append(trainer.optimizers[0].param_groups[0]["lr"])


def fit(job, extra=()):
    pl.seed_everything(0, verbose=False)
    parts = build_parts(job)
    trainer = build_trainer(job, None, parts)
    trainer.callbacks[:0] = extra
    trainer.fit(parts.module, datamodule=parts.datamodule)
    return trainer, parts


@pytest.mark.parametrize("option", OPTIMIZERS)
def test_every_option_trains_with_its_class(make_job, option):
    trainer, _ = fit(make_job(optimizer=option, changes={"trainer.max_epochs": 1}))
    assert type(trainer.optimizers[0]).__name__ == OPTIMIZERS[option]
    assert trainer.global_step == (1 if option == "gd" else 19)


@pytest.mark.parametrize("option", ["cosine", "linear", "onecycle", "step", "plateau"])
def test_every_scheduler_trains(make_job, option):
    trainer, _ = fit(make_job(scheduler=option))
    assert len(trainer.lr_scheduler_configs) == 1


def test_supplied_optimizers_count_as_the_modules_own_and_pickle(make_job):
    module = build_parts(make_job()).module
    assert is_overridden("configure_optimizers", module)
    assert pickle.loads(pickle.dumps(module)).configure_optimizers.args[0] is not module


def test_frozen_parameters_are_left_out(make_job):
    job = make_job()
    parts = build_parts(job)
    parts.module.body.requires_grad_(False)
    trainer = build_trainer(job, None, parts)
    trainer.fit(parts.module, datamodule=parts.datamodule)
    group = trainer.optimizers[0].param_groups[0]["params"]
    assert {id(weight) for weight in group} == {id(w) for w in parts.module.head.parameters()}


def test_module_with_nothing_to_train_is_refused(make_job):
    job = make_job()
    parts = build_parts(job)
    parts.module.requires_grad_(False)
    with pytest.raises(LabloomError, match="every parameter is frozen"):
        build_trainer(job, None, parts).fit(parts.module, datamodule=parts.datamodule)


@pytest.mark.parametrize(
    "typed", ["optimizer.lr=0.1", "optimizer=sgd", "scheduler=cosine", "~scheduler"]
)
def test_typed_choice_is_refused_by_a_module_with_its_own_optimizer(make_job, typed):
    with pytest.raises(ConfigError) as caught:
        build_parts(make_job(typed, module="StockNet"))
    assert f"StockNet defines configure_optimizers, so '{typed}' would be ignored" in str(
        caught.value
    )


def test_default_optimizer_gives_way_to_the_modules_own(make_job):
    module = build_parts(make_job(module="StockNet")).module
    assert "configure_optimizers" not in vars(module)


def test_cosine_knows_the_number_of_steps(make_job):
    rates = Rates()
    changes = {"scheduler.warmup": 4, "trainer.max_epochs": 2}
    fit(make_job(scheduler="cosine", changes=changes), extra=[rates])
    assert rates.values[:5] == pytest.approx([0.25e-3, 0.5e-3, 0.75e-3, 1e-3, 1e-3])
    assert len(rates.values) == 38
    assert rates.values[-1] < 1e-5


def test_step_falls_after_so_many_epochs(make_job):
    rates = Rates()
    changes = {"scheduler.every": 1, "trainer.max_epochs": 3}
    fit(make_job(scheduler="step", changes=changes), extra=[rates])
    assert rates.values[::19] == pytest.approx([1e-3, 1e-4, 1e-5])


def test_plateau_falls_when_the_monitor_does_not_improve(make_job):
    rates = Rates()
    changes = {"scheduler.patience": 0, "scheduler.min_delta": 0.9, "trainer.max_epochs": 3}
    fit(make_job(scheduler="plateau", changes=changes), extra=[rates])
    assert rates.values[::19] == pytest.approx([1e-3, 1e-3, 1e-4])


def test_plateau_without_a_monitor_is_refused(make_job):
    with pytest.raises(ConfigError, match=r"scheduler=plateau needs a metric to watch"):
        build_parts(make_job(scheduler="plateau", monitor=None))


@pytest.mark.parametrize("name", ["cosine", "linear", "onecycle"])
def test_schedule_of_an_endless_run_is_refused(make_job, name):
    with pytest.raises(ConfigError, match=f"scheduler={name} must know how many steps"):
        fit(make_job(scheduler=name, changes={"trainer.max_epochs": -1}))


def test_unknown_scheduler_gets_the_nearest():
    with pytest.raises(ConfigError, match=r"did you mean scheduler=cosine\?"):
        check_scheduler({"name": "cosin"}, None)


def test_unknown_setting_of_a_scheduler_gets_the_nearest():
    with pytest.raises(ConfigError, match=r"did you mean scheduler\.warmup\?"):
        check_scheduler({"name": "cosine", "warmups": 1}, None)


def test_gd_takes_the_gradient_of_the_mean_loss_over_all_samples(make_job):
    """1200 samples in batches of 64: the last batch has 48, and must not count for more."""
    changes = {
        "trainer.max_epochs": 1,
        "optimizer.lr": 0.5,
        "module.dropout": 0.0,
        "trainer.num_sanity_val_steps": 0,
    }
    pl.seed_everything(0, verbose=False)
    job = make_job(optimizer="gd", changes=changes)
    parts = build_parts(job)
    weights = dict(parts.module.named_parameters())
    parts.datamodule.setup("fit")
    images, labels = parts.datamodule.train_set.tensors
    loss = functional.cross_entropy(parts.module(images), labels)
    gradients = torch.autograd.grad(loss, list(weights.values()))
    steps = zip(weights.items(), gradients, strict=True)
    expected = {name: weight.detach() - 0.5 * gradient for (name, weight), gradient in steps}
    trainer = build_trainer(job, None, parts)
    trainer.fit(parts.module, datamodule=parts.datamodule)
    assert trainer.global_step == 1
    for name, weight in parts.module.named_parameters():
        torch.testing.assert_close(weight.detach(), expected[name], atol=1e-6, rtol=1e-5)


def test_gd_beside_typed_accumulation_is_refused_by_both_names(make_job):
    job = make_job("trainer.accumulate_grad_batches=4", optimizer="gd")
    with pytest.raises(ConfigError) as caught:
        build_parts(job)
    assert "trainer.accumulate_grad_batches=4" in str(caught.value)
    assert "optimizer=gd" in str(caught.value)


def test_cosine_over_gd_counts_epochs(make_job):
    rates = Rates()
    changes = {"scheduler.warmup": 0, "trainer.max_epochs": 4}
    fit(make_job(optimizer="gd", scheduler="cosine", changes=changes), extra=[rates])
    assert rates.values[::19] == pytest.approx([0.1, 0.0853553, 0.05, 0.0146447], abs=1e-6)
