"""Plugins written by ``labloom new``, and the command line as it is typed in a shell."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from labloom.plugins import discover
from labloom.scaffold import choose_names, write_plugin


@pytest.fixture
def written(tmp_path):
    """Write a plugin into a folder ``plugins`` of the test's own; returns its folder."""

    def write(plugin="speech", task="detect"):
        parent = tmp_path / "plugins"
        parent.mkdir(exist_ok=True)
        return write_plugin(choose_names(plugin, task, discover()), parent)

    return write


@pytest.fixture(scope="session")
def shell():
    """Run lines of a shell in a folder; they all have to end well. Returns what they print."""

    def run(lines, cwd):
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("LABLOOM_", "MLFLOW_"))}
        bin_folder = Path(sys.executable).parent
        path = f"{bin_folder}{os.pathsep}{kept['PATH']}"
        done = subprocess.run(
            ["bash", "-ec", "\n".join(lines)],
            cwd=cwd,
            env={**kept, "PATH": path, "OMP_NUM_THREADS": "1", "COLUMNS": "80"},
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
        return done.stdout

    return run
