"""The MLflow store: where it is, and what is asked of it beside the recording of one run.

Everything goes through ``MlflowClient`` with explicit ids; MLflow's global state (tracking URI,
active run, active experiment) is neither read nor set.
"""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from labloom.errors import ConfigError, LabloomError, StoreError
from labloom.record import sqlite_file
from labloom.record.masking import mask_text
from labloom.record.names import cut
from labloom.record.note import experiment_note
from labloom.record.quiet import loggers_at

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

ARTIFACT_FOLDER = "mlruns"
CONNECT_SECONDS = 10.0
CLOCK_SECONDS = 2.0  # by which two readings of when a process was started may differ
SERVERS = ("http", "https")
DATABASES = ("postgresql", "mysql", "mssql")
EXPERIMENT_KIND = {"mlflow.experimentKind": "custom_model_development"}

_MIGRATIONS = ("mlflow.store.db.utils", "alembic", "alembic.runtime.migration")


@dataclass(frozen=True)
class Store:
    """An open MLflow store.

    Args:
        uri: its absolute address; may hold credentials, so show ``shown_uri``.
        client: a client bound to that address.
        artifact_root: absolute folder for artifacts; None: the server decides.
    """

    uri: str
    client: MlflowClient
    artifact_root: Path | None

    @property
    def shown_uri(self) -> str:
        """The address without credentials."""
        return mask_text(self.uri)

    def ensure_experiment(
        self,
        name: str,
        *,
        summary: str = "",
        primary_metric: str | None = None,
        greater_is_better: bool | None = None,
    ) -> str:
        """The id of the experiment ``name``, made if there is none; many processes may ask at once.

        Args:
            name: of the experiment.
            summary: one line for the note above its runs.
            primary_metric: metric that MLflow shows first.
            greater_is_better: the direction of ``primary_metric``.

        Raises:
            StoreError: the store refuses, or the experiment was deleted.
        """
        from mlflow.exceptions import MlflowException

        with _told_as_store_error(f"experiment '{name}' cannot be opened"):
            found = self.client.get_experiment_by_name(name)
            if found is None:
                tags = dict(EXPERIMENT_KIND)
                tags["mlflow.note.content"] = experiment_note(summary or name)
                if primary_metric is not None:
                    tags["mlflow.experiment.primaryMetric.name"] = primary_metric
                    tags["mlflow.experiment.primaryMetric.greaterIsBetter"] = str(
                        bool(greater_is_better)
                    )
                try:
                    return self.client.create_experiment(name, self._artifact_folder(name), tags)
                except MlflowException as error:
                    found = self.client.get_experiment_by_name(name)
                    if found is None:
                        raise error
            if found.lifecycle_stage == "deleted":
                raise StoreError(
                    f"experiment '{name}' was deleted",
                    fix=f"mlflow experiments restore --experiment-id {found.experiment_id}, "
                    "or tracking.experiment=ANOTHER_NAME",
                )
            if "mlflow.experimentKind" not in found.tags:
                for key, value in EXPERIMENT_KIND.items():
                    self.client.set_experiment_tag(found.experiment_id, key, value)
            return found.experiment_id

    def get_run(self, run_id: str) -> Run:
        """The run with this whole id.

        Raises:
            StoreError: there is none, or the store does not answer.
        """
        with _told_as_store_error(f"run {run_id} cannot be read"):
            return self.client.get_run(run_id)

    def set_running(self, run_id: str) -> None:
        """Set an ended run RUNNING again.

        Raises:
            StoreError: the store refuses or does not answer.
        """
        with _told_as_store_error(f"run {run_id} cannot be opened again"):
            self.client.update_run(run_id, status="RUNNING")

    def find_run(self, reference: str, kind: str | None = None) -> Run:
        """The run that ``reference`` means: see ``labloom.record.lookup.find_run``."""
        from labloom.record.lookup import find_run

        with _told_as_store_error(f"run '{reference}' cannot be looked up"):
            return find_run(self.client, reference, kind)

    def children(self, parent_run_id: str) -> list[Run]:
        """Every run whose parent is ``parent_run_id``, oldest first."""
        from labloom.record.lookup import children

        with _told_as_store_error(f"trials of {parent_run_id} cannot be listed"):
            return children(self.client, self.get_run(parent_run_id))

    def _artifact_folder(self, experiment: str) -> str | None:
        if self.artifact_root is None:
            return None
        safe = "".join(c if c.isalnum() or c in "-_." else "_" for c in experiment).strip(".")
        return str(self.artifact_root / (safe or "experiment"))


def open_store(tracking_uri: str | None = None) -> Store:
    """Open the store, creating MLflow's database when it is missing (3 to 5 s, once).

    Args:
        tracking_uri: ``tracking.uri`` of the config; None: ``MLFLOW_TRACKING_URI``, and without
            that ``mlflow.db`` in the working directory, which is MLflow's own default.

    Raises:
        ConfigError: the address is of a kind that MLflow does not write to.
        StoreError: nothing can be written there, or no server answers.
    """
    uri, where = resolve_uri(tracking_uri)
    scheme = uri.partition(":")[0].partition("+")[0]
    root: Path | None = None
    if scheme == "sqlite":
        database = sqlite_file.path_of(uri)
        root = database.parent / ARTIFACT_FOLDER
        with loggers_at(logging.WARNING, *_MIGRATIONS):
            sqlite_file.prepare(database, root)
    elif scheme in SERVERS:
        _check_server(uri)
    elif scheme in DATABASES:
        root = Path.cwd() / ARTIFACT_FOLDER
        _check_database(uri)
    elif scheme != "databricks":
        raise ConfigError(
            f"{where}={mask_text(uri)} is no store that MLflow can write to",
            expected=f"sqlite:///FILE, {', '.join(f'{s}://' for s in (*SERVERS, *DATABASES))}",
            fix="tracking.uri=sqlite:///mlflow.db   (folders of files are no longer supported)",
        )
    from mlflow import MlflowClient

    with (
        _told_as_store_error(f"the store {mask_text(uri)} cannot be opened"),
        loggers_at(logging.WARNING, *_MIGRATIONS),
    ):
        client = MlflowClient(uri)
    sqlite_file.forget_connections_in_children()
    return Store(uri, client, root)


def open_existing_store(tracking_uri: str | None = None) -> Store:
    """Open the store for looking at what is recorded; looking must not make a database.

    Raises:
        StoreError: the store is a file that is not there or empty.
        ConfigError, StoreError: as ``open_store``.
    """
    uri, where = resolve_uri(tracking_uri)
    if uri.startswith("sqlite"):
        file = sqlite_file.path_of(uri)
        if not file.is_file() or file.stat().st_size == 0:
            raise StoreError(
                f"nothing is recorded in {file.parent} yet",
                expected=f"{file.name}, {where}",
                fix="labloom run task=TASK here first (labloom list), or name a store: --uri URI",
            )
    return open_store(tracking_uri)


def resolve_uri(tracking_uri: str | None = None) -> tuple[str, str]:
    """The absolute address of the store, and what said so."""
    if tracking_uri:
        return absolute_uri(str(tracking_uri)), "tracking.uri"
    from_environment = os.environ.get("MLFLOW_TRACKING_URI")
    if from_environment:
        return absolute_uri(from_environment), "MLFLOW_TRACKING_URI"
    return f"sqlite:///{Path.cwd() / 'mlflow.db'}", "the default store"


def absolute_uri(uri: str) -> str:
    """``uri`` with a relative path to an SQLite file made absolute."""
    scheme, slashes, path = uri.partition(":///")
    if not slashes or scheme.partition("+")[0] != "sqlite":
        return uri
    return f"{scheme}:///{(Path.cwd() / Path(path).expanduser()).resolve()}"


def is_lost(run: Run) -> bool | None:
    """Whether a run counts as RUNNING although its process is gone.

    Returns:
        False if it is not RUNNING or its process lives; None when it ran on another host.
    """
    import socket

    tags: Mapping[str, str] = run.data.tags
    if run.info.status != "RUNNING":
        return False
    if (
        tags.get("labloom.host") != socket.gethostname()
        or not tags.get("labloom.pid", "").isdigit()
    ):
        return None
    return not _lives(int(tags["labloom.pid"]), float(tags.get("labloom.pid_started", "nan")))


def _lives(pid: int, started: float) -> bool:
    """Whether the process that was started then still lives; its number may be another's now."""
    import psutil

    try:
        process = psutil.Process(pid)
        return process.status() != psutil.STATUS_ZOMBIE and (
            abs(process.create_time() - started) < CLOCK_SECONDS or math.isnan(started)
        )
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True


def _check_server(uri: str) -> None:
    import requests

    try:
        requests.get(uri.rstrip("/") + "/health", timeout=CONNECT_SECONDS)
    except requests.exceptions.SSLError:
        return  # it answers; MLflow has its own settings for certificates
    except requests.exceptions.RequestException as error:
        raise StoreError(
            f"no MLflow server answers at {mask_text(uri)}",
            got=type(error).__name__,
            fix="start it (mlflow server), or tracking.uri=sqlite:///mlflow.db",
        ) from error


def _check_database(uri: str) -> None:
    """Connect once: MLflow would try for minutes before it says that nobody is there."""
    import sqlalchemy

    try:
        engine = sqlalchemy.create_engine(uri)
        with engine.connect():
            pass
        engine.dispose()
    except (sqlalchemy.exc.SQLAlchemyError, ImportError) as error:
        driver = "pip install psycopg2-binary" if "psycopg2" in str(error) else None
        raise StoreError(
            f"the database {mask_text(uri)} cannot be opened",
            got=cut(str(error).strip().splitlines()[0], 200),
            fix=driver or "check that it runs, and its address",
        ) from error


@contextmanager
def _told_as_store_error(problem: str) -> Iterator[None]:
    """Turn whatever the store raises into one short message."""
    try:
        yield
    except LabloomError:
        raise
    except Exception as error:
        text = cut((str(error).strip().splitlines() or [type(error).__name__])[0], 300)
        outdated = "out-of-date database schema" in text
        raise StoreError(
            problem,
            got=mask_text(text),
            fix="mlflow db upgrade URI   (after a copy of the database)" if outdated else None,
        ) from error
