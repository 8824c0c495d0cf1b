"""The hooks of the plugin that owns a task, asked while parts and trainer are built."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace

import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.loggers import CSVLogger

from labloom.build.checkpoints import best_checkpoint, load_module, read_checkpoint
from labloom.build.parts import build_parts, check_bindings
from labloom.build.trainer import build_trainer
from labloom.errors import CheckpointError, PluginError
from labloom.plugins import discover

PLUGIN = """
from labloom import Task, hookimpl

@hookimpl
def register_tasks():
    return [Task(name="hooktoy_net", summary="a toy", monitor="val/acc", mode="max")]

@hookimpl
def build(cfg, task):
    from labloom_hooktoy.nets import Data, Net
    answers = {"parts": lambda: (Net(7), Data()), "garbage": lambda: 3, "none": lambda: None}
    return answers[cfg.answer]()

@hookimpl
def extra_callbacks(cfg, task):
    from pytorch_lightning.callbacks import Timer
    return [Timer(duration="00:01:00:00")]
"""

NETS = """
from stranger_code import NoOptimizerNet, StockData

class Net(NoOptimizerNet):
    def __init__(self, hidden: int = 5):
        super().__init__(hidden=hidden)

class Data(StockData):
    spec = {"classes": ["0", "1"]}
    def __init__(self):
        super().__init__(batch_size=300)
"""


@pytest.fixture
def plugin_job(make_job, plugin_folder):
    """A job of the toy plugin, whose build hook answers as it is told."""
    plugin_folder("hooktoy", PLUGIN, files={"nets.py": NETS})

    def make(answer, **choices):
        job = make_job(
            trusted=(), changes={"answer": answer, "task.name": "hooktoy_net"}, **choices
        )
        job.config.module._target_ = "labloom_hooktoy.nets.Net"
        job.config.data._target_ = "labloom_hooktoy.nets.Data"
        task, plugin = discover().find_task("hooktoy_net")
        return dataclasses.replace(job, plugin=plugin, task=task)

    return make


def fit(job, run=None):
    parts = build_parts(job)
    trainer = build_trainer(job, run, parts)
    trainer.fit(parts.module, datamodule=parts.datamodule)
    return trainer, parts


def test_parts_of_the_build_hook_are_taken_and_given_an_optimizer(plugin_job):
    parts = build_parts(plugin_job("parts"))
    assert parts.built_by == "hooktoy"
    assert parts.module.hparams.hidden == 7
    assert parts.spec == {"classes": ["0", "1"]}
    assert "configure_optimizers" in vars(parts.module)


def test_config_of_a_plugin_that_builds_itself_needs_no_targets(plugin_job):
    job = plugin_job("parts")
    del job.config.module, job.config.data
    check_bindings(job)
    assert build_parts(job).built_by == "hooktoy"


def test_hook_that_answers_nothing_leaves_building_to_the_config(plugin_job):
    parts = build_parts(plugin_job("none"))
    assert parts.built_by == ""
    assert parts.module.hparams.hidden == 5  # the plugin's package may be named without trust


def test_hook_that_answers_something_else_is_refused(plugin_job):
    with pytest.raises(PluginError, match="the build hook of plugin 'hooktoy' returned no parts"):
        build_parts(plugin_job("garbage"))


def test_callbacks_of_the_plugin_are_added(plugin_job):
    job = plugin_job("parts")
    trainer = build_trainer(job, None, build_parts(job))
    assert any(isinstance(callback, pl.callbacks.Timer) for callback in trainer.callbacks)


@pytest.mark.parametrize("answer", ["parts", "none"])
def test_module_of_a_plugin_is_rebuilt_from_its_checkpoint(plugin_job, answer):
    trainer, _ = fit(plugin_job(answer))
    best = best_checkpoint(trainer).path
    module = load_module(best)
    assert type(module).__name__ == "Net"
    trained = read_checkpoint(best)["state_dict"]
    assert all(torch.equal(trained[name], weight) for name, weight in module.state_dict().items())
    assert read_checkpoint(best)["labloom"]["plugin"] == "labloom-hooktoy 1.2"


def test_checkpoint_of_a_plugin_that_is_gone_names_it(plugin_job, monkeypatch):
    trainer, _ = fit(plugin_job("none"))
    monkeypatch.setenv("LABLOOM_PLUGINS", "")
    discover.cache_clear()
    with pytest.raises(CheckpointError, match="needs plugin labloom-hooktoy") as caught:
        load_module(best_checkpoint(trainer).path)
    assert caught.value.fix == "pip install labloom-hooktoy"


def logged_columns(job):
    logger = CSVLogger(job.output_dir, name="", version="")
    fit(job, SimpleNamespace(logger=logger, id="run-1"))
    return (job.output_dir / "metrics.csv").read_text().splitlines()[0].split(",")


def test_learning_rate_is_logged_where_a_schedule_changes_it(make_job):
    assert "train/lr" in logged_columns(make_job(scheduler="cosine"))


def test_constant_learning_rate_is_not_logged(make_job):
    assert not any("lr" in name for name in logged_columns(make_job()))


def test_learning_rate_of_a_modules_own_optimizer_is_logged(make_job):
    assert "lr-Adam" in logged_columns(make_job(module="StockNet"))


def test_checkpoint_knows_its_run(make_job):
    job = make_job()
    logged_columns(job)
    last = job.output_dir / "checkpoints" / "last.ckpt"
    assert read_checkpoint(last)["labloom"]["run_id"] == "run-1"
