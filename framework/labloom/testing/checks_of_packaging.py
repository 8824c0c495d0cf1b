"""Does the wheel carry everything?"""

from __future__ import annotations

import importlib.util
import json
import shutil
import sys
import tempfile
import tomllib
import zipfile
from importlib import metadata
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from labloom.errors import ContractError, listing
from labloom.plugins import Plugin
from labloom.testing.not_checked import NotChecked
from labloom.testing.processes import finished

IGNORED = shutil.ignore_patterns(
    "__pycache__", "*.egg-info", "build", "dist", ".git", ".venv", "mlruns", "mlflow.db", "outputs"
)
# What pip does with a project, but without installing its build requirements (PEP 517).
BUILD = """
import importlib, json, sys
backend, path, target = json.loads(sys.argv[1])
sys.path[:0] = path
module, _, inner = backend.partition(":")
hooks = importlib.import_module(module)
for name in filter(None, inner.split(".")):
    hooks = getattr(hooks, name)
print(hooks.build_wheel(target))
"""


def wheel_carries_the_option_files(plugin: Plugin) -> None:
    """Every option file, and ``conf/__init__.py``, is in the wheel, or in what was installed.

    Raises:
        ContractError: files are missing, or the wheel cannot be built.
        NotChecked: the project's build backend is not installed.
    """
    folder = plugin.candidate.folder or _editable_folder(plugin.distribution)
    names = _built(folder) if folder else _installed(plugin.distribution)
    conf = plugin.config_folder
    wanted = [
        file for file in conf.rglob("*") if file.suffix == ".yaml" or file.name == "__init__.py"
    ]
    paths = {f"{plugin.package}/conf/{file.relative_to(conf).as_posix()}" for file in wanted}
    missing = sorted(paths - names)
    if missing:
        raise ContractError(
            f"the wheel lacks {listing(missing, limit=4)}",
            expected="every option file",
            fix=f'[tool.setuptools.package-data] {plugin.package} = ["conf/**/*.yaml"] in '
            "pyproject.toml, and an __init__.py in conf/",
        )


def _built(folder: Path) -> set[str]:
    """Names in the wheel that is built from a copy of ``folder``."""
    project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))
    system = project.get("build-system", {})
    backend = system.get("build-backend", "setuptools.build_meta:__legacy__")
    path = system.get("backend-path", [])
    if not path and importlib.util.find_spec(backend.partition(".")[0].partition(":")[0]) is None:
        raise NotChecked(f"the build backend is not installed: pip install {system['requires'][0]}")
    with tempfile.TemporaryDirectory() as scratch:
        copy, target = Path(scratch) / "project", Path(scratch) / "wheel"
        shutil.copytree(folder, copy, ignore=IGNORED, symlinks=True)
        target.mkdir()
        order = json.dumps([backend, path, str(target)])
        done = finished([sys.executable, "-c", BUILD, order], "building the wheel", cwd=copy)
        if done.returncode != 0:
            raise ContractError(
                f"the wheel of {folder} cannot be built",
                got=done.stderr.strip().rpartition("\n")[2],
                fix=f"python -m build --wheel {folder}   (shows the whole error)",
            )
        with zipfile.ZipFile(next(target.glob("*.whl"))) as wheel:
            return set(wheel.namelist())


def _installed(distribution: str) -> set[str]:
    return {file.as_posix() for file in metadata.files(distribution) or ()}


def _editable_folder(distribution: str) -> Path | None:
    """The folder of an editable installation (PEP 610)."""
    text = metadata.distribution(distribution).read_text("direct_url.json")
    origin = json.loads(text) if text else {}
    if not origin.get("dir_info", {}).get("editable"):
        return None
    return Path(url2pathname(urlsplit(origin["url"]).path))  # a space stands there as %20
