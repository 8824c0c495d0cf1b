"""Real stores for the tests of the record room.

Making an empty MLflow database takes seconds, so it is made once and copied.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from labloom.compose.job import Job, Trial
from labloom.hookspecs import Task
from labloom.record import Store, open_store

TASK = Task(
    name="toy_classify", summary="tell toys apart", monitor="val/acc", mode="max", tags=("toy",)
)


@pytest.fixture(scope="session")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty MLflow database with all tables."""
    folder = tmp_path_factory.mktemp("template")
    open_store(f"sqlite:///{folder}/mlflow.db")
    return folder / "mlflow.db"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory outside of any git checkout."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    return tmp_path


@pytest.fixture
def uri(folder: Path, database: Path) -> str:
    """The address of an empty store in the working directory."""
    shutil.copy(database, folder / "mlflow.db")
    return f"sqlite:///{folder}/mlflow.db"


@pytest.fixture
def store(uri: str) -> Store:
    """An empty store in the working directory."""
    return open_store(uri)


@pytest.fixture
def make_job(folder: Path, uri: str) -> Callable[..., Job]:
    """Makes jobs that are recorded in the store of the test."""

    def make(
        *,
        config: Mapping[str, Any] | None = None,
        overrides: tuple[str, ...] = ("task=toy_classify", "optimizer.lr=0.01"),
        trial: Trial | None = None,
        resume: str | None = None,
        output: str = "run",
    ) -> Job:
        base = {
            "seed": 0,
            "task": {"name": TASK.name, "monitor": TASK.monitor, "mode": TASK.mode},
            "optimizer": {"_target_": "torch.optim.Adam", "lr": 0.01},
            "data": {"_target_": "toys.Toys", "batch_size": 8},
            "tracking": {
                "uri": uri,
                "experiment": None,
                "run_name": None,
                "tags": {},
                "system_metrics": False,
                "log_model": False,
            },
        }
        (folder / output).mkdir(exist_ok=True)
        return Job(
            config=OmegaConf.merge(OmegaConf.create(base), OmegaConf.create(dict(config or {}))),
            task=TASK,
            plugin=None,
            overrides=overrides,
            choices={"task": TASK.name, "model": "toy_net", "data": "toys"},
            output_dir=folder / output,
            trial=trial,
            resume_run_id=resume,
        )

    return make
