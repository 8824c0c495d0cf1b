"""The Lightning logger of a run: hands metrics on to the run's record and nothing else.

Differences from Lightning's ``MLFlowLogger``: ``finalize`` does not end the run (test follows
fit), ``epoch`` is recorded when it changes and not with every step, ``test/`` metrics stand at the
step of the checkpoint that was tested, hyperparameters are the composed config's business, and
nothing waits for the store.
"""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING, Any

from pytorch_lightning.loggers import Logger
from pytorch_lightning.loggers.logger import rank_zero_experiment
from pytorch_lightning.utilities import rank_zero_only

if TYPE_CHECKING:
    from labloom.record.run_record import RunRecord

TEST_PREFIX = "test/"


class RunLogger(Logger):
    """Logs to an open run.

    Args:
        record: the run.
    """

    def __init__(self, record: RunRecord) -> None:
        super().__init__()
        self._record = record
        self._epoch: float | None = None
        self._forked: set[str] = set()
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

    @rank_zero_only
    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        """Record metrics at a step of training."""
        if any(name.startswith(TEST_PREFIX) for name in metrics):
            metrics = {name: value for name, value in metrics.items() if name != "epoch"}
            step = self.test_step if self.test_step is not None else step
        elif "epoch" in metrics:
            if metrics["epoch"] == self._epoch:
                metrics = {name: value for name, value in metrics.items() if name != "epoch"}
            else:
                self._epoch = metrics["epoch"]
        if metrics:
            self._record.log_metrics(self._paired(metrics), step)

    def _paired(self, metrics: dict[str, float]) -> dict[str, float]:
        """Give the mean over an epoch the plain name, which its counterpart ``val/`` has too.

        Lightning calls what is logged by step and by epoch ``loss_step`` and ``loss_epoch``.
        """
        self._forked |= {n.removesuffix("_step") for n in metrics if n.endswith("_step")}
        return {
            name.removesuffix("_epoch") if name.removesuffix("_epoch") in self._forked else name: v
            for name, v in metrics.items()
        }

    @rank_zero_only
    def log_hyperparams(
        self, params: dict[str, Any] | Namespace, *args: Any, **kwargs: Any
    ) -> None:
        """Do nothing: every leaf of the composed config is a parameter of the run already."""

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """Do nothing: the run is closed by whoever opened it, with its true status."""
