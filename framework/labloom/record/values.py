"""Metric values as they were logged, from what MLflow's database made of them.

NaN is kept as it is. A database has no infinity, so MLflow stores the largest float in its place:
https://mlflow.org/docs/latest/python_api/mlflow.html#mlflow.log_metric
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping


def logged_value(value: float) -> float:
    """The value that was logged; the largest float stands for infinity."""
    return math.copysign(math.inf, value) if abs(value) == sys.float_info.max else value


def logged_values(metrics: Mapping[str, float]) -> dict[str, float]:
    """``logged_value`` of every metric."""
    return {name: logged_value(value) for name, value in metrics.items()}
