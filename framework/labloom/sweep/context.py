"""Tell trials which sweep they belong to, whatever process a Hydra launcher runs them in.

The context travels in an environment variable, because launchers inherit the environment, while a
config key would change the trials' configs.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Literal

from omegaconf import DictConfig

from labloom.compose.job import Trial
from labloom.sweep.swept import composed_values

VARIABLE = "LABLOOM_SWEEP"


@contextmanager
def sweep_context(
    parent_run_id: str,
    swept: Sequence[str],
    purpose: Literal["search", "confirm"] = "search",
) -> Iterator[None]:
    """Runs that are started inside are trials of this sweep."""
    before = os.environ.get(VARIABLE)
    context = {"parent_run_id": parent_run_id, "swept": list(swept), "purpose": purpose}
    os.environ[VARIABLE] = json.dumps(context)
    try:
        yield
    finally:
        if before is None:
            del os.environ[VARIABLE]
        else:
            os.environ[VARIABLE] = before


def current_trial(composed: DictConfig) -> Trial | None:
    """The place of a composed run in the sweep around it; None outside of a sweep."""
    context = os.environ.get(VARIABLE)
    if context is None:
        return None
    known = json.loads(context)
    return Trial(
        number=int(composed.hydra.job.num),
        parent_run_id=known["parent_run_id"],
        swept=composed_values(composed, known["swept"]),
        purpose=known["purpose"],
    )
