"""MLflow's SQLite file: created once by many processes at a time, and safe to use after a fork."""

from __future__ import annotations

import contextlib
import os
import uuid
from pathlib import Path
from typing import Any

from labloom.errors import ConfigError, StoreError

_HEADER = b"SQLite format 3\x00"

_inherited: list[Any] = []
_registered: set[str] = set()


def path_of(uri: str) -> Path:
    """The file of an ``sqlite:///`` address.

    Raises:
        ConfigError: the database would live in memory, where no other process sees it.
    """
    path = uri.partition(":///")[2].partition("?")[0]
    if not path or path.endswith(":memory:"):
        raise ConfigError(
            f"{uri} is a database in memory, which no other process can see",
            expected="a file",
            fix="tracking.uri=sqlite:///mlflow.db",
        )
    return Path(path)


def prepare(database: Path, artifact_root: Path) -> None:
    """Make sure that ``database`` is there, with MLflow's tables, and can be written.

    A new database is made under another name and put in place whole, because several processes
    that migrate one file at once break it, and so does a kill in between.

    Raises:
        StoreError: the folder or the file cannot be written, or it is no SQLite database.
    """
    try:
        database.parent.mkdir(parents=True, exist_ok=True)
        if not database.exists():
            _create(database, artifact_root)
        with database.open("r+b") as file:
            header = file.read(len(_HEADER))
    except OSError as error:
        raise StoreError(
            f"the store {database} cannot be written",
            got=error.strerror or str(error),
            fix="run in a folder that you can write to, or tracking.uri=sqlite:////PATH/mlflow.db",
        ) from error
    if header not in (_HEADER, b""):
        raise StoreError(
            f"{database} is no SQLite database",
            fix="move it away, or tracking.uri=sqlite:////OTHER/PATH/mlflow.db",
        )


def forget_connections_in_children() -> None:
    """Let a forked process open its own connections to databases, instead of its parent's.

    SQLite and PostgreSQL both break when two processes share a connection. The stores themselves
    stay usable, so that a forked trial need not open them anew (0.15 s).
    """
    if not _registered:
        _registered.add("fork")
        os.register_at_fork(after_in_child=_renew_pools)


def _renew_pools() -> None:
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    for engine in list(getattr(SqlAlchemyStore, "_engine_map", {}).values()):
        _inherited.append(engine.pool)  # closing the parent's connections could disturb it
        engine.dispose(close=False)


def _create(database: Path, artifact_root: Path) -> None:
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    draft = database.with_name(f".{database.name}.{uuid.uuid4().hex[:8]}")
    try:
        SqlAlchemyStore(f"sqlite:///{draft}", str(artifact_root)).engine.dispose()
        os.link(draft, database)
    except FileExistsError:
        pass  # another process was faster
    finally:
        with contextlib.suppress(OSError):
            draft.unlink()
