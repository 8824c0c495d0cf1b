"""Shared by all tests of the core: running the real command line, and folders of test plugins."""

from __future__ import annotations

import contextlib
import io
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from labloom.cli import main
from labloom.compose import plugin_nodes
from labloom.plugins import discover

# Several tests run side by side, and tiny networks are slower on two threads than on one.
os.environ.setdefault("OMP_NUM_THREADS", "1")
HEAVY = ("torch", "torchvision", "pytorch_lightning", "mlflow", "torchmetrics", "numpy")


@pytest.fixture
def labloom(tmp_path):
    """Run ``labloom WORDS`` in a fresh interpreter and an empty folder."""

    def run(*words, cwd=tmp_path, timeout=300, **env):
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("LABLOOM_", "MLFLOW_"))}
        return subprocess.run(
            [sys.executable, "-m", "labloom", *map(str, words)],
            cwd=cwd,
            env={**kept, "COLUMNS": "80", **env},
            capture_output=True,
            text=True,
            timeout=timeout,
        )

    return run


@pytest.fixture
def light_labloom(tmp_path):
    """Run ``labloom WORDS`` and fail if anything heavy was imported on the way."""

    def run(*words, cwd=tmp_path, **env):
        program = textwrap.dedent(
            f"""
            import sys
            from labloom.cli.app import _status_of
            status = _status_of(sys.argv[1:])
            heavy = sorted(set({HEAVY!r}) & set(sys.modules))
            assert not heavy, f"imported {{heavy}}"
            sys.exit(status)
            """
        )
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("LABLOOM_", "MLFLOW_"))}
        return subprocess.run(
            [sys.executable, "-c", program, *map(str, words)],
            cwd=cwd,
            env={**kept, "COLUMNS": "80", **env},
            capture_output=True,
            text=True,
            timeout=60,
        )

    return run


@pytest.fixture(scope="session")
def typed():
    """Run ``labloom WORDS`` in this process: exit status, standard output, standard error.

    A process of its own takes seconds to import torch, Lightning and MLflow; so one is started only
    where it is the point.
    """

    def run(*words):
        out, err = io.StringIO(), io.StringIO()
        with (
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
            pytest.raises(SystemExit) as ended,
        ):
            main(list(map(str, words)))
        return int(ended.value.code or 0), out.getvalue(), err.getvalue()

    return run


@pytest.fixture(scope="session")
def found_by_discovery():
    """Let discovery find the plugins in some folders while a ``with`` lasts."""
    return _found_by_discovery


@contextlib.contextmanager
def _found_by_discovery(*plugins, code=()):
    """Forget what was imported from ``plugins``, and from the folders in ``code``, afterwards."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [n for n in os.environ if n.startswith(("LABLOOM_", "MLFLOW_"))]:
            patch.delenv(name)
        patch.setenv("LABLOOM_PLUGINS", os.pathsep.join(map(str, plugins)))
        patch.setenv("PYTHONPATH", os.environ.get("PYTHONPATH", ""))
        patch.setattr(sys, "path", list(sys.path))
        patch.setattr(sys, "dont_write_bytecode", True)
        # By name too: a test may rename the folder that a package was imported from.
        packages = {entry.name for folder in plugins for entry in Path(folder).glob("src/*")}
        _forget(*plugins, *code)
        try:
            yield
        finally:
            _forget(*plugins, *code, packages=packages)


def _forget(*folders, packages=()):
    discover.cache_clear()
    for cached in (plugin_nodes.base_config, plugin_nodes._groups_chosen):
        cached.cache_clear()  # of the option files, which never change in a process
    roots = tuple(f"{folder}{os.sep}" for folder in folders)
    for name, module in list(sys.modules.items()):
        named = name.partition(".")[0] in packages
        if named or str(getattr(module, "__file__", None)).startswith(roots):
            del sys.modules[name]


MINIMAL_TASK = "# @package _global_\n"


@pytest.fixture
def plugin_folder(tmp_path, monkeypatch):
    """Write plugins into a folder that LABLOOM_PLUGINS names; returns the function that does it.

    Every task of the plugin gets an option file, unless ``files`` has it; None leaves a file out.
    """
    root = tmp_path / "some_plugins"
    monkeypatch.setenv("LABLOOM_PLUGINS", str(root))
    monkeypatch.setenv("PYTHONPATH", os.environ.get("PYTHONPATH", ""))  # restored afterwards
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    _forget()

    def write(plugin_id, plugin, *, name=None, files=None):
        name = name or f"labloom-{plugin_id}"
        package = name.replace("-", "_")
        folder = root / name
        contents = {
            "pyproject.toml": f"""
                [project]
                name = "{name}"
                version = "1.2"
                [project.entry-points."labloom.plugins"]
                {plugin_id} = "{package}.plugin"
                """,
            f"src/{package}/__init__.py": "",
            f"src/{package}/conf/__init__.py": "",
            f"src/{package}/plugin.py": plugin,
            **{
                f"src/{package}/conf/task/{task}.yaml": MINIMAL_TASK
                for task in re.findall(r'Task\(\s*name="(\w+)"', plugin)
                if task.startswith(f"{plugin_id}_")
            },
            **{f"src/{package}/{path}": text for path, text in (files or {}).items()},
        }
        for path, text in contents.items():
            if text is None:  # a file that is to be missing
                continue
            file = folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(textwrap.dedent(text))
        return folder

    yield write
    _forget()
    for module in set(sys.modules) - before:
        if module.startswith("labloom_"):
            del sys.modules[module]


GOOD_PLUGIN = """
from labloom import Task, hookimpl

@hookimpl
def register_tasks():
    return [Task(name="{id}_task", summary="a task", monitor="val/loss", mode="min")]
"""


@pytest.fixture
def good_plugin():
    """Source of a healthy plugin module; format it with the plugin's id."""
    return GOOD_PLUGIN


@pytest.fixture(scope="session")
def checkout():
    """The repository's root."""
    return Path(__file__).parents[1]
