"""The workbench of one plugin: trains small jobs, and remembers what is slow to make."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from labloom.compose.job import Job
from labloom.errors import LabloomError, Stopped
from labloom.hookspecs import Outcome
from labloom.plugins import Plugin, discover
from labloom.run import run
from labloom.testing.cases import Case
from labloom.testing.drawing import noticed_figures
from labloom.testing.fitting import Setting, first_fitting
from labloom.testing.foreign import told_as_contract_error
from labloom.testing.not_checked import NotChecked
from labloom.testing.small_jobs import SmallJobs
from labloom.testing.trained import Trained, plain_config, quietly, train
from labloom.testing.watch import Watch

TOO_EARLY = "it does not come that far"


@dataclass(frozen=True)
class Recorded:
    """A small run with everything recorded.

    Args:
        job: what was run.
        outcome: how it ended.
        watch: what was seen.
        before: the config before the run, as plain values.
        uri: address of the store that it was recorded in.
        figures: how many figures of matplotlib were made.
    """

    job: Job
    outcome: Outcome
    watch: Watch
    before: Any
    uri: str
    figures: int


class Workbench:
    """Runs of one plugin, each made once.

    Args:
        plugin_id: id of a plugin that was loaded.
        overrides_for: further overrides for a task or an option, by its name.
        typed: further overrides, for every run whose config has their key.
    """

    def __init__(
        self,
        plugin_id: str,
        overrides_for: Callable[[str], Sequence[str]] = lambda name: (),
        typed: Sequence[str] = (),
    ) -> None:
        self.plugin: Plugin = discover().plugins[plugin_id]
        folder = tempfile.TemporaryDirectory(prefix="labloom-check-")
        weakref.finalize(self, folder.cleanup)
        self.folder = Path(folder.name)
        self.jobs = SmallJobs(self.folder, overrides_for, typed)
        self._trained: dict[Case, Trained | LabloomError | NotChecked] = {}
        self._recorded: dict[Case, Recorded | LabloomError | NotChecked] = {}
        self._settings: dict[Case, Setting] = {}

    def job(self, case: Case, *further: str, task: str | None = None) -> Job:
        """Compose and validate a small run of ``case``.

        Args:
            case: what is run.
            further: overrides that win over all others.
            task: with which task an option is run; None: the one that it trains with.

        Raises:
            ConfigError: the config is wrong.
        """
        task = task or case.task
        setting = Setting(task) if task else self.setting_of(case)
        return self.jobs.compose(case, setting.task, further, setting.beside)

    def setting_of(self, case: Case) -> Setting:
        """What an option trains with, found by training it.

        Raises:
            NotChecked: the option needs data or a package that is not here.
            LabloomError: it trains with no task of the plugin.
        """
        if case not in self._settings:
            self._settings[case], self._trained[case] = first_fitting(
                case,
                self.plugin,
                lambda tried: train(self.jobs.compose(case, tried.task, (), tried.beside)),
            )
        return self._settings[case]

    def trained(self, case: Case) -> Trained:
        """Two training batches and one validation batch of ``case``, without the network.

        Raises:
            NotChecked: the option needs what is not here, or failed before.
            LabloomError: it does not train.
        """
        return _once(self._trained, case, lambda: self._train(case))

    def recorded(self, case: Case) -> Recorded:
        """A run of ``case`` with everything recorded, in a store of its own.

        Raises:
            NotChecked: it cannot come that far, or failed before.
            LabloomError: it fails.
        """
        return _once(self._recorded, case, lambda: self._record(case))

    def trace_of(self, case: Case, *further: str) -> list[float]:
        """The trace of a training that nothing is kept of.

        Raises:
            LabloomError: it does not train.
        """
        job = self.job(case, *further)
        try:
            return train(job).trace()
        finally:
            shutil.rmtree(job.output_dir, ignore_errors=True)

    def train_interrupted(self, case: Case, epochs: int) -> tuple[list[float], Trained]:
        """Train ``epochs`` epochs, stop after the first, go on; the losses and what came of it.

        Raises:
            LabloomError: it does not train, or does not go on.
        """
        job = self.job(case, f"trainer.max_epochs={epochs}")
        first = Watch(stop_after=1)
        with suppress(Stopped):
            train(job, first)
        resumed = train(replace(job, resume_run_id="resumed"))
        return [*first.losses, *resumed.losses], resumed

    def _train(self, case: Case) -> Trained:
        job = self.job(case)
        found = self._trained.get(case)  # an option was trained to find its setting
        return found if isinstance(found, Trained) else train(job)

    def _record(self, case: Case) -> Recorded:
        uri = f"sqlite:///{self.folder / 'mlflow.db'}"
        job = self.job(
            case,
            f"tracking.uri={uri}",
            "tracking.log_model=true",
            "callbacks.checkpoint.save_top_k=1",
            "test=null",
        )
        if job.config.task.monitor not in (None, *self.trained(case).metrics):
            raise NotChecked(TOO_EARLY)  # a misspelt monitor has its own check
        watch, before = Watch(), plain_config(job)
        job.output_dir.mkdir(exist_ok=True)
        # The network is open: MLflow itself asks it.
        with told_as_contract_error(self.plugin), quietly(), noticed_figures() as figures:
            outcome = run(job, watchers=[watch])
        return Recorded(job, outcome, watch, before, uri, len(figures))


def _once(kept: dict[Case, Any], case: Case, make: Callable[[], Any]) -> Any:
    """What ``make`` made for ``case`` the first time.

    Raises:
        NotChecked: it failed the first time, and has told why.
    """
    if isinstance(kept.get(case), BaseException):
        raise NotChecked(TOO_EARLY)
    if case not in kept:
        try:
            made = make()
        except (LabloomError, NotChecked) as error:
            kept[case] = error
            raise
        kept.setdefault(case, made)
    return kept[case]
