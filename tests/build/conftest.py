"""Jobs for the stranger's code, as composing would make them."""

from __future__ import annotations

from pathlib import Path

import pytest
from omegaconf import OmegaConf

from labloom.compose.job import Job
from labloom.plugins import CUSTOM

CONF = Path(__file__).parents[2] / "conf"
STRANGER = Path(__file__).parents[1] / "stranger"


def option(group: str, name: str):
    """One option file of a core group."""
    return OmegaConf.load(CONF / group / f"{name}.yaml")


@pytest.fixture
def make_job(tmp_path, monkeypatch):
    """Make a Job of the stranger's module and data; keyword arguments choose and change."""
    monkeypatch.syspath_prepend(str(STRANGER))

    def make(
        *typed: str,
        module: str = "NoOptimizerNet",
        data: str = "StockData",
        model: str | None = None,
        optimizer: str = "adam",
        scheduler: str = "none",
        monitor: str | None = "val/acc",
        mode: str = "max",
        changes: dict | None = None,
        output_dir: Path | None = None,
        trusted: tuple[str, ...] = ("stranger_code",),
    ) -> Job:
        config = OmegaConf.create(
            {
                "task": {"name": "custom", "monitor": monitor, "mode": mode},
                "module": {"_target_": f"stranger_code.{module}"},
                "data": {"_target_": f"stranger_code.{data}"},
                "trainer": option("trainer", "default"),
                "optimizer": option("optimizer", optimizer),
                "scheduler": option("scheduler", scheduler),
                "callbacks": option("callbacks", "default"),
                "paths": {"code": None},
                "seed": 0,
            }
        )
        if model is not None:
            config.model = {"_target_": f"stranger_code.{model}"}
        config.trainer.update({"accelerator": "cpu", "max_epochs": 2})
        config.callbacks.progress = "none"
        for key, value in (changes or {}).items():
            OmegaConf.update(config, key, value, force_add=True)
        for override in typed:
            key, _, value = override.partition("=")
            if "." in key:
                OmegaConf.update(config, key, OmegaConf.create(f"x: {value}").x, force_add=True)
        folder = output_dir or tmp_path / "run"
        folder.mkdir(exist_ok=True)
        return Job(
            config=config,
            task=CUSTOM,
            plugin=None,
            overrides=tuple(typed),
            choices={"optimizer": optimizer, "scheduler": scheduler},
            output_dir=folder,
            trusted_packages=trusted,
        )

    return make


@pytest.fixture(autouse=True)
def one_thread():
    """Tiny networks are slower on two threads than on one."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
