"""A whole fit through build_parts and build_trainer."""

from __future__ import annotations

import math
import os
import signal
from pathlib import Path

import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback

from labloom.build.checkpoints import best_checkpoint, load_module, read_checkpoint, resume_point
from labloom.build.parts import build_parts
from labloom.build.trainer import build_trainer, run_state
from labloom.errors import CheckpointError, ConfigError, ExitStatus, Stopped


def fit(job, *, resume=None, extra=()):
    """Seed, build and fit, as a run does."""
    pl.seed_everything(job.config.seed, verbose=False)
    parts = build_parts(job)
    trainer = build_trainer(job, None, parts)
    trainer.callbacks[:0] = extra
    trainer.fit(parts.module, datamodule=parts.datamodule, ckpt_path=resume, weights_only=True)
    return trainer, parts


def weights_of(module_or_path):
    if isinstance(module_or_path, Path):
        return read_checkpoint(module_or_path)["state_dict"]
    return module_or_path.state_dict()


def assert_bit_equal(first, second):
    assert first.keys() == second.keys()
    for name in first:
        assert torch.equal(first[name], second[name]), name


PLATEAU_THAT_FALLS = {"patience": 0, "min_delta": 0.9, "factor": 0.5}


@pytest.mark.parametrize(
    ("scheduler", "settings", "workers"),
    [
        ("none", {}, 0),
        ("none", {}, 2),
        ("cosine", {}, 0),
        ("linear", {}, 0),
        ("onecycle", {}, 0),
        ("step", {"every": 3}, 0),
        ("plateau", PLATEAU_THAT_FALLS, 0),
    ],
)
def test_resumed_run_equals_the_uninterrupted_one_bit_for_bit(
    make_job, tmp_path, scheduler, settings, workers
):
    changes = {f"scheduler.{name}": value for name, value in settings.items()}
    changes.update({"data.workers": workers, "trainer.max_epochs": 10})
    common = {"scheduler": scheduler, "changes": changes}
    whole, parts = fit(make_job(**common, output_dir=tmp_path / "whole"))

    class StopAfterFive(Callback):
        def on_train_epoch_start(self, trainer, pl_module):
            if trainer.current_epoch == 5:
                raise Stopped(ExitStatus.TERMINATED)

    half = make_job(**common, output_dir=tmp_path / "half")
    with pytest.raises(Stopped):
        fit(half, extra=[StopAfterFive()])
    resumed, again = fit(half, resume=resume_point(half.output_dir))

    assert resumed.global_step == whole.global_step
    assert_bit_equal(weights_of(parts.module), weights_of(again.module))
    assert whole.optimizers[0].param_groups[0]["lr"] == resumed.optimizers[0].param_groups[0]["lr"]
    assert best_checkpoint(whole).objective == best_checkpoint(resumed).objective


def test_run_that_is_continued_past_its_end_equals_a_longer_one(make_job, tmp_path):
    def job(name, epochs):
        folder = tmp_path / name
        return make_job(changes={"trainer.max_epochs": epochs}, output_dir=folder)

    _, long = fit(job("long", 10))
    fit(job("short", 5))
    _, continued = fit(job("short", 10), resume=resume_point(tmp_path / "short"))
    assert_bit_equal(weights_of(long.module), weights_of(continued.module))


def test_resume_after_sigterm_in_mid_epoch_equals_the_uninterrupted_run(
    make_job, tmp_path, monkeypatch
):
    def job(name):
        return make_job(changes={"trainer.max_epochs": 4}, output_dir=tmp_path / name)

    _, whole = fit(job("whole"))

    def stop(signum, frame):
        raise Stopped(ExitStatus.TERMINATED)

    class KillMyself(Callback):
        def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
            if trainer.current_epoch == 2 and batch_idx == 7:
                os.kill(os.getpid(), signal.SIGTERM)

    before = signal.signal(signal.SIGTERM, stop)
    try:
        with pytest.raises(Stopped):
            fit(job("stopped"), extra=[KillMyself()])
    finally:
        signal.signal(signal.SIGTERM, before)
    last = resume_point(tmp_path / "stopped")
    interrupted = last.with_name("interrupted.ckpt")
    assert read_checkpoint(last)["epoch"] == 1
    assert read_checkpoint(interrupted)["global_step"] == 2 * 19 + 8
    _, resumed = fit(job("stopped"), resume=last)
    assert_bit_equal(weights_of(whole.module), weights_of(resumed.module))
    assert not interrupted.exists()  # it was older than what the resumed run has saved


def test_resume_of_a_module_with_its_own_plateau_schedule_is_bit_equal(make_job, tmp_path):
    def job(name, epochs):
        return make_job(
            module="PlateauNet",
            changes={"trainer.max_epochs": epochs},
            output_dir=tmp_path / name,
        )

    whole, parts = fit(job("whole", 8))
    fit(job("half", 4))
    resumed, again = fit(job("half", 8), resume=resume_point(tmp_path / "half"))
    assert whole.optimizers[0].param_groups[0]["lr"] < 1e-2
    assert whole.optimizers[0].param_groups[0]["lr"] == resumed.optimizers[0].param_groups[0]["lr"]
    assert_bit_equal(weights_of(parts.module), weights_of(again.module))


def test_best_checkpoint_holds_the_best_monitored_value(make_job):
    values = []

    class Remember(Callback):
        def on_validation_epoch_end(self, trainer, pl_module):
            if not trainer.sanity_checking:
                values.append(float(trainer.callback_metrics["val/acc"]))

    trainer, _ = fit(make_job(changes={"trainer.max_epochs": 5}), extra=[Remember()])
    best = best_checkpoint(trainer)
    assert best.objective == pytest.approx(max(values))
    assert read_checkpoint(best.path)["epoch"] == values.index(max(values))
    assert best.path.name == f"best-epoch{1 + values.index(max(values)):03d}.ckpt"
    assert best.step == 19 * (1 + values.index(max(values)))
    assert sorted(path.name for path in best.path.parent.iterdir()) == [best.path.name, "last.ckpt"]


def test_without_a_monitor_the_last_checkpoint_counts_and_there_is_no_objective(make_job):
    trainer, _ = fit(make_job(monitor=None))
    assert best_checkpoint(trainer).path.name == "last.ckpt"
    assert best_checkpoint(trainer).objective is None


@pytest.mark.parametrize("save_top_k", [1, -1])
def test_a_metric_that_was_never_finite_chooses_nothing(make_job, caplog, save_top_k):
    settings = {"optimizer.lr": 1e30, "callbacks.checkpoint.save_top_k": save_top_k}
    job = make_job(optimizer="sgd", monitor="val/loss", mode="min", changes=settings)
    trainer, _ = fit(job)
    best = best_checkpoint(trainer)
    assert math.isnan(best.objective)
    assert best.path.name == "last.ckpt"
    assert not list(best.path.parent.glob("best-*"))
    assert "val/loss was never a finite number" in caplog.text


def test_save_top_k_keeps_so_many(make_job):
    changes = {"callbacks.checkpoint.save_top_k": 2, "trainer.max_epochs": 4}
    trainer, _ = fit(make_job(changes=changes))
    names = [path.name for path in best_checkpoint(trainer).path.parent.glob("best-*")]
    assert len(names) == 2


def test_no_checkpoint_is_kept_when_they_are_switched_off(make_job, tmp_path):
    trainer, _ = fit(make_job(changes={"callbacks.checkpoint.enabled": False}))
    assert not list(tmp_path.rglob("*.ckpt"))
    assert best_checkpoint(trainer).path is None


def test_stock_module_and_data_train_unedited_and_their_checkpoint_is_plain(make_job):
    trainer, parts = fit(make_job(module="StockNet", changes={"module.hidden": 48}))
    checkpoint = read_checkpoint(best_checkpoint(trainer).path)  # weights_only=True
    assert checkpoint["hyper_parameters"] == {
        "dropout": 0.1,
        "head": None,
        "hidden": 48,
        "lr": 0.01,
        "options": {"depth": 1, "names": ["a", "b"]},
        "root": "somewhere",
        "scale": 1.0,
    }
    assert checkpoint["datamodule_hyper_parameters"]["root"] == "data"
    assert checkpoint["labloom"]["config"]["module"]["hidden"] == 48
    again = type(parts.module).load_from_checkpoint(best_checkpoint(trainer).path)
    assert again.hparams.hidden == 48


def test_train_loader_alone_is_enough_without_a_monitor(make_job):
    trainer, _ = fit(make_job(data="TrainOnlyData", module="StockNet", monitor=None))
    assert trainer.global_step == 2 * 19


def test_module_is_rebuilt_from_a_checkpoint_without_its_data(make_job, monkeypatch):
    job = make_job(module="Classifier", model="Mlp", data="SpecData", changes={"model.hidden": 24})
    trainer, _ = fit(job)
    best = best_checkpoint(trainer).path
    import stranger_code

    monkeypatch.setattr(stranger_code, "load_digits", None)  # there is no data any more
    module = load_module(best, trusted_packages=("stranger_code",))
    assert not module.training
    assert module.model.layers[0].out_features == 24
    trained = read_checkpoint(best)["state_dict"]
    assert_bit_equal(module.state_dict(), trained)


def test_secrets_of_the_config_are_not_in_the_checkpoint(make_job):
    job = make_job(changes={"tracking.uri": "https://me:hunter2@host", "hub_token": "hunter2"})
    state = run_state(job, None, build_parts(job))
    assert state["config"]["tracking"]["uri"] == "https://***@host"
    assert "hunter2" not in str(state)


def test_a_checkpoint_cannot_make_its_own_package_trusted(make_job):
    trainer, _ = fit(make_job())
    with pytest.raises(CheckpointError, match=r"trusted_packages=\['stranger_code'\]"):
        load_module(best_checkpoint(trainer).path)


def test_environment_of_whoever_loads_can_trust_a_package(make_job, monkeypatch):
    trainer, _ = fit(make_job())
    monkeypatch.setenv("LABLOOM_TRUST", "other,stranger_code")
    assert type(load_module(best_checkpoint(trainer).path)).__name__ == "NoOptimizerNet"


def test_missing_checkpoint_is_named(tmp_path):
    with pytest.raises(CheckpointError, match=r"there is no checkpoint .*gone\.ckpt"):
        read_checkpoint(tmp_path / "gone.ckpt")


def test_truncated_checkpoint_is_told_to_be_damaged(make_job, tmp_path):
    trainer, _ = fit(make_job())
    whole = best_checkpoint(trainer).path.read_bytes()
    (tmp_path / "cut.ckpt").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(CheckpointError, match="cut off or damaged"):
        read_checkpoint(tmp_path / "cut.ckpt")


def test_checkpoint_with_an_object_is_refused_by_its_name(tmp_path):
    torch.save({"state_dict": {}, "model": torch.nn.Linear(1, 1)}, tmp_path / "object.ckpt")
    with pytest.raises(CheckpointError, match=r"torch\.nn\.modules\.linear\.Linear"):
        read_checkpoint(tmp_path / "object.ckpt")


def test_other_file_is_no_checkpoint(tmp_path):
    torch.save([1, 2], tmp_path / "list.ckpt")
    with pytest.raises(CheckpointError, match="is no Lightning checkpoint"):
        read_checkpoint(tmp_path / "list.ckpt")


def test_checkpoint_of_plain_lightning_does_not_say_how_to_rebuild(tmp_path):
    torch.save({"state_dict": {}}, tmp_path / "plain.ckpt")
    with pytest.raises(CheckpointError, match="does not say how to rebuild"):
        load_module(tmp_path / "plain.ckpt")


def test_checkpoint_whose_code_has_changed_is_refused(make_job, monkeypatch):
    job = make_job(module="Classifier", model="Mlp", data="SpecData")
    trainer, _ = fit(job)
    import stranger_code

    monkeypatch.setattr(stranger_code, "Mlp", torch.nn.Identity)
    with pytest.raises(CheckpointError, match="cannot be rebuilt"):
        load_module(best_checkpoint(trainer).path, trusted_packages=("stranger_code",))


def test_monitor_that_is_never_logged_is_refused_with_the_nearest_name(make_job):
    with pytest.raises(ConfigError) as caught:
        fit(make_job(monitor="val/accuracy"))
    assert "task.monitor=val/accuracy was never logged" in str(caught.value)
    assert "train/loss, val/acc, val/loss" in str(caught.value)
    assert caught.value.fix == "task.monitor=val/acc"


def test_monitor_without_any_validation_is_refused_after_the_first_epoch(make_job):
    with pytest.raises(ConfigError, match="was never logged"):
        fit(make_job(data="TrainOnlyData"))


SELDOM = {"trainer.check_val_every_n_epoch": 2, "trainer.num_sanity_val_steps": 0}


def test_monitor_is_awaited_until_the_first_validation_is_due(make_job):
    job = make_job(changes={**SELDOM, "trainer.max_epochs": 4})
    trainer, _ = fit(job)
    assert best_checkpoint(trainer).path.name in ("best-epoch002.ckpt", "best-epoch004.ckpt")


def test_monitor_without_any_validation_is_refused_when_the_first_one_is_due(make_job, monkeypatch):
    import stranger_code

    monkeypatch.setattr(stranger_code.StockData, "val_dataloader", lambda self: [])
    with pytest.raises(ConfigError, match="was never logged"):
        fit(make_job(changes={**SELDOM, "trainer.max_epochs": 4}))


def test_run_that_ends_before_any_validation_falls_back_to_the_last_checkpoint(make_job, caplog):
    changes = {"trainer.max_steps": 3, "trainer.num_sanity_val_steps": 0}
    trainer, _ = fit(make_job(changes=changes))
    assert "ended before task.monitor=val/acc was logged" in caplog.text
    assert best_checkpoint(trainer).path.name == "last.ckpt"


def test_unknown_setting_of_early_stopping_is_refused(make_job):
    job = make_job(changes={"callbacks.early_stopping": {"patient": 1}})
    with pytest.raises(ConfigError, match=r"did you mean callbacks\.early_stopping\.patience\?"):
        build_trainer(job, None, build_parts(job))


def test_early_stopping_on_a_metric_that_is_never_logged_is_refused(make_job):
    changes = {"callbacks.early_stopping": {"patience": 1, "min_delta": 0.0}}
    with pytest.raises(ConfigError, match=r"task\.monitor=val/auc was never logged"):
        fit(make_job(monitor="val/auc", changes=changes))


def test_early_stopping_ends_a_fit_that_no_longer_improves(make_job):
    changes = {
        "callbacks.early_stopping": {"patience": 1, "min_delta": 0.9},
        "trainer.max_epochs": 9,
    }
    trainer, _ = fit(make_job(changes=changes))
    assert trainer.current_epoch < 9


def test_early_stopping_without_a_monitor_is_refused(make_job):
    changes = {"callbacks.early_stopping": {"patience": 1, "min_delta": 0.0}}
    job = make_job(monitor=None, changes=changes)
    with pytest.raises(ConfigError, match=r"early_stopping needs a metric"):
        build_trainer(job, None, build_parts(job))


def test_failure_before_training_leaves_no_interrupted_checkpoint(make_job, tmp_path):
    class FailAtOnce(Callback):
        def on_train_start(self, trainer, pl_module):
            raise RuntimeError("no disk")

    with pytest.raises(RuntimeError, match="no disk"):
        fit(make_job(), extra=[FailAtOnce()])
    assert not list(tmp_path.rglob("*.ckpt"))


def test_unknown_trainer_argument_is_refused_with_the_nearest(make_job):
    job = make_job(changes={"trainer.max_epoch": 3})
    with pytest.raises(ConfigError, match=r"did you mean trainer\.max_epochs\?"):
        build_trainer(job, None, build_parts(job))


def test_device_that_is_not_there_is_a_config_error(make_job):
    job = make_job(changes={"trainer.accelerator": "tpu"})
    with pytest.raises(ConfigError, match="Lightning refuses the trainer's settings"):
        build_trainer(job, None, build_parts(job))


def test_callbacks_are_not_set_through_the_trainer(make_job):
    job = make_job(changes={"trainer.callbacks": []})
    with pytest.raises(ConfigError, match=r"callbacks\.extra"):
        build_trainer(job, None, build_parts(job))


def test_extra_callback_is_built_by_its_target(make_job):
    changes = {
        "callbacks.extra.timer": {
            "_target_": "pytorch_lightning.callbacks.Timer",
            "duration": "00:01:00:00",
        }
    }
    job = make_job(changes=changes)
    trainer = build_trainer(job, None, build_parts(job))
    assert any(isinstance(callback, pl.callbacks.Timer) for callback in trainer.callbacks)


def test_profile_is_written_to_the_output_folder(make_job):
    job = make_job(changes={"trainer.profiler": "simple", "trainer.max_epochs": 1})
    fit(job)
    assert (job.output_dir / "fit-profile.txt").stat().st_size > 0


def test_lightning_is_quiet_but_its_warnings_are_heard(make_job, caplog, capfd):
    changes = {"trainer.limit_val_batches": 0}
    fit(make_job(monitor=None, changes=changes))
    captured = capfd.readouterr()
    said = captured.out + captured.err + caplog.text
    assert "GPU available" not in said
    assert "Tip" not in said
