"""Outages, kills and the writer process."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from labloom.record import open_run, open_store
from labloom.record import writer as writer_module
from labloom.record.journal import Journal
from labloom.record.sending import send_rest
from labloom.record.writer import Writer

HERE = Path(__file__).parent


def steps(store, run_id, name):
    return sorted(m.step for m in store.client.get_metric_history(run_id, name))


def new_run(store):
    return store.client.create_run(store.ensure_experiment("toys")).info.run_id


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(writer_module, "OUTAGE_AT_CLOSE_SECONDS", 1.0)


@pytest.mark.parametrize("threaded", [True, False], ids=["thread", "process"])
def test_everything_is_sent_at_close(store, folder, threaded):
    run_id = new_run(store)
    journal = Journal(folder / "run", run_id)
    writer = Writer(store.client, journal, threaded=threaded)
    for step in range(2500):
        journal.append({"t": 1000 + step, "s": step, "m": {"a": step, "b": -step}})

    report = writer.close()

    assert report.complete
    assert steps(store, run_id, "a") == steps(store, run_id, "b") == list(range(2500))


def test_values_reach_the_store_while_the_run_goes_on(store, folder):
    run_id = new_run(store)
    journal = Journal(folder / "run", run_id)
    writer = Writer(store.client, journal)
    journal.append({"t": 1000, "s": 0, "m": {"a": 1.0}})
    deadline = time.monotonic() + 20

    while not store.get_run(run_id).data.metrics and time.monotonic() < deadline:
        time.sleep(0.1)

    assert store.get_run(run_id).data.metrics == {"a": 1.0}
    writer.close()


def test_no_process_is_left_after_close(store, folder):
    writer = Writer(store.client, Journal(folder / "run", new_run(store)))
    process = writer._pid
    writer.close()

    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)


def test_killed_writer_process_is_replaced_and_nothing_is_lost(store, folder):
    run_id = new_run(store)
    journal = Journal(folder / "run", run_id)
    writer = Writer(store.client, journal)
    journal.append({"t": 1000, "s": 0, "m": {"a": 1.0}})
    os.kill(writer._pid, signal.SIGKILL)
    journal.append({"t": 1001, "s": 1, "m": {"a": 2.0}})

    assert writer.close().complete
    assert steps(store, run_id, "a") == [0, 1]


def test_value_that_the_store_refuses_does_not_hold_up_the_others(store, folder):
    run_id = new_run(store)
    journal = Journal(folder / "run", run_id)
    writer = Writer(store.client, journal)
    journal.append({"t": 1000, "s": 0, "m": {"bad*name": 1.0}})
    journal.append({"t": 1000, "s": 0, "m": {"good": 1.0}})

    report = writer.close()

    assert report.complete
    assert "bad*name" in report.refused[0]
    assert store.get_run(run_id).data.metrics == {"good": 1.0}


def test_artifacts_that_cannot_be_stored_do_not_hold_up_metrics(store, folder, impatient):
    run_id = new_run(store)
    (folder / "mlruns").write_text("no folder can be made here")
    (folder / "a.txt").write_text("hello")
    journal = Journal(folder / "run", run_id)
    writer = Writer(store.client, journal)
    journal.append({"file": str(folder / "a.txt"), "to": ""})
    journal.append({"t": 1000, "s": 0, "m": {"a": 1.0}})

    report = writer.close()

    assert not report.complete
    assert store.get_run(run_id).data.metrics == {"a": 1.0}

    (folder / "mlruns").unlink()
    assert send_rest(store, folder / "run").complete
    assert [item.path for item in store.client.list_artifacts(run_id)] == ["a.txt"]
    assert steps(store, run_id, "a") == [0]


def test_outage_is_told_once_and_the_rest_is_sent_later(make_job, folder, caplog, impatient):
    job = make_job()
    run = open_run(job)
    run.log_metrics({"a": 0.0}, 0)
    assert run.flush()
    database, aside = folder / "mlflow.db", folder / "aside.db"
    shutil.copy(database, aside)
    database.write_bytes(b"")  # no tables any more: every call fails
    for step in range(1, 700):
        run.log_metrics({"a": float(step)}, step)

    run.close("FINISHED")

    assert "python -m labloom.record" in caplog.text
    shutil.copy(aside, database)
    done = subprocess.run(
        [sys.executable, "-m", "labloom.record", str(run.output_dir)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    store = open_store(job.config.tracking.uri)
    assert steps(store, run.id, "a") == list(range(700))
    assert store.get_run(run.id).info.status == "FINISHED"


def test_server_that_dies_during_a_run_does_not_stop_it(make_job, folder, caplog, impatient):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "mlflow",
            "server",
            *("--backend-store-uri", f"sqlite:///{folder}/mlflow.db"),
            *("--default-artifact-root", f"{folder}/mlruns", "--no-serve-artifacts"),
            *("--port", str(port), "--workers", "1"),
        ],
        env={**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        _wait_for(port)
        uri = f"http://127.0.0.1:{port}"
        run = open_run(make_job(config={"tracking": {"uri": uri}}))
        run.log_metrics({"a": 0.0}, 0)
        assert run.flush()
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()
    run.log_metrics({"a": 1.0}, 1)

    run.close("FINISHED")

    assert "the store has not got everything" in caplog.text
    direct = open_store(f"sqlite:///{folder}/mlflow.db")
    assert send_rest(direct, run.output_dir).complete
    assert steps(direct, run.id, "a") == [0, 1]
    assert direct.get_run(run.id).info.status == "FINISHED"


def _wait_for(port):
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.2)
        else:
            return
    raise TimeoutError("the server does not answer")


KILLED_RUN = """
    import os, signal, sys
    from pathlib import Path
    from labloom.record import open_store, open_parent
    store = open_store(sys.argv[1])
    run = open_parent(store, store.ensure_experiment("toys"), "x", Path(sys.argv[2]))
    for step in range(3000):
        run.log_metrics({"a": step, "b": -step}, step)
    print(run.id, run._writer._pid, flush=True)
    if sys.argv[3] == "both":
        os.kill(run._writer._pid, signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def killed_run(uri, folder, who):
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(KILLED_RUN), uri, str(folder / "run"), who],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    run_id, process = done.stdout.split()
    return run_id, int(process)


def test_writer_sends_the_rest_when_the_run_is_killed_and_says_so(uri, store, folder):
    run_id, process = killed_run(uri, folder, "run")
    deadline = time.monotonic() + 60
    while Path(f"/proc/{process}").exists() and time.monotonic() < deadline:
        time.sleep(0.1)

    run = store.get_run(run_id)
    assert steps(store, run_id, "a") == list(range(3000))
    assert run.info.status == "FAILED"
    assert "without closing the run" in run.data.tags["labloom.error"]
    assert not Path(f"/proc/{process}").exists()


def test_killed_run_is_completed_when_it_is_opened_again(uri, store, make_job, folder):
    run_id, _ = killed_run(uri, folder, "both")
    assert len(steps(store, run_id, "a")) < 3000

    with open_run(make_job(resume=run_id)) as run:
        for step in range(2900, 3100):  # training repeats what came after its checkpoint
            run.log_metrics({"a": step, "b": -step}, step)

    assert steps(store, run_id, "a") == list(range(3100))
    assert steps(store, run_id, "b") == list(range(3100))
    assert store.get_run(run_id).info.status == "FINISHED"
