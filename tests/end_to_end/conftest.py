"""One working directory with one MLflow store for all end-to-end tests, and ways to type commands.

A process that imports torch, Lightning and MLflow takes ten seconds, a fresh MLflow database four.
So a command runs in this process, through the function that the console script calls, unless a
process of its own is the point; and finished runs are shared.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
import torch

from labloom.record import open_store

OWN_CODE = Path(__file__).parent / "own_code"
STRANGER = Path(__file__).parents[1] / "stranger"
TOYS = (
    "task=custom",
    f"paths.code={OWN_CODE}",
    "data._target_=toys.ToyData",
    "tracking.system_metrics=false",
    "tracking.log_model=false",
)


@dataclass(frozen=True)
class Done:
    """What a command left behind."""

    status: int
    out: str
    err: str

    @property
    def last(self) -> dict[str, Any]:
        """The last line, read as JSON."""
        return json.loads(self.out.strip().splitlines()[-1])


@dataclass(frozen=True)
class Lab:
    """A working directory, and everything that is typed in it.

    Args:
        folder: the working directory.
        typed: runs a command in this process.
    """

    folder: Path
    typed: Callable[..., tuple[int, str, str]]

    def labloom(self, *words: object) -> Done:
        """Run a command in this process."""
        with contextlib.chdir(self.folder):
            return Done(*self.typed(*words))

    def run(self, *words: object) -> dict[str, Any]:
        """Run a training that has to end well; what ``--json`` says of it."""
        done = self.labloom("run", *words, "--json")
        assert done.status == 0, done.err
        return done.last

    def process(self, *words: object, command: tuple[str, ...] = (), **env: str) -> Done:
        """Run a command in a process of its own."""
        with self.start(*words, command=command, **env) as process:
            out, err = process.communicate(timeout=300)
        return Done(process.returncode, out, err)

    def start(
        self, *words: object, command: tuple[str, ...] = (), **env: str
    ) -> subprocess.Popen[str]:
        """Start a command in a process, and a process group, of its own."""
        return subprocess.Popen(
            [*(command or (sys.executable, "-m", "labloom")), *map(str, words)],
            cwd=self.folder,
            env={**os.environ, **env},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    @cached_property
    def store(self) -> Any:
        """The MLflow store of this directory."""
        return open_store(self.uri)

    @property
    def uri(self) -> str:
        """Its address."""
        return f"sqlite:///{self.folder}/mlflow.db"

    def mlflow_run(self, run_id: str) -> Any:
        """A run as MLflow has it now."""
        return self.store.get_run(run_id)

    def newest(self) -> Any:
        """The run that was started last."""
        return self.store.find_run("last")

    def count(self) -> int:
        """How many runs there are."""
        experiments = [e.experiment_id for e in self.store.client.search_experiments()]
        return len(self.store.client.search_runs(experiments, max_results=1000))

    def history(self, run_id: str, metric: str) -> list[tuple[int, float]]:
        """Steps and values of a metric, as they were recorded."""
        points = self.store.client.get_metric_history(run_id, metric)
        return sorted((point.step, point.value) for point in points)

    def artifacts(self, run_id: str, folder: str = "") -> set[str]:
        """Paths of a run's artifacts, folders included."""
        found: set[str] = set()
        for item in self.store.client.list_artifacts(run_id, folder or None):
            found |= {item.path} | (self.artifacts(run_id, item.path) if item.is_dir else set())
        return found


@dataclass(frozen=True)
class StoppedRun:
    """A run that was stopped in the middle of its second epoch, as it was then."""

    run_id: str
    output_dir: Path
    exit_status: int
    err: str
    mlflow_status: str
    shown_status: str
    interrupted: dict[str, Any] | None
    while_running: Done


@pytest.fixture(scope="session")
def lab(
    tmp_path_factory: pytest.TempPathFactory, typed: Callable[..., tuple[int, str, str]]
) -> Any:
    """The working directory of all end-to-end tests."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [n for n in os.environ if n.startswith(("LABLOOM_", "MLFLOW_"))]:
            patch.delenv(name)
        patch.setenv("COLUMNS", "120")
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        yield Lab(tmp_path_factory.mktemp("lab"), typed)
        torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def toys() -> tuple[str, ...]:
    """Overrides of a tiny run of our own code: add the module."""
    return TOYS


@pytest.fixture(scope="session")
def stranger() -> tuple[str, ...]:
    """Overrides of a run of a stock module and datamodule; two batches, one epoch."""
    return (
        "task=custom",
        f"paths.code={STRANGER}",
        "module._target_=stranger_code.StockNet",
        "data._target_=stranger_code.StockData",
        "debug=fast",
    )


@pytest.fixture(scope="session")
def digits_run(lab: Lab) -> dict[str, Any]:
    """A whole, short run of the vision plugin with everything recorded."""
    return lab.run("task=vision_classify", "model=vision_mlp", "debug=fast", "seed=0")


@pytest.fixture(scope="session")
def second_digits_run(lab: Lab) -> dict[str, Any]:
    """The same with one setting changed and the same seed."""
    return lab.run(
        "task=vision_classify", "model=vision_mlp", "debug=fast", "seed=0", "trainer.max_epochs=2"
    )


@pytest.fixture(scope="session")
def regression(toys: tuple[str, ...]) -> tuple[str, ...]:
    """Four epochs of ten steps that draw random numbers everywhere."""
    return (
        *toys,
        "module._target_=toys.Regression",
        "task.monitor=val/loss",
        "task.mode=min",
        "trainer.max_epochs=4",
        "trainer.log_every_n_steps=1",
        "scheduler=cosine",
        "seed=0",
    )


@pytest.fixture(scope="session")
def uninterrupted(lab: Lab, regression: tuple[str, ...]) -> dict[str, Any]:
    """The run that a stopped and resumed one has to equal."""
    return lab.run(*regression)


@pytest.fixture(scope="session")
def stop_run(
    lab: Lab, regression: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[signal.Signals], StoppedRun]:
    """Start the regression in a process and stop it in the middle of its second epoch."""

    def stop(number: signal.Signals) -> StoppedRun:
        marker = tmp_path_factory.mktemp("marker") / "reached"
        process = lab.start("run", *regression, "module.pause_at=13", f"module.marker={marker}")
        with ended_in_any_case(process):
            wait_until(marker.exists, process)
            run = lab.newest()
            while_running = lab.labloom("run", f"resume={run.info.run_id}")
            # A terminal sends Ctrl-C to the whole group; kill and schedulers name one process.
            send = os.killpg if number == signal.SIGINT else os.kill
            send(process.pid, number)
            _, err = process.communicate(timeout=60)
        folder = Path(run.data.tags["labloom.output_dir"])
        interrupted = folder / "checkpoints" / "interrupted.ckpt"
        return StoppedRun(
            run_id=run.info.run_id,
            output_dir=folder,
            exit_status=process.returncode,
            err=err,
            mlflow_status=lab.mlflow_run(run.info.run_id).info.status,
            shown_status=lab.labloom("show", run.info.run_id, "--json").last["status"],
            interrupted=load(interrupted) if interrupted.exists() else None,
            while_running=while_running,
        )

    return stop


@pytest.fixture(scope="session")
def terminated(stop_run: Callable[[signal.Signals], StoppedRun]) -> StoppedRun:
    """A run that SIGTERM stopped."""
    return stop_run(signal.SIGTERM)


@pytest.fixture(scope="session")
def killed(stop_run: Callable[[signal.Signals], StoppedRun]) -> StoppedRun:
    """A run whose process was ended by kill -9."""
    return stop_run(signal.SIGKILL)


@pytest.fixture(scope="session")
def stopping() -> Any:
    """``wait_until`` and ``ended_in_any_case``, for tests that stop processes themselves."""
    return wait_until, ended_in_any_case


@pytest.fixture(scope="session")
def weights() -> Callable[[str | Path], dict[str, torch.Tensor]]:
    """Reads the weights of a checkpoint."""
    return lambda path: dict(load(path)["state_dict"])


@pytest.fixture(scope="session")
def same_weights() -> Callable[[Any, Any], bool]:
    """Whether two state dicts are equal bit for bit."""

    def same(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> bool:
        return first.keys() == second.keys() and all(
            torch.equal(value, second[name]) for name, value in first.items()
        )

    return same


def load(path: str | Path) -> dict[str, Any]:
    """A checkpoint, which has to load without running code."""
    return torch.load(path, weights_only=True)


def wait_until(
    happened: Callable[[], bool], process: subprocess.Popen[str], timeout: float = 120
) -> None:
    """Wait for something that ``process`` does."""
    deadline = time.monotonic() + timeout
    while not happened():
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.05)


@contextlib.contextmanager
def ended_in_any_case(process: subprocess.Popen[str]) -> Any:
    """Leave no process behind, whatever a test finds."""
    try:
        yield
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
