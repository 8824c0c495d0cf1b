import os
import socket
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from labloom.errors import ConfigError, StoreError
from labloom.record import is_lost, open_store, resolve_uri


def test_default_store_is_mlflows_own_in_the_working_directory(folder, uri):
    store = open_store()

    assert store.uri == f"sqlite:///{folder}/mlflow.db"
    assert store.artifact_root == folder / "mlruns"


def test_environment_names_the_store(folder, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///other/x.db")

    assert resolve_uri() == (f"sqlite:///{folder}/other/x.db", "MLFLOW_TRACKING_URI")


def test_config_wins_over_environment(folder, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://elsewhere")

    assert resolve_uri("sqlite:///x.db")[0] == f"sqlite:///{folder}/x.db"


def test_store_leaves_mlflows_global_state_alone(store):
    import mlflow

    store.ensure_experiment("toys")

    assert mlflow.active_run() is None
    assert "MLFLOW_TRACKING_URI" not in os.environ


@pytest.mark.parametrize("uri", ["mlruns", "file:///tmp/mlruns", "ftp://host/x"])
def test_store_of_a_kind_that_mlflow_does_not_write_is_refused(folder, uri):
    with pytest.raises(ConfigError, match=r"no store that MLflow can write to") as caught:
        open_store(uri)

    assert "tracking.uri=sqlite:///mlflow.db" in str(caught.value)


def test_database_in_memory_is_refused(folder):
    with pytest.raises(ConfigError, match="in memory"):
        open_store("sqlite:///:memory:")


def test_server_that_does_not_answer_is_named(folder):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    with pytest.raises(StoreError, match=f"no MLflow server answers at http://127.0.0.1:{port}"):
        open_store(f"http://127.0.0.1:{port}")


def test_database_server_that_cannot_be_reached_is_told_without_its_password(folder):
    with pytest.raises(StoreError, match="cannot be opened") as caught:
        open_store("postgresql://ann:pw@127.0.0.1:1/x")

    assert "pw" not in str(caught.value)


def test_folder_that_cannot_be_written_is_told(folder):
    Path("file").write_text("")

    with pytest.raises(StoreError, match="cannot be written"):
        open_store("sqlite:///file/mlflow.db")


def test_file_that_is_no_database_is_told(folder):
    Path("mlflow.db").write_text("hello, this is text")

    with pytest.raises(StoreError, match="no SQLite database"):
        open_store()


def test_experiment_opens_in_the_machine_learning_layout(store):
    experiment_id = store.ensure_experiment(
        "toys", summary="tell toys apart", primary_metric="val/acc", greater_is_better=True
    )

    tags = store.client.get_experiment(experiment_id).tags
    assert tags["mlflow.experimentKind"] == "custom_model_development"
    assert tags["mlflow.experiment.primaryMetric.name"] == "val/acc"
    assert "tell toys apart" in tags["mlflow.note.content"]


def test_experiment_keeps_its_artifacts_beside_the_database(store, folder):
    experiment = store.client.get_experiment(store.ensure_experiment("toys / 1"))

    assert experiment.artifact_location == str(folder / "mlruns" / "toys___1")


def test_deleted_experiment_says_how_to_restore_it(store):
    experiment_id = store.ensure_experiment("toys")
    store.client.delete_experiment(experiment_id)

    with pytest.raises(StoreError, match="was deleted") as caught:
        store.ensure_experiment("toys")

    assert f"restore --experiment-id {experiment_id}" in str(caught.value)


def _ensure(uri):
    return open_store(uri).ensure_experiment("toys")


def test_many_processes_may_ask_for_the_same_experiment_at_once(uri):
    with ProcessPoolExecutor(4, mp_context=get_context("fork")) as pool:
        ids = set(pool.map(_ensure, [uri] * 4))

    assert len(ids) == 1


def test_new_database_can_be_made_by_two_processes_at_once(folder):
    with ProcessPoolExecutor(2, mp_context=get_context("fork")) as pool:
        ids = set(pool.map(_ensure, [f"sqlite:///{folder}/new/mlflow.db"] * 2))

    assert len(ids) == 1
    assert sorted(path.name for path in (folder / "new").iterdir()) == ["mlflow.db"]


def test_forked_process_uses_the_open_store_with_connections_of_its_own(store):
    run_id = store.client.create_run(store.ensure_experiment("toys")).info.run_id
    child = os.fork()
    if child == 0:
        store.client.log_metric(run_id, "x", 1.0)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0

    assert store.client.get_run(run_id).data.metrics == {"x": 1.0}


def test_running_run_whose_process_is_gone_is_lost(store):
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    tags = {"labloom.host": socket.gethostname(), "labloom.pid": str(child)}

    run = store.client.create_run(store.ensure_experiment("toys"), tags=tags)

    assert is_lost(run) is True


def test_running_run_of_a_living_process_is_not_lost(store):
    tags = {"labloom.host": socket.gethostname(), "labloom.pid": str(os.getpid())}

    run = store.client.create_run(store.ensure_experiment("toys"), tags=tags)

    assert is_lost(run) is False
