"""A saved view of the MLflow UI that opens a sweep as a leaderboard, and as charts.

A view is the experiment tag ``mlflow.sharedViewState.<id>``. Its format is not documented (tried in
a browser with MLflow 3.17), so everything here fails soft: the plain address remains.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from labloom.record.store import Store

TAG_PREFIX = "mlflow.sharedViewState."
MAX_VIEWS = 40
SINCE_VERSION = (3, 10)
OBJECTIVE = "objective"
SWEEP_SECTION = "labloom-sweep"
MADE = {"deleted": False, "isGenerated": False}

_log = logging.getLogger(__name__)


def save_sweep_view(
    store: Store,
    experiment_id: str,
    parent_run_id: str,
    *,
    name: str,
    objective: str = OBJECTIVE,
    mode: str = "max",
    metrics: Sequence[str] = (),
    swept: Sequence[str] = (),
) -> str:
    """Save the view of one sweep: its trials only, best first, with what was swept.

    Trials are ordered by ``objective``, the value of the best checkpoint; the monitored metric
    itself stands at the last epoch's value. Runs that confirm the choice are no trials.

    Args:
        store: where the sweep is.
        experiment_id: of the sweep.
        parent_run_id: the sweep's own run.
        name: what the menu "Views" shows.
        objective: metric that was monitored; its curves are the third chart.
        mode: ``min`` or ``max``.
        metrics: further metrics to show as columns.
        swept: swept parameters, to show as columns.

    Returns:
        The part of the address after the server's, beginning with ``/``; without a saved view if
        this version of MLflow does not take one.
    """
    plain = f"/#/experiments/{experiment_id}/runs?workflowType=machine_learning"
    view_id = f"labloom-{parent_run_id[:16]}"
    try:
        if not _supported():
            return plain
        _make_room(store, experiment_id, view_id)
        state = _state(parent_run_id, objective, mode, metrics, swept)
        now = int(time.time() * 1000)
        value = {"name": name, "createdAt": now, "updatedAt": now, "state": json.dumps(state)}
        store.client.set_experiment_tag(experiment_id, TAG_PREFIX + view_id, json.dumps(value))
    except Exception as error:  # noqa: BLE001  undocumented: whatever goes wrong, the plain page still opens
        _log.debug("no saved view: %s", error)
        return plain
    return f"{plain}&viewStateShareKey={view_id}"


def sweep_view(store: Store, experiment_id: str, parent_run_id: str) -> str:
    """The address of a view that was saved for this sweep, or the plain one."""
    plain = f"/#/experiments/{experiment_id}/runs?workflowType=machine_learning"
    view_id = f"labloom-{parent_run_id[:16]}"
    try:
        tags = store.client.get_experiment(experiment_id).tags
    except Exception as error:  # noqa: BLE001
        _log.debug("no saved view: %s", error)
        return plain
    return f"{plain}&viewStateShareKey={view_id}" if TAG_PREFIX + view_id in tags else plain


def _state(
    parent_run_id: str, monitor: str, mode: str, metrics: Sequence[str], swept: Sequence[str]
) -> dict[str, object]:
    values = [
        *(f"metrics.`{metric}`" for metric in dict.fromkeys([OBJECTIVE, *metrics])),
        *(f"params.`{key}`" for key in swept),
    ]
    # Widths in pixels, by MLflow's names of the columns; its defaults cut names and numbers.
    widths = {
        "attributes.`Run Name`": 310,
        "runDateAndNestInfo": 140,
        "duration": 90,
        **{value: max(135, 30 + 8 * len(value.split("`")[1])) for value in values},
    }
    return {
        "searchFilter": f"tags.`mlflow.parentRunId` = '{parent_run_id}' "
        "AND tags.`labloom.trial.purpose` = 'search'",
        "orderByKey": f"metrics.`{OBJECTIVE}`",
        "orderByAsc": mode == "min",
        "startTime": "ALL",
        "lifecycleFilter": "Active",
        "selectedColumns": ["attributes.`Created`", "attributes.`Duration`", *values],
        "columnOrder": list(widths),
        "columnWidths": widths,
        "runsHiddenMode": "FIRST_20_RUNS",
        # MLflow appends a section for every prefix: train, val, test, system.
        "compareRunSections": [{"uuid": SWEEP_SECTION, "name": "sweep", "display": True, **MADE}],
        "compareRunCharts": _charts(monitor, swept),
    }


def _charts(monitor: str, swept: Sequence[str]) -> list[dict[str, object]]:
    """How good each trial is, what made it good, how it got there."""
    charts: list[dict[str, object]] = [
        {"type": "BAR", "metricKey": OBJECTIVE},
        {
            "type": "PARALLEL",
            "selectedParams": list(swept),
            "selectedMetrics": [OBJECTIVE],
            "showAllRuns": True,
        },
        {
            "type": "LINE",
            "metricKey": monitor,
            "selectedMetricKeys": [monitor],
            "displayName": monitor,
            "xAxisKey": "step",
            "useGlobalXaxisKey": True,
            "useGlobalLineSmoothing": True,
            "lineSmoothness": 0,
            "scaleType": "linear",
            "range": {},
        },
    ]
    common = {
        "metricSectionId": SWEEP_SECTION,
        "runsCountToCompare": 20,
        **MADE,
    }
    return [{"uuid": f"labloom-chart-{i}", **chart, **common} for i, chart in enumerate(charts)]


def _make_room(store: Store, experiment_id: str, keep: str) -> None:
    """Remove the oldest views of ours beyond what MLflow lists."""
    tags = store.client.get_experiment(experiment_id).tags
    views = [key for key in tags if key.startswith(TAG_PREFIX) and not key.endswith(keep)]
    ours = [key for key in views if key.startswith(TAG_PREFIX + "labloom-")]
    ours.sort(key=lambda key: json.loads(tags[key]).get("createdAt", 0))
    for key in ours[: max(0, len(views) - MAX_VIEWS + 1)]:
        store.client.delete_experiment_tag(experiment_id, key)


def _supported() -> bool:
    import mlflow

    major, minor = mlflow.__version__.split(".")[:2]
    return (int(major), int(minor)) >= SINCE_VERSION
