"""The Lightning logger of a run: hands metrics on to the run's record and nothing else.

Differences from Lightning's ``MLFlowLogger``: ``finalize`` does not end the run (test follows
fit), ``epoch`` is recorded when it changes and not with every step, ``test/`` metrics stand at the
step of the checkpoint that was tested, hyperparameters are the composed config's business, and
nothing waits for the store.
"""

from __future__ import annotations

from argparse import Namespace
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytorch_lightning.loggers import Logger
from pytorch_lightning.loggers.logger import rank_zero_experiment
from pytorch_lightning.utilities import rank_zero_only

if TYPE_CHECKING:
    from pytorch_lightning import Trainer

    from labloom.record.run_record import RunRecord

TEST_PREFIX = "test/"
EPOCH = "epoch"


@dataclass(frozen=True, slots=True)
class _Plan:
    """What happens to a set of metrics; ``tested``: they belong to the tested checkpoint."""

    tested: bool
    names: dict[str, str]


class RunLogger(Logger):
    """Logs to an open run.

    Args:
        record: the run.
    """

    def __init__(self, record: RunRecord) -> None:
        super().__init__()
        self._record = record
        self._epoch: float | None = None
        self._trainer: Trainer | None = None
        self._plans: dict[tuple[str, ...], _Plan] = {}
        self.test_step: int | None = None

    @property
    @rank_zero_experiment
    def experiment(self) -> RunRecord:
        """The run's record, e.g. for ``trainer.logger.experiment.log_figure(name, figure)``."""
        return self._record

    @property
    def name(self) -> str:
        """Name of the run."""
        return self._record.name

    @property
    def version(self) -> str:
        """Id of the run."""
        return self._record.id

    @property
    def save_dir(self) -> str:
        """The run's output folder."""
        return str(self._record.output_dir)

    @property
    def root_dir(self) -> str:
        """The run's output folder."""
        return self.save_dir

    @property
    def log_dir(self) -> str:
        """The run's output folder."""
        return self.save_dir

    def attach(self, trainer: Trainer) -> None:
        """Take the names of metrics from what ``trainer`` knows about them."""
        self._trainer = trainer
        self._plans.clear()

    @rank_zero_only
    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        """Record metrics at a step of training."""
        plan = self._plans.get(tuple(metrics)) or self._plan(tuple(metrics))
        if plan.tested:
            step = self.test_step if self.test_step is not None else step
        values = {plan.names[name]: value for name, value in metrics.items()}
        epoch = values.get(EPOCH)
        if epoch is not None:
            if plan.tested or epoch == self._epoch:
                del values[EPOCH]
            else:
                self._epoch = epoch
        if values:
            self._record.log_metrics(values, step)

    def _plan(self, names: tuple[str, ...]) -> _Plan:
        """Decide once what happens to metrics that are always logged together.

        The mean over an epoch gets the plain name, which its counterpart ``val/`` has too:
        Lightning calls what is logged by step and by epoch ``loss_step`` and ``loss_epoch``.
        """
        known = self._trainer.callback_metrics if self._trainer is not None else {}
        forked = {f"{name}_epoch": name for name in known if f"{name}_step" in known}
        plan = _Plan(
            tested=any(name.startswith(TEST_PREFIX) for name in names),
            names={name: forked.get(name, name) for name in names},
        )
        self._plans[names] = plan
        return plan

    @rank_zero_only
    def log_hyperparams(
        self, params: dict[str, Any] | Namespace, *args: Any, **kwargs: Any
    ) -> None:
        """Do nothing: every leaf of the composed config is a parameter of the run already."""

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """Do nothing: the run is closed by whoever opened it, with its true status."""
