"""The MLflow store: where it is, whether it answers, and how many runs it holds."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from labloom.errors import LabloomError, StoreError
from labloom.health.findings import Section, finding_of
from labloom.record.masking import mask_text
from labloom.record.sqlite_file import path_of
from labloom.record.store import ARTIFACT_FOLDER, DATABASES, Store, open_store, resolve_uri

COUNTED_AT_MOST = 5000  # runs that a server is asked for, a page of a thousand at a time
RETRIES = "MLFLOW_HTTP_REQUEST_MAX_RETRIES"
NOT_YET = "not there yet: the first run makes it"


def look_at_store() -> Section:
    """Address and content of the store. A database is only read, so that nothing is made."""
    uri, source = resolve_uri()
    rows = [("store", mask_text(uri)), ("from", source)]
    try:
        state, runs = _state(uri)
    except LabloomError as error:
        rows.append(("state", "not usable"))
        return Section(rows, _facts(rows, None), findings=[finding_of(error)])
    rows.append(("state", state))
    return Section(rows, _facts(rows, runs))


def artifact_folder() -> Path | None:
    """Where a run from here stores its artifacts; None: the server decides."""
    uri, _ = resolve_uri()
    scheme = _scheme(uri)
    if scheme == "sqlite":
        return path_of(uri).parent / ARTIFACT_FOLDER
    return Path.cwd() / ARTIFACT_FOLDER if scheme in DATABASES else None


def _facts(rows: list[tuple[str, str]], runs: int | None) -> dict[str, str | int | None]:
    return {**dict(rows), "runs": runs}


def _scheme(uri: str) -> str:
    return uri.partition(":")[0].partition("+")[0]


def _state(uri: str) -> tuple[str, int | None]:
    """What there is to say, and the number of runs if it is known.

    Raises:
        LabloomError: the store does not answer, or is none that MLflow writes to.
    """
    scheme = _scheme(uri)
    if scheme == "databricks":
        return "a Databricks workspace, not asked", None
    if scheme == "sqlite" and not _has_content(path_of(uri)):
        return NOT_YET, 0
    if scheme != "sqlite" and scheme not in DATABASES:
        return _ask_server()
    count = _count_in_database(uri)
    return (NOT_YET, 0) if count is None else (f"holds {_runs(count)}", count)


def _has_content(file: Path) -> bool:
    return file.is_file() and file.stat().st_size > 0


def _count_in_database(uri: str) -> int | None:
    """Runs that are not deleted; None when MLflow's tables are not there."""
    import sqlalchemy

    try:
        engine = sqlalchemy.create_engine(_read_only(uri))
        with engine.connect() as connection:
            if not sqlalchemy.inspect(connection).has_table("runs"):
                return None
            query = "SELECT COUNT(*) FROM runs WHERE lifecycle_stage = 'active'"
            return int(connection.execute(sqlalchemy.text(query)).scalar_one())
    except (sqlalchemy.exc.SQLAlchemyError, ImportError) as error:
        raise StoreError(
            f"the store {mask_text(uri)} cannot be read",
            got=str(error).strip().splitlines()[0],
            fix="pip install psycopg2-binary"
            if "psycopg2" in str(error)
            else "check that it runs and may be read, or set MLFLOW_TRACKING_URI to another",
        ) from error


def _read_only(uri: str) -> str:
    """SQLite would make a file, or a journal beside it, for whoever may write."""
    if _scheme(uri) != "sqlite":
        return uri
    scheme, _, path = uri.partition(":///")
    return f"{scheme}:///file:{path.partition('?')[0]}?mode=ro&uri=true"


def _ask_server() -> tuple[str, int | None]:
    """Ask a server whether it answers, and then for its runs, with MLflow's own client.

    Raises:
        LabloomError: nobody answers, or the answer is no.
    """
    with _few_retries():
        store = open_store()
        return _asked(store)


@contextmanager
def _few_retries() -> Iterator[None]:
    """Let MLflow give up soon; the variable is as before afterwards."""
    before = os.environ.get(RETRIES)
    os.environ.setdefault(RETRIES, "1")
    try:
        yield
    finally:
        if before is None:
            del os.environ[RETRIES]


def _asked(store: Store) -> tuple[str, int]:
    from mlflow.exceptions import MlflowException

    try:
        return _count_on_server(store)
    except MlflowException as error:
        raise StoreError(
            f"the server {store.shown_uri} answers, but not about runs",
            got=mask_text(str(error).strip().splitlines()[0]),
            fix="look at MLFLOW_TRACKING_USERNAME, MLFLOW_TRACKING_PASSWORD and the address",
        ) from error


def _count_on_server(store: Store) -> tuple[str, int]:
    experiments = [found.experiment_id for found in store.client.search_experiments()]
    count, token = 0, None
    while experiments and count < COUNTED_AT_MOST:
        page = store.client.search_runs(experiments, max_results=1000, page_token=token)
        count, token = count + len(page), page.token
        if not token:
            break
    more = " or more" if token else ""
    return f"answers, holds {_runs(count)}{more}", count


def _runs(count: int) -> str:
    return f"{count} run" if count == 1 else f"{count} runs"
