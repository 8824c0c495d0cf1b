"""The workbench of one plugin: composes small jobs, trains them, and remembers what is slow."""

from __future__ import annotations

import copy
import tempfile
import warnings
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from omegaconf import OmegaConf
from pytorch_lightning import LightningModule, Trainer

from labloom.build.parts import build_parts
from labloom.build.trainer import build_trainer
from labloom.compose.checks import MissingValueError
from labloom.compose.composing import compose_config, hydra_ready
from labloom.compose.job import Job
from labloom.compose.jobs import make_job
from labloom.errors import ContractError, DataError, LabloomError, NetworkError, Stopped
from labloom.hookspecs import Outcome
from labloom.plugins import Plugin, discover
from labloom.plugins.causes import place_of
from labloom.run import find_own_code, fit, plain_metrics, run, seed
from labloom.testing.cases import Case
from labloom.testing.network import blocked_network
from labloom.testing.not_checked import NotChecked
from labloom.testing.watch import Watch

# Two training batches and one validation batch, on the CPU, told to nobody.
SMALL = (
    "seed=0",
    "trainer.accelerator=cpu",
    "trainer.devices=1",
    "trainer.max_epochs=1",
    "trainer.limit_train_batches=2",
    "trainer.limit_val_batches=1",
    "trainer.limit_test_batches=1",
    "trainer.num_sanity_val_steps=0",
    # Without the best checkpoint, which would stop at a misspelt monitor: that has its own check.
    "callbacks.checkpoint.save_top_k=0",
    "callbacks.progress=none",
    "tracking.system_metrics=false",
)


@dataclass(frozen=True)
class Trained:
    """A small training that came to its end, without recording.

    Args:
        job: what was run.
        watch: what was seen.
        trainer: of the fit.
        metrics: the last value of everything that was logged.
        before: the config before the run, as plain values.
    """

    job: Job
    watch: Watch
    trainer: Trainer
    metrics: dict[str, float]
    before: Any

    @property
    def module(self) -> LightningModule:
        """What was trained."""
        return self.trainer.lightning_module

    def weights(self) -> dict[str, torch.Tensor]:
        """A copy of the module's state."""
        return {name: value.clone() for name, value in self.module.state_dict().items()}


@dataclass(frozen=True)
class Recorded:
    """A small run with everything recorded.

    Args:
        job: what was run.
        outcome: how it ended.
        watch: what was seen.
        before: the config before the run, as plain values.
        uri: address of the store that it was recorded in.
    """

    job: Job
    outcome: Outcome
    watch: Watch
    before: Any
    uri: str


class Workbench:
    """Runs of one plugin, each made once.

    Args:
        plugin_id: id of a plugin that was loaded.
        overrides_for: further overrides for a task or an option, by its name.
        typed: further overrides for every run.
    """

    def __init__(
        self,
        plugin_id: str,
        overrides_for: Callable[[str], Sequence[str]] = lambda name: (),
        typed: Sequence[str] = (),
    ) -> None:
        self.plugin: Plugin = discover().plugins[plugin_id]
        self.overrides_for = overrides_for
        self.typed = tuple(typed)
        folder = tempfile.TemporaryDirectory(prefix="labloom-check-")
        weakref.finalize(self, folder.cleanup)
        self.folder = Path(folder.name)
        self._runs = 0
        self._trained: dict[Case, Trained | BaseException] = {}
        self._recorded: dict[Case, Recorded | BaseException] = {}
        self._tasks: dict[Case, str] = {}

    def job(self, case: Case, *further: str, task: str | None = None) -> Job:
        """Compose and validate a small run of ``case``.

        Args:
            case: what is run.
            further: overrides that win over all others.
            task: with which task an option is run; None: the one that goes with it.

        Raises:
            ConfigError: the config is wrong.
        """
        task = task or case.task or self.task_of(case)
        self._runs += 1
        output_dir = self.folder / f"run{self._runs}"
        output_dir.mkdir()
        choice = [f"{case.group}={case.option}"] if case.group else []
        own = [*self.overrides_for(task), *(self.overrides_for(case.option) if case.group else ())]
        words = _last_wins([f"task={task}", *choice, *SMALL, *own, *self.typed, *further])
        with hydra_ready():
            job = make_job(compose_config(words), output_dir=output_dir)
        find_own_code(job)
        return job

    def task_of(self, case: Case) -> str:
        """The first task of the plugin that an option trains with.

        A plugin has several tasks and an option goes with some of them; which, nothing says.

        Raises:
            ContractError: it trains with none; the message has a line for each.
        """
        if case not in self._tasks:
            self._tasks[case] = self._first_fitting_task(case)
        return self._tasks[case]

    def trained(self, case: Case) -> Trained:
        """Two training batches and one validation batch of ``case``, without the network.

        Raises:
            NotChecked: the option needs data or a package that is not here.
            LabloomError: it does not train.
        """
        return _once(self._trained, case, lambda: self.train(self.job(case)))

    def recorded(self, case: Case) -> Recorded:
        """A run of ``case`` with everything recorded, in a store of its own."""
        return _once(self._recorded, case, lambda: self._record(case))

    def train(self, job: Job, watch: Watch | None = None) -> Trained:
        """Fit ``job`` without recording it, on one thread, without the network.

        Raises:
            LabloomError: it does not train; foreign errors are told with their place.
        """
        watch = watch or Watch()
        before = plain_config(job)
        with told_as_contract_error(self.plugin), quietly(), blocked_network():
            seed(job.config.seed)
            parts = build_parts(job)
            trainer = build_trainer(job, None, parts, [watch])
            fit(trainer, parts, job)
        return Trained(job, watch, trainer, plain_metrics(trainer), before)

    def train_interrupted(self, case: Case, epochs: int) -> tuple[list[float], Trained]:
        """Train ``epochs`` epochs, stop after the first, go on; the losses and what came of it.

        Raises:
            LabloomError: it does not train, or does not go on.
        """
        job = self.job(case, f"trainer.max_epochs={epochs}")
        first = Watch(stop_after=1)
        with suppress(Stopped):
            self.train(job, first)
        resumed = self.train(replace(job, resume_run_id="resumed"))
        return [*first.losses, *resumed.watch.losses], resumed

    def _record(self, case: Case) -> Recorded:
        uri = f"sqlite:///{self.folder / 'mlflow.db'}"
        job = self.job(
            case,
            f"tracking.uri={uri}",
            "tracking.log_model=true",
            "callbacks.checkpoint.save_top_k=1",
            "test=null",
        )
        watch, before = Watch(), plain_config(job)
        with told_as_contract_error(self.plugin), quietly():  # MLflow itself asks the network
            outcome = run(job, watchers=[watch])
        return Recorded(job, outcome, watch, before, uri)

    def _first_fitting_task(self, case: Case) -> str:
        refusals: dict[str, LabloomError] = {}
        for task in (task.name for task in self.plugin.tasks):
            try:
                self._trained[case] = self.train(self.job(case, task=task))
            except LabloomError as error:
                refusals[task] = error
            else:
                return task
        for error in refusals.values():
            self._refuse_unavailable(error)
        if len(refusals) == 1:
            raise next(iter(refusals.values()))
        raise ContractError(
            f"{case} trains with no task of the plugin",
            got="; ".join(f"{task}: {error.problem}" for task, error in refusals.items()),
            fix=f"labloom run task={next(iter(refusals))} {case} debug=fast",
        )

    def _refuse_unavailable(self, error: LabloomError) -> None:
        """An option may need what is not here: a file, a package, a value of the user's."""
        if isinstance(error, (DataError, NetworkError)):
            raise NotChecked(f"its data is not here: {error.problem}") from error
        if isinstance(error, MissingValueError):
            raise NotChecked(f"it needs {error.fix}") from error
        missing = missing_package(error, self.plugin.package)
        if missing:
            raise NotChecked(f"it needs {missing}, which is not installed") from error


def plain_config(job: Job) -> Any:
    """The config of a job as plain values, a copy."""
    return copy.deepcopy(OmegaConf.to_container(job.config))


@contextmanager
def quietly() -> Iterator[None]:
    """One thread for torch, so that sums are the same in every process; warnings are for runs."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        torch.set_num_threads(threads)


@contextmanager
def told_as_contract_error(plugin: Plugin | None) -> Iterator[None]:
    """Tell what foreign code raised in one message, with the place in the plugin's own code.

    Raises:
        ContractError: instead of anything that is no error of labloom.
    """
    try:
        yield
    except (LabloomError, NotChecked):
        raise
    except Exception as error:
        place = place_of(error, plugin.candidate) if plugin else None
        raise ContractError(
            f"{type(error).__name__}: {error}", got=f"raised in {place}" if place else None
        ) from error


def missing_package(error: BaseException, own_package: str) -> str | None:
    """The foreign module whose absence caused ``error``; None if something else did."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ModuleNotFoundError) and cause.name:
            return None if cause.name.partition(".")[0] == own_package else cause.name
        cause = cause.__cause__
    return None


def _once(kept: dict[Case, Any], case: Case, make: Callable[[], Any]) -> Any:
    """What ``make`` made for ``case`` the first time.

    Raises:
        NotChecked: it failed the first time, and has told why.
    """
    if isinstance(kept.get(case), BaseException):
        raise NotChecked("it does not come that far")
    if case not in kept:
        try:
            made = make()
        except (LabloomError, NotChecked) as error:
            kept[case] = error
            raise
        kept.setdefault(case, made)
    return kept[case]


def _last_wins(words: Sequence[str]) -> list[str]:
    """Overrides without those that a later one repeats, which would be refused as contradictory."""
    by_key = {word.lstrip("+").partition("=")[0]: word for word in words}
    return list(by_key.values())
