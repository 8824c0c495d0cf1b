"""Compose small jobs: two training batches and one validation batch, on the CPU."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from labloom.compose.arguments import parse_overrides
from labloom.compose.composing import compose_config, hydra_ready
from labloom.compose.explain import dotted_keys
from labloom.compose.groups import is_group
from labloom.compose.job import Job
from labloom.compose.jobs import make_job
from labloom.errors import ConfigError
from labloom.run import find_own_code
from labloom.testing.cases import Case, own_choices

SMALL = (
    "seed=0",
    "trainer.accelerator=cpu",
    "trainer.devices=1",
    "trainer.max_epochs=1",
    "trainer.limit_train_batches=2",
    "trainer.limit_val_batches=1",
    "trainer.limit_test_batches=1",
    "trainer.num_sanity_val_steps=0",
    # What a task may set for its real runs and two batches cannot do.
    "trainer.strategy=auto",
    "trainer.num_nodes=1",
    "trainer.min_epochs=null",
    "trainer.max_steps=-1",
    "trainer.min_steps=null",
    "trainer.max_time=null",
    "trainer.overfit_batches=0.0",
    "trainer.fast_dev_run=false",
    "trainer.val_check_interval=null",
    "trainer.check_val_every_n_epoch=1",
    "trainer.accumulate_grad_batches=1",
    "trainer.sync_batchnorm=false",
    # Without the best checkpoint, which would stop at a misspelt monitor: that has its own check.
    "callbacks.checkpoint.save_top_k=0",
    "callbacks.progress=none",
    "tracking.system_metrics=false",
)
CHOSEN_HERE = ("task", "model", "data", "experiment", "debug", "seed")


class SmallJobs:
    """Makes the small jobs of one plugin.

    Args:
        folder: for the output folders of the runs.
        overrides_for: further overrides for a task or an option, by its name, wherever it is
            chosen.
        typed: further overrides, for every run whose config has their key.

    Raises:
        ConfigError: a typed override chooses what the suite itself goes through.
    """

    def __init__(
        self, folder: Path, overrides_for: Callable[[str], Sequence[str]], typed: Sequence[str]
    ) -> None:
        self.folder = folder
        self.overrides_for = overrides_for
        self.typed = tuple(typed)
        for override in parse_overrides(self.typed):
            if override.key_or_group in CHOSEN_HERE or override.key_or_group.startswith("hydra"):
                raise ConfigError(
                    f"'{override.input_line}' is not for labloom check",
                    expected="settings of the runs, such as paths.data=/data",
                    fix="leave it out: every task, model and data option is checked, with seeds "
                    "that the suite chooses",
                )
        self._runs = 0
        self._own: dict[str, dict[str, str]] = {}

    def compose(
        self, case: Case, task: str, further: Sequence[str] = (), beside: Sequence[str] = ()
    ) -> Job:
        """Compose and validate a small run.

        Args:
            case: what is run.
            task: with which task.
            further: overrides that win over all others.
            beside: choices of options, ``group=name``, that replace the task's own.

        Raises:
            ConfigError: the config is wrong.
        """
        self._runs += 1
        output_dir = self.folder / f"run{self._runs}"  # made when something is run in it
        with hydra_ready():
            words = self.words(case, task, beside)
            words += [*self._fitting(words), *further]
            job = make_job(compose_config(_last_wins(words)), output_dir=output_dir)
        find_own_code(job)
        return job

    def words(self, case: Case, task: str, beside: Sequence[str] = ()) -> list[str]:
        """The overrides of a small run, without the typed ones. Hydra must be initialised."""
        choices = [*([f"{case.group}={case.option}"] if case.group else []), *beside]
        return [f"task={task}", *choices, *SMALL, *self.wanted(task, choices)]

    def wanted(self, task: str, choices: Sequence[str] = ()) -> list[str]:
        """What ``overrides_for`` says of a task and the options that it is run with.

        Args:
            task: the task.
            choices: options, ``group=name``, that replace its own. Hydra must be initialised.
        """
        if task not in self._own:
            self._own[task] = own_choices(task)
        chosen = {**self._own[task], **dict(choice.split("=", 1) for choice in choices)}
        names = dict.fromkeys([task, *chosen.values()])  # a model and its data may share a name
        return [override for name in names for override in self.overrides_for(name)]

    def refuse_useless(self, cases: Sequence[tuple[Case, str]]) -> None:
        """Refuse a typed override that no run would take.

        Args:
            cases: what will be run, and with which task.

        Raises:
            ConfigError: names its key, and the nearest that exists.
        """
        taken: set[str] = set()
        with hydra_ready():
            for case, task in cases:
                with suppress(ConfigError):  # an option that does not compose has its own check
                    taken |= set(self._fitting(self.words(case, task)))
            for text in self.typed:
                if text not in taken:
                    compose_config([f"task={cases[0][1]}", text])  # says what is wrong with it

    def _fitting(self, words: Sequence[str]) -> list[str]:
        """The typed overrides whose key a run of ``words`` has. Hydra must be initialised."""
        if not self.typed:
            return []
        known = {*dotted_keys(compose_config(_last_wins(words)))}
        pairs = zip(self.typed, parse_overrides(self.typed), strict=True)
        return [
            text
            for text, typed in pairs
            if typed.is_add() or typed.key_or_group in known or is_group(typed.key_or_group)
        ]


def _last_wins(words: Sequence[str]) -> list[str]:
    """Overrides without those that a later one repeats, which would be refused as contradictory."""
    by_key = {word.lstrip("+").partition("=")[0]: word for word in words}
    return list(by_key.values())
