"""What a test without training needs: the data of a job, and a Trainer that only tests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pytorch_lightning import LightningDataModule, LightningModule, Trainer
from pytorch_lightning.utilities.model_helpers import is_overridden

from labloom.build.hooks import plugin_callbacks
from labloom.build.parts import ask_plugin, read_spec
from labloom.build.targets import TargetRules, instantiate, plain
from labloom.callbacks.progress import make_progress
from labloom.callbacks.quiet import quiet_lightning

if TYPE_CHECKING:
    from labloom.compose.job import Job
    from labloom.record import RunRecord

# Settings of a Trainer that have a meaning when nothing is trained.
TEST_SETTINGS = ("accelerator", "precision", "limit_test_batches", "inference_mode")


def build_datamodule(job: Job) -> tuple[LightningDataModule, Mapping[str, Any]]:
    """The job's datamodule and what it says about its data.

    Raises:
        ConfigError: the target is refused, or arguments do not bind.
        DataError: the data is missing or corrupt.
    """
    built = ask_plugin(job)
    if built is not None:
        return built.datamodule, built.spec
    datamodule = instantiate(job.config.data, "data", TargetRules.of(job))
    return datamodule, read_spec(datamodule)


def build_tester(job: Job, run: RunRecord | None) -> Trainer:
    """A Trainer that only tests: the job's device settings, and the plugin's callbacks."""
    quiet_lightning()
    settings = {k: v for k, v in plain(job.config.trainer).items() if k in TEST_SETTINGS}
    progress = make_progress(job.config.callbacks.progress, job.config.task.monitor)
    return Trainer(
        **settings,
        devices=1,  # each sample is tested once; several devices would repeat some
        logger=run.logger if run is not None else False,
        callbacks=[*([progress] if progress else []), *plugin_callbacks(job)],
        default_root_dir=str(job.output_dir),
        enable_autolog_hparams=False,  # refuses modules and data that share a name
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )


def is_testable(module: LightningModule, datamodule: LightningDataModule) -> bool:
    """Whether both have a test stage."""
    return is_overridden("test_step", module) and is_overridden("test_dataloader", datamodule)
