"""Test a checkpoint, on the data of its own run or on other data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from labloom.build.checkpoints import load_module, read_checkpoint
from labloom.build.evaluation import build_datamodule, build_tester, is_testable
from labloom.callbacks.run_state import RUN_STATE_KEY
from labloom.errors import DataError, NoTestStageError
from labloom.run import find_own_code, plain_metrics, seed

if TYPE_CHECKING:
    from labloom.compose.job import Job
    from labloom.record import RunRecord


def test_checkpoint(job: Job, checkpoint: str | Path, run: RunRecord | None) -> dict[str, float]:
    """Test the module in ``checkpoint`` on the test split of ``job``'s data.

    Args:
        job: says which data; module and model are taken from the checkpoint.
        checkpoint: written by a labloom run.
        run: receives metrics and figures; None records nothing.

    Returns:
        The test metrics.

    Raises:
        CheckpointError: the checkpoint cannot be used.
        NoTestStageError: module or datamodule have no test stage.
        DataError: the data does not go with what the module was trained on.
    """
    find_own_code(job)
    seed(job.config.seed)
    module = load_module(checkpoint, job.trusted_packages)
    datamodule, spec = build_datamodule(job)
    _refuse_other_data(checkpoint, spec)
    if not is_testable(module, datamodule):
        raise NoTestStageError(
            f"{type(module).__name__} with {type(datamodule).__name__} cannot be tested",
            expected="a test_step in the module and a test_dataloader in the datamodule",
        )
    if run is not None:
        run.set_test_step(int(read_checkpoint(checkpoint)["global_step"]))
    trainer = build_tester(job, run)
    trainer.test(module, datamodule=datamodule, verbose=False)
    return plain_metrics(trainer)


def _refuse_other_data(checkpoint: str | Path, spec: dict[str, Any]) -> None:
    """Sizes and names must be those of the training data; statistics of the data may differ."""
    trained_on = read_checkpoint(checkpoint)[RUN_STATE_KEY]["spec"]
    for name, value in trained_on.items():
        fixed = isinstance(value, (int, str)) or (isinstance(value, list) and _are_texts(value))
        if fixed and name in spec and spec[name] != value:
            raise DataError(
                f"the data does not go with the checkpoint: {name} differs",
                expected=f"{name} = {value}, as in training",
                got=f"{name} = {spec[name]}",
            )


def _are_texts(values: list[Any]) -> bool:
    return all(isinstance(value, str) for value in values)
