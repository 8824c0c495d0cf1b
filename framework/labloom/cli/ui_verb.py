"""``labloom ui [SWEEP_OR_RUN]``: MLflow's pages, opened on the last sweep as a leaderboard."""

from __future__ import annotations

import os
import socket
import sys
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from labloom.cli.output import print_facts, say
from labloom.errors import ConfigError, ExitStatus, Stopped, StoreError

if TYPE_CHECKING:
    from mlflow.entities import Run

    from labloom.record import Store
    from labloom.record.server import Server

EXAMPLES = """\b
Examples
  labloom ui
  labloom ui 3f2a91
  labloom ui --port 8080 --no-browser
  labloom ui --uri sqlite:////data/group/mlflow.db
"""


@click.command("ui", epilog=EXAMPLES)
@click.argument("sweep_or_run", required=False)
@click.option("--uri", help="MLflow store; default: MLFLOW_TRACKING_URI, else ./mlflow.db.")
@click.option(
    "--port", type=click.IntRange(1, 65535), help="Default: the first free one from 5000 on."
)
@click.option("--no-browser", is_flag=True, help="Print the addresses, open nothing.")
def command(sweep_or_run: str | None, uri: str | None, port: int | None, no_browser: bool) -> int:
    """Open the MLflow UI on the last sweep, as a leaderboard; Ctrl-C ends it.

    Starts MLflow's server on this machine only (127.0.0.1). A store that is a server itself is
    opened where it is. SWEEP_OR_RUN is a run id, its first characters, a name, or 'last' for the
    run that was started last.
    """
    from labloom.record import open_existing_store, resolve_uri

    if resolve_uri(uri)[0].startswith("databricks"):
        raise ConfigError("a Databricks store has its pages in your workspace")
    store = open_existing_store(uri)
    run = _wanted(store, sweep_or_run)
    if urlsplit(store.uri).scheme in ("http", "https"):
        _announce(_without_password(store.uri), store, run, no_browser)
        return ExitStatus.DONE
    return _serve(store, run, port, no_browser)


def _serve(store: Store, run: Run, port: int | None, no_browser: bool) -> int:
    from labloom.record.server import choose_port, running_server

    with running_server(store.uri, choose_port(port), store.artifact_root) as server:
        _wait_until_ready(server)
        _announce(server.address, store, run, no_browser)
        say("Ctrl-C ends it")
        try:
            server.wait()
        except Stopped as stopped:
            if stopped.exit_status != ExitStatus.INTERRUPTED:
                raise
    return ExitStatus.DONE  # Ctrl-C is how it is meant to end


def page_of(store: Store, run: Run) -> tuple[str, str]:
    """What MLflow shows of ``run``: ``leaderboard`` or ``run``, and the address without server."""
    from labloom.record import sweep_view

    experiment, run_id = run.info.experiment_id, run.info.run_id
    if run.data.tags.get("labloom.kind") == "sweep":
        return "leaderboard", sweep_view(store, experiment, run_id)
    return "run", f"/#/experiments/{experiment}/runs/{run_id}?workflowType=machine_learning"


def _wanted(store: Store, reference: str | None) -> Run:
    if reference is not None:
        return store.find_run(reference)
    try:
        return store.find_run("last", kind="sweep")
    except StoreError:  # no sweep; if it is something else, it comes up again here
        return store.find_run("last")


def _wait_until_ready(server: Server) -> None:
    text = f"starting MLflow's server at {server.address} (10 to 30 s) ..."
    if not sys.stdout.isatty():
        say(text)
        server.wait_until_ready()
        return
    from rich.console import Console

    with Console().status(text):
        server.wait_until_ready()


def _announce(address: str, store: Store, run: Run, no_browser: bool) -> None:
    label, page = page_of(store, run)
    say(run.info.run_name)
    print_facts({"MLflow": address, label: address + page})
    if no_browser:
        return
    if _has_browser():
        import webbrowser

        webbrowser.open(address + page)
    elif "SSH_CONNECTION" in os.environ:
        port = urlsplit(address).port
        say(f"from your desk: ssh -L {port}:127.0.0.1:{port} {socket.gethostname()}")


def _has_browser() -> bool:
    """Whether a window can open; a browser that fills the terminal is not meant."""
    import webbrowser

    windows = "BROWSER", "DISPLAY", "WAYLAND_DISPLAY"
    if sys.platform == "linux" and not any(os.environ.get(name) for name in windows):
        return False
    try:
        webbrowser.get()
    except webbrowser.Error:
        return False
    return True


def _without_password(uri: str) -> str:
    parts = urlsplit(uri)
    host = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=host).geturl().rstrip("/")
