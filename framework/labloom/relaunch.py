"""Let Lightning start a run's processes for further devices as plain single runs.

Lightning starts rank 1 and above with the words of ``sys.argv`` and Hydra's ``run.dir``. Inside a
sweep these would start the whole sweep again, in another folder.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import torch
from hydra.core.hydra_config import HydraConfig
from omegaconf import read_write
from pytorch_lightning.utilities import rank_zero_only

from labloom.compose.job import Job
from labloom.recorded import merged_overrides

RESUMED_VARIABLE = "LABLOOM_RESUMED_RUN"
# What Lightning leaves in the environment of the process that started the others.
LIGHTNINGS_VARIABLES = ("MASTER_ADDR", "MASTER_PORT", "NODE_RANK", "LOCAL_RANK", "WORLD_SIZE")


def is_first_process() -> bool:
    """False in the processes that Lightning starts for further devices; they record nothing."""
    return rank_zero_only.rank == 0


def as_in_first_process(job: Job) -> Job:
    """The job, which in a further process also continues what the first one continues."""
    if is_first_process():
        return job
    return replace(job, resume_run_id=os.environ.get(RESUMED_VARIABLE))


def _leave_the_group() -> None:
    """Forget the processes of this run, so that the next trial starts its own."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
        for name in LIGHTNINGS_VARIABLES:
            os.environ.pop(name, None)


@contextmanager
def relaunched_as(job: Job) -> Iterator[None]:
    """Processes that are started inside run ``job``, in its folder and with its choice of test."""
    words, environment = sys.argv, os.environ.get(RESUMED_VARIABLE)
    sys.argv = [
        words[0],
        "run",
        *(["--config-dir", job.config_dir] if job.config_dir else []),
        *merged_overrides(job.overrides, [f"test={str(job.tests).lower()}"]),
    ]
    if job.resume_run_id is not None:
        os.environ[RESUMED_VARIABLE] = job.resume_run_id
    if HydraConfig.initialized():
        hydra_node = HydraConfig.get()
        with read_write(hydra_node):
            hydra_node.run.dir = str(job.output_dir)
    try:
        yield
    finally:
        sys.argv = words
        if environment is None:
            os.environ.pop(RESUMED_VARIABLE, None)
        if is_first_process():
            _leave_the_group()
