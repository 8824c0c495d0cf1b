"""``labloom ui`` through the real command line, over a small real store."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from types import SimpleNamespace

import psutil
import pytest

from labloom.cli import main
from labloom.errors import ConfigError, StoreError
from labloom.record import open_store, save_sweep_view, server

SWEEP = "sweep 2026-01-01_00-00-00"


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    """A store without a run; to make one takes seconds."""
    folder = tmp_path_factory.mktemp("empty")
    open_store(f"sqlite:///{folder}/mlflow.db")
    return folder / "mlflow.db"


@pytest.fixture(scope="module")
def folder(tmp_path_factory, database):
    """A working directory whose store has one sweep with one trial, and a later single run."""
    folder = tmp_path_factory.mktemp("looked_at")
    shutil.copy(database, folder)
    store = open_store(f"sqlite:///{folder}/mlflow.db")
    experiment = store.ensure_experiment("toys")
    create = store.client.create_run
    sweep = create(experiment, tags={"labloom.kind": "sweep"}, run_name=SWEEP).info.run_id
    trial = {"mlflow.parentRunId": sweep, "labloom.trial.purpose": "search"}
    create(experiment, tags=trial, run_name="t000")
    create(experiment, tags={"labloom.kind": "run"}, run_name="single")
    save_sweep_view(store, experiment, sweep, name=SWEEP, swept=["optimizer.lr"])
    return folder


def started(folder, *words, **env):
    """``labloom ui WORDS`` as a running process."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("LABLOOM_", "MLFLOW_"))}
    for name in ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY", "SSH_CONNECTION"):
        kept.pop(name, None)
    return subprocess.Popen(
        [sys.executable, "-m", "labloom", "ui", *map(str, words)],
        cwd=folder,
        env={**kept, **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def asked(folder, *words, **env):
    """``labloom ui WORDS`` that ends by itself."""
    process = started(folder, *words, **env)
    output, error = process.communicate(timeout=60)
    return SimpleNamespace(status=process.returncode, output=output, error=error)


def lines_until(process, start):
    """What it printed until a line that begins with ``start``."""
    lines = []
    for line in process.stdout:
        lines.append(line)
        if line.startswith(start):
            return lines
    raise AssertionError(f"ended too early: {lines} {process.stderr.read()}")


def processes_below(process):
    """Everything that it has started."""
    return psutil.Process(process.pid).children(recursive=True)


def read(address, body=None):
    request = urllib.request.Request(
        address,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        return answer.read().decode()


@pytest.fixture(scope="module")
def visit(folder):
    """All that was seen from the start of ``labloom ui`` to Ctrl-C; the server starts once."""
    process = started(folder, "--no-browser")
    try:
        seen = SimpleNamespace(lines=lines_until(process, "Ctrl-C"))
        seen.below = processes_below(process)
        pages = [
            line.split()[1] for line in seen.lines if "http://" in line and "starting" not in line
        ]
        seen.address, seen.page = pages
        seen.health = read(f"{seen.address}/health")
        experiment = "/api/2.0/mlflow/experiments/get-by-name?experiment_name=toys"
        seen.experiment = json.loads(read(seen.address + experiment))["experiment"]
        port = int(seen.address.rpartition(":")[2])
        seen.listening = {
            connection.laddr.ip
            for connection in psutil.net_connections("tcp")
            if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port
        }
        seen.same_port = asked(folder, "--no-browser", "--port", port)
        note = folder / "opened.txt"
        browser = f'{sys.executable} -c \'import sys; open("{note}", "w").write(sys.argv[1])\' %s'
        seen.remote = asked(folder, "--uri", seen.address, BROWSER=browser)
        seen.opened = note.read_text()
        process.send_signal(signal.SIGINT)
        process.wait(20)
        seen.status, seen.error = process.returncode, process.stderr.read()
    finally:
        process.kill()
    return seen


def test_ui_opens_the_last_sweep_as_a_leaderboard_in_the_model_training_layout(visit):
    assert f"{SWEEP}\n" in visit.lines
    assert visit.page.startswith(f"{visit.address}/#/experiments/")
    assert "workflowType=machine_learning&viewStateShareKey=labloom-" in visit.page


def test_the_server_answers_over_the_store_of_this_folder(visit, folder):
    assert visit.health == "OK"
    assert visit.experiment["artifact_location"] == str(folder / "mlruns" / "toys")


def test_the_server_can_be_reached_from_this_machine_only(visit):
    assert visit.listening == {"127.0.0.1"}


def test_few_processes_are_started(visit):
    assert len(visit.below) <= 2


def test_ctrl_c_ends_it_with_0_and_leaves_no_process(visit):
    assert (visit.status, visit.error) == (0, "")
    assert not any(process.is_running() for process in visit.below)


def test_a_port_that_is_taken_is_refused_with_the_name_of_who_has_it(visit):
    assert visit.same_port.status == 2
    assert visit.same_port.error.startswith("error: port 5")
    assert "listens there" in visit.same_port.error
    assert "another --port N" in visit.same_port.error


def test_a_store_that_is_a_server_is_opened_where_it_is(visit):
    assert visit.remote.status == 0
    assert "starting" not in visit.remote.output
    assert visit.page in visit.remote.output


def test_the_browser_is_sent_to_the_leaderboard(visit):
    assert visit.opened == visit.page


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_the_server_goes_with_labloom(folder, number):
    if number == signal.SIGKILL and sys.platform != "linux":
        pytest.skip("only Linux tells a process that its parent was killed")
    process = started(folder, "single", "--no-browser")
    lines_until(process, "starting")
    below = wait_for(lambda: processes_below(process))
    process.send_signal(number)
    process.wait(20)
    assert process.returncode == (143 if number == signal.SIGTERM else -signal.SIGKILL)
    assert wait_for(lambda: not any(alive(child) for child in below))


def wait_for(condition, seconds=10):
    """The first true value of ``condition``, or its last one."""
    deadline = time.monotonic() + seconds
    while not (value := condition()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return value


def alive(process):
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


def test_a_folder_without_a_store_says_what_to_run_and_makes_none(light_labloom, tmp_path):
    done = light_labloom("ui", "--no-browser")
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: nothing is recorded in {tmp_path} yet")
    assert "labloom run task=TASK" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_store_of_databricks_is_refused(light_labloom):
    done = light_labloom("ui", "--uri", "databricks")
    assert done.returncode == 2
    assert "a Databricks store has its pages in your workspace" in done.stderr


def test_a_port_beyond_the_range_is_refused(light_labloom):
    done = light_labloom("ui", "--port", "70000")
    assert done.returncode == 2
    assert "1<=x<=65535" in done.stderr


def status_here(*words):
    """Exit status of ``labloom ui WORDS`` in this process, which has MLflow already."""
    with pytest.raises(SystemExit) as ended:
        main(["ui", "--no-browser", *words])
    return ended.value.code


def test_an_unknown_sweep_brings_the_nearest(folder, capsys):
    uri = f"sqlite:///{folder}/mlflow.db"
    assert status_here("sweep 2026-01-01_00-00-01", "--uri", uri) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: there is no run 'sweep 2026-01-01_00-00-01'")
    assert f"did you mean {SWEEP}?" in error


def test_a_store_without_runs_says_what_to_run(database, capsys):
    assert status_here("--uri", f"sqlite:///{database}") == 1
    error = capsys.readouterr().err
    assert error.startswith("error: there is no run in this store yet")
    assert "labloom run task=TASK" in error


def test_a_server_that_does_not_start_shows_its_last_words(tmp_path):
    uri = "nonsense://nowhere"
    with (
        server.running_server(uri, server.choose_port(None), tmp_path) as running,
        pytest.raises(StoreError, match="MLflow's server did not start") as caught,
    ):
        running.wait_until_ready()
    assert "nonsense" in str(caught.value)
    assert "Traceback" not in str(caught.value)


def test_a_server_that_does_not_answer_is_not_waited_for_for_ever(tmp_path):
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    with (
        server.running_server(uri, server.choose_port(None), tmp_path) as running,
        pytest.raises(StoreError, match="gave no answer for 0 s"),
    ):
        running.wait_until_ready(seconds=0)


def test_a_server_that_ends_by_itself_is_an_error(tmp_path):
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    with server.running_server(uri, server.choose_port(None), tmp_path) as running:
        running.process.kill()
        with pytest.raises(StoreError, match="has ended by itself"):
            running.wait()


def test_without_a_wish_the_first_free_port_is_taken():
    port = server.choose_port(None)
    with socket.create_server((server.HOST, port)):
        assert server.choose_port(None) > port


def test_no_free_port_is_told(monkeypatch):
    with socket.create_server((server.HOST, 0)) as other:
        monkeypatch.setattr(server, "FIRST_PORT", other.getsockname()[1])
        monkeypatch.setattr(server, "PORTS_TO_TRY", 1)
        with pytest.raises(ConfigError, match="are all taken"):
            server.choose_port(None)
