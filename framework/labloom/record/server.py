"""MLflow's own server on this machine, for as long as somebody looks at its pages.

It listens on the loopback interface only, but everybody who is logged in on this machine can reach
that: MLflow asks for no password. It runs as a process group of its own, so that Ctrl-C reaches
labloom alone, which then stops the whole group.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from labloom.errors import ConfigError, StoreError

HOST = "127.0.0.1"
FIRST_PORT = 5000  # MLflow's own default
PORTS_TO_TRY = 50
START_SECONDS = 180.0  # 17 s on two cores; a cold disk takes a minute
STOP_SECONDS = 5.0
POLL_SECONDS = 0.2
LAST_LINES = 4
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)

# One worker answers one person. Job execution is about ten processes for features that training
# runs do not use. The address goes by the environment, because `ps` shows arguments to everybody.
SETTINGS = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
ARGUMENTS = ("--workers", "1", "--uvicorn-opts", "--log-level warning")
# Options of other servers of the user's, which `mlflow server` would read from the environment.
NOT_FOR_US = ("MLFLOW_STATIC_PREFIX", "MLFLOW_GUNICORN_OPTS", "MLFLOW_ARTIFACTS_ONLY")

PR_SET_PDEATHSIG = 1  # of prctl(2)


@dataclass(frozen=True)
class Server:
    """A server that was started.

    Args:
        address: ``http://127.0.0.1:PORT``.
        process: ``mlflow server``, the leader of its process group.
        log: file with what it prints.
    """

    address: str
    process: subprocess.Popen[bytes]
    log: Path

    def wait_until_ready(self, seconds: float = START_SECONDS) -> None:
        """Wait until it answers.

        Raises:
            StoreError: it ended, or gave no answer for ``seconds``.
        """
        deadline = time.monotonic() + seconds
        while not _answers(self.address):
            if self.process.poll() is not None:
                raise StoreError(
                    "MLflow's server did not start",
                    got=self._last_lines(),
                    fix="once more with --port N, if that is about an address in use",
                )
            if time.monotonic() > deadline:
                raise StoreError(
                    f"MLflow's server gave no answer for {seconds:.0f} s",
                    got=self._last_lines(),
                    fix="try again when the machine has less to do",
                )
            time.sleep(POLL_SECONDS)

    def wait(self) -> None:
        """Wait until it ends.

        Raises:
            StoreError: always, for it is meant to run until this process is asked to stop.
        """
        self.process.wait()
        raise StoreError("MLflow's server has ended by itself", got=self._last_lines())

    def _last_lines(self) -> str:
        """The end of what it printed, of a traceback only the last line."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        told = [line for line in lines if line.strip() and not line.startswith((" ", "Traceback"))]
        return ("\n" + " " * 12).join(told[-LAST_LINES:]) or "(it printed nothing)"


@contextlib.contextmanager
def running_server(store_uri: str, port: int, artifact_root: Path | None) -> Iterator[Server]:
    """Run MLflow's server on ``port`` over a store; it is gone when the context is left.

    Args:
        store_uri: absolute address of a database.
        port: a free one, see ``choose_port``.
        artifact_root: where experiments that are made in the UI keep artifacts; None: MLflow's.
    """
    words = [sys.executable, "-m", "mlflow", "server", "--host", HOST, "--port", str(port)]
    if artifact_root is not None:
        words += ["--default-artifact-root", str(artifact_root)]
    kept = {key: value for key, value in os.environ.items() if key not in NOT_FOR_US}
    with tempfile.TemporaryDirectory(prefix="labloom-ui-") as folder:
        log = Path(folder) / "server.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [*words, *ARGUMENTS],
                env={**kept, **SETTINGS, "MLFLOW_BACKEND_STORE_URI": store_uri},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_end_with_parent if sys.platform == "linux" else None,
            )
        try:
            yield Server(f"http://{HOST}:{port}", process, log)
        finally:
            _stop(process)


def choose_port(wanted: int | None) -> int:
    """``wanted`` if it is free; for None the first free port from 5000 on.

    Raises:
        ConfigError: ``wanted`` is taken or not allowed, or 50 ports in a row are taken.
    """
    if wanted is None:
        for port in range(FIRST_PORT, FIRST_PORT + PORTS_TO_TRY):
            if _why_not(port) is None:
                return port
        raise ConfigError(
            f"the ports {FIRST_PORT} to {FIRST_PORT + PORTS_TO_TRY - 1} are all taken",
            fix="labloom ui --port N",
        )
    reason = _why_not(wanted)
    if reason is not None:
        raise ConfigError(
            f"port {wanted} cannot be used",
            got=_owner_of(wanted) or reason,
            fix="another --port N, or none: the first free one is taken",
        )
    return wanted


def _why_not(port: int) -> str | None:
    """Why nothing can listen on ``port`` now; None: something can."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As the server does it: a port whose last connections still time out is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            return error.strerror or str(error)
    return None


def _owner_of(port: int) -> str | None:
    """The program that listens on ``port``; None where the system does not tell."""
    import psutil

    try:
        for connection in psutil.net_connections("tcp"):
            here = connection.laddr and connection.laddr.port == port
            if here and connection.status == psutil.CONN_LISTEN and connection.pid:
                name = psutil.Process(connection.pid).name()
                return f"{name} (process {connection.pid}) listens there"
    except psutil.Error:
        pass  # macOS tells only root
    return None


def _answers(address: str) -> bool:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(f"{address}/health", timeout=2.0) as answer:
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False


def _end_with_parent() -> None:
    """Have Linux stop the server if labloom is killed in a way that it cannot notice."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Stop the server and all that it started; a second Ctrl-C does not come between."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in STOP_SIGNALS}
    try:
        process.terminate()  # MLflow hands it on and waits
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOP_SECONDS)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
