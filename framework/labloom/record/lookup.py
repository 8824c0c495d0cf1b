"""Find runs by what people call them."""

from __future__ import annotations

import json
from collections.abc import Container, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from labloom.errors import ConfigError, StoreError, nearest
from labloom.record.masking import MASK

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

MIN_PREFIX = 4
PAGE = 1000
RECENT = 200
LAST = "last"


def find_run(client: MlflowClient, reference: str, kind: str | None = None) -> Run:
    """The run that ``reference`` means.

    Args:
        client: of the store.
        reference: a run id, the beginning of one (4 characters at least), the name of a run, or
            ``last`` for the run that was started last.
        kind: ``run``, ``sweep`` or ``evaluation``: consider only these.

    Raises:
        StoreError: nothing or more than one run matches.
    """
    experiments = [found.experiment_id for found in _experiments(client)]
    if reference == LAST:
        recent = _newest(client, experiments, _kind_filter(kind), 1)
        if not recent:
            raise StoreError(
                f"there is no {kind or 'run'} in this store yet",
                fix="labloom run task=TASK, or tracking.uri=URI for another store",
            )
        return client.get_run(recent[0].info.run_id)
    matches = _matching(client, experiments, reference, kind)
    if len(matches) == 1:
        return client.get_run(matches[0].info.run_id)
    raise _ambiguous(reference, matches) if matches else _unknown(client, experiments, reference)


def children(client: MlflowClient, parent: Run) -> list[Run]:
    """Every run whose parent is ``parent``, oldest first."""
    condition = f"tags.`mlflow.parentRunId` = '{parent.info.run_id}'"
    found: list[Run] = []
    token = None
    while True:
        page = client.search_runs(
            [parent.info.experiment_id],
            condition,
            max_results=PAGE,
            order_by=["attributes.start_time ASC"],
            page_token=token,
        )
        found.extend(page)
        token = page.token
        if not token:
            return found


def recorded_overrides(client: MlflowClient, run: Run, replaced: Container[str] = ()) -> list[str]:
    """The overrides that a run was started with.

    Args:
        client: of the store.
        run: made by labloom.
        replaced: keys whose recorded values are not wanted.

    Raises:
        StoreError: the run was not started by labloom.
        ConfigError: a value was hidden when it was recorded, and has to be given again.
    """
    overrides = [
        text
        for text in shown_overrides(client, run)
        if text.lstrip("+~").partition("=")[0] not in replaced
    ]
    hidden = [text.partition("=")[0] for text in overrides if MASK in text]
    if hidden:
        raise ConfigError(
            f"{', '.join(hidden)} was hidden when run {run.info.run_id} was recorded",
            fix=f"give it again: {hidden[0]}=VALUE",
        )
    return overrides


def shown_overrides(client: MlflowClient, run: Run) -> list[str]:
    """The overrides as they were recorded, with secrets hidden.

    Raises:
        StoreError: the run was not started by labloom.
    """
    text = run.data.tags.get("labloom.overrides")
    if text is None:
        raise StoreError(
            f"run {run.info.run_id} has no recorded overrides", expected="a run made by labloom"
        )
    try:
        return [str(item) for item in json.loads(text)]
    except ValueError:  # longer than a tag may be
        path = Path(client.download_artifacts(run.info.run_id, "overrides.txt"))
        return path.read_text(encoding="utf-8").splitlines()


def _experiments(client: MlflowClient) -> Iterator:
    token = None
    while True:
        page = client.search_experiments(max_results=PAGE, page_token=token)
        yield from page
        token = page.token
        if not token:
            return


def _matching(
    client: MlflowClient, experiments: list[str], reference: str, kind: str | None
) -> list[Run]:
    quoted = reference.replace("'", "''") if "'" not in reference else None
    conditions = []
    if reference.isalnum() and len(reference) >= MIN_PREFIX:
        conditions.append(f"attributes.run_id LIKE '{reference}%'")
    if quoted is not None:
        conditions.append(f"attributes.run_name = '{quoted}'")
    for condition in conditions:
        found = _newest(client, experiments, " AND ".join([condition, *_as_list(kind)]), 10)
        exact = [run for run in found if run.info.run_id == reference]
        if found:
            return exact or found
    return []


def _newest(client: MlflowClient, experiments: list[str], condition: str, count: int) -> list[Run]:
    if not experiments:
        return []
    order = ["attributes.start_time DESC"]
    return list(client.search_runs(experiments, condition, max_results=count, order_by=order))


def _kind_filter(kind: str | None) -> str:
    return f"tags.`labloom.kind` = '{kind}'" if kind else ""


def _as_list(kind: str | None) -> list[str]:
    return [_kind_filter(kind)] if kind else []


def _ambiguous(reference: str, matches: list[Run]) -> StoreError:
    shown = ", ".join(f"{run.info.run_id[:12]} ({run.info.run_name})" for run in matches[:6])
    return StoreError(
        f"'{reference}' means more than one run",
        got=f"{shown}{' and more' if len(matches) > 6 else ''}   (newest first)",
        fix=f"use an id, e.g. {matches[0].info.run_id[:12]}",
    )


def _unknown(client: MlflowClient, experiments: list[str], reference: str) -> StoreError:
    recent = _newest(client, experiments, "", RECENT)
    near = nearest(reference, [run.info.run_name or "" for run in recent])
    if near is None:
        near = nearest(reference, [run.info.run_id[: len(reference)] for run in recent])
    if near is not None:
        fix = f"did you mean {near}?"
    elif recent:
        fix = f"the last one is {recent[0].info.run_id[:12]} ({recent[0].info.run_name})"
    else:
        fix = "this store is empty: labloom run task=TASK, or tracking.uri=URI for another store"
    return StoreError(
        f"there is no run '{reference}'",
        expected=f"a run id, its first {MIN_PREFIX} characters or more, a run's name, or '{LAST}'",
        fix=fix,
    )
