"""What came out of a sweep, as plain values."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from labloom.sweep.trials import TrialResult


@dataclass(frozen=True, kw_only=True)
class Confirmation:
    """The chosen config, run again over several values of one setting.

    Args:
        override: over which values, as it was typed: ``data.split_seed=0,1,2``.
        trials: the runs.
        metric: the test metric that is summarised.
    """

    override: str
    trials: Sequence[TrialResult]
    metric: str

    @property
    def values(self) -> list[float]:
        """The metric of every run that finished."""
        return [trial.metrics[self.metric] for trial in self.trials if self.metric in trial.metrics]

    @property
    def mean(self) -> float:
        """Mean over the runs."""
        return statistics.fmean(self.values)

    @property
    def spread(self) -> float:
        """Sample standard deviation over the runs; 0 for a single one."""
        return statistics.stdev(self.values) if len(self.values) > 1 else 0.0


@dataclass(frozen=True, kw_only=True)
class SweepResult:
    """What came out of a sweep.

    Args:
        name: of the sweep.
        run_id: its parent run in MLflow.
        output_dir: its folder.
        swept: the keys that varied.
        trials: every trial, in the order of their numbers.
        chosen: the best trial of each task.
        tested: test metrics of each chosen trial, by run id; empty where there was no test.
        confirmation: the chosen config run again, if that was asked for.
        problems: what went wrong beside the trials, one line each.
    """

    name: str
    run_id: str
    output_dir: str
    swept: Sequence[str]
    trials: Sequence[TrialResult]
    chosen: Sequence[TrialResult] = ()
    tested: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    confirmation: Confirmation | None = None
    problems: Sequence[str] = ()

    @property
    def all_trials(self) -> list[TrialResult]:
        """The trials of the search and those of the confirmation."""
        return [*self.trials, *(self.confirmation.trials if self.confirmation else ())]

    @property
    def failed(self) -> list[TrialResult]:
        """Trials that did not run to their end, those of the confirmation included."""
        return [trial for trial in self.all_trials if not trial.finished]

    @property
    def succeeded(self) -> bool:
        """Whether every trial finished and everything else went well too."""
        return not self.failed and not self.problems
