"""MLflow tells its makers nothing, unless the user wants it to."""

from __future__ import annotations

import sys

import pytest

# Python imports it before anything else. No name is looked up; who asks for one is written down.
SITE = """
import os, socket

def getaddrinfo(host, *_, **__):
    with open(os.environ["ASKED"], "a") as file:
        file.write(f"{host}\\n")
    raise socket.gaierror("no network here")

socket.getaddrinfo = getaddrinfo
"""
# MLflow is silent under some of these by itself; the last one would hide what labloom sets.
UNSET = (
    "PYTEST_CURRENT_TEST",
    "CI",
    "GITHUB_ACTIONS",
    "DO_NOT_TRACK",
    "HTTPS_PROXY",
    "https_proxy",
    "MLFLOW_DISABLE_TELEMETRY",
)
MAKERS = "config.mlflow-telemetry.io"


@pytest.fixture
def hosts(lab, toys, tmp_path):
    """Train in a process of its own; returns the hosts that it asked for."""
    (tmp_path / "sitecustomize.py").write_text(SITE)
    asked = tmp_path / "asked.txt"
    asked.touch()
    unset = [word for name in UNSET for word in ("-u", name)]

    def of(*settings):
        command = ("env", *unset, *settings, sys.executable, "-m", "labloom")
        own = [word.replace("log_model=false", "log_model=true") for word in toys]
        words = (*own, "module._target_=toys.Regression", "debug=fast")
        places = {"PYTHONPATH": str(tmp_path), "ASKED": str(asked)}
        done = lab.process("run", *words, command=command, **places)
        assert done.status == 0, done.err
        return set(asked.read_text().split())

    return of


def test_mlflow_tells_its_makers_nothing(hosts):
    assert MAKERS not in hosts()


def test_what_the_user_has_set_wins(hosts):
    assert MAKERS in hosts("MLFLOW_DISABLE_TELEMETRY=false")
