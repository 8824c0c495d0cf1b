"""Variables that tell MLflow how to behave: it reads them when it is imported."""

from __future__ import annotations

import os

DEFAULTS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",  # a run talks to its store, and to nobody else
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",  # ours is enough
}


def set_mlflow_variables() -> None:
    """Set the variables that the user has not set. Call it before MLflow is imported."""
    for name, value in DEFAULTS.items():
        os.environ.setdefault(name, value)
