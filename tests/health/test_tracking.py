"""The store as doctor sees it: counted without being touched, or told at once not to answer."""

import os
import sqlite3
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from labloom.health.tracking import artifact_folder, look_at_store


@pytest.fixture
def look(tmp_path, monkeypatch):
    """Look at the store of an empty folder, or at the one that an address names."""
    monkeypatch.chdir(tmp_path)

    def at(uri=None):
        if uri is None:
            monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
        else:
            monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
        return look_at_store()

    return at


def test_a_store_that_is_not_there_is_no_problem(look, tmp_path):
    section = look()
    assert dict(section.rows)["state"] == "not there yet: the first run makes it"
    assert dict(section.rows)["from"] == "the default store"
    assert section.findings == ()
    assert list(tmp_path.iterdir()) == []


def test_runs_are_counted_and_the_file_is_left_as_it_is(look, tmp_path):
    file = tmp_path / "mlflow.db"
    with sqlite3.connect(file) as database:
        database.execute("CREATE TABLE runs (lifecycle_stage TEXT)")
        database.execute("INSERT INTO runs VALUES ('active'), ('deleted'), ('active')")
    before = file.read_bytes()
    section = look("sqlite:///mlflow.db")
    assert dict(section.rows)["state"] == "holds 2 runs"
    assert dict(section.rows)["from"] == "MLFLOW_TRACKING_URI"
    assert section.facts["runs"] == 2
    assert file.read_bytes() == before
    assert [found.name for found in tmp_path.iterdir()] == ["mlflow.db"]


def test_a_database_without_mlflows_tables_waits_for_the_first_run(look, tmp_path):
    with sqlite3.connect(tmp_path / "mlflow.db") as database:
        database.execute("CREATE TABLE other (name TEXT)")
    assert dict(look().rows)["state"] == "not there yet: the first run makes it"


def test_a_file_that_is_no_database_is_a_problem(look, tmp_path):
    (tmp_path / "mlflow.db").write_text("far too long to be the header of a database\n" * 100)
    (found,) = look().findings
    assert "mlflow.db cannot be read: " in found.text
    assert "file is not a database" in found.text
    assert "MLFLOW_TRACKING_URI" in found.fix


def test_a_server_that_does_not_answer_is_told_without_its_password(look):
    section = look("http://me:secret@127.0.0.1:9")
    (found,) = section.findings
    assert "no MLflow server answers at http://***@127.0.0.1:9" in found.text
    assert "start it (mlflow server)" in found.fix
    assert "secret" not in str(section)
    assert "MLFLOW_HTTP_REQUEST_MAX_RETRIES" not in os.environ  # set for the question alone


def test_an_address_that_mlflow_cannot_write_to_is_a_problem(look):
    (found,) = look("file:///tmp/mlruns").findings
    assert "is no store that MLflow can write to" in found.text


def test_a_database_without_its_driver_brings_the_pip_command(look):
    section = look("postgresql://me:secret@127.0.0.1:9/mlflow")
    (found,) = section.findings
    assert "postgresql://***@127.0.0.1:9/mlflow cannot be read" in found.text
    assert "secret" not in str(section)
    assert found.fix.startswith(("pip install psycopg2-binary", "check that it runs"))


def test_a_workspace_elsewhere_is_not_asked(look):
    assert dict(look("databricks").rows)["state"] == "a Databricks workspace, not asked"


@pytest.mark.parametrize(
    ("uri", "folder"),
    [
        ("sqlite:///deep/mlflow.db", "deep/mlruns"),
        ("postgresql://host/mlflow", "mlruns"),
        ("http://host", None),
    ],
)
def test_artifacts_go_beside_a_database(tmp_path, monkeypatch, uri, folder):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    assert artifact_folder() == (tmp_path / folder if folder else None)


def test_a_server_is_asked_for_its_runs(look, tmp_path):
    from labloom.record import open_store
    from labloom.record.server import choose_port, running_server

    store = open_store(f"sqlite:///{tmp_path}/mlflow.db")
    experiment = store.ensure_experiment("far")
    store.client.create_run(experiment)
    with running_server(store.uri, choose_port(None), store.artifact_root) as server:
        server.wait_until_ready()
        section = look(server.address)
    assert dict(section.rows)["state"] == "answers, holds 1 run"
    assert section.facts["runs"] == 1


def test_a_server_that_is_not_mlflows_is_a_problem(look):
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        (found,) = look(f"http://127.0.0.1:{server.server_port}").findings
        server.shutdown()
    assert "answers, but not about runs" in found.text
    assert "MLFLOW_TRACKING_USERNAME" in found.fix
