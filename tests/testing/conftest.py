"""A small healthy plugin, copies of it that a test breaks in one place, and the checks one by one.

``toy/`` is the healthy one: a network of one hidden layer on scikit-learn's irises. A test changes
a line of its own copy and makes the one check that has to notice.
"""

from __future__ import annotations

import inspect
import shutil
import textwrap
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pytest
import torch

from labloom.errors import LabloomError
from labloom.record import open_store
from labloom.testing.bench import Workbench
from labloom.testing.cases import Case
from labloom.testing.contract import Contract
from labloom.testing.not_checked import NotChecked

HEALTHY = Path(__file__).parent / "toy"
PACKAGE = "labloom_toy"
TASK = "toy_iris"


class ToyContract(Contract):
    """The suite on the plugin ``toy``, whichever copy of it is the one that is found."""

    plugin = "toy"

    def __init__(self, empty_store):
        self.empty_store = empty_store

    @cached_property
    def _bench(self):
        bench = Workbench(self.plugin, self.overrides_for)
        shutil.copy(self.empty_store, bench.folder)  # making one takes seconds
        return bench


@dataclass(frozen=True)
class Toy:
    """A copy of the plugin.

    Args:
        folder: of the copy.
        contract: the suite on it.
    """

    folder: Path
    contract: Contract

    def change(self, file, before, after):
        """Replace a text in a file of the package; change files before the first check."""
        path = self.path(file)
        text = path.read_text()
        assert text.count(before) == 1, f"{file} has {before!r} {text.count(before)} times"
        path.write_text(text.replace(before, after))

    def write(self, file, text):
        """Write a file of the package."""
        path = self.path(file)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text).lstrip())

    def path(self, file):
        """A file of the package; ``pyproject.toml`` lies above it."""
        package = self.folder / "src" / PACKAGE
        return self.folder / file if file == "pyproject.toml" else package / file

    def check(self, name, subject=TASK):
        """Make one check, named without ``test_``; for one that is made once, no subject counts."""
        check = getattr(self.contract, f"test_{name}")
        if not inspect.signature(check).parameters:
            check()
            return
        group, _, option = subject.rpartition("=")
        check(Case(group=group, option=option) if group else Case(task=subject))

    def failure(self, name, subject=TASK):
        """What a check that has to fail says, in one line."""
        with pytest.raises(LabloomError) as raised:
            self.check(name, subject)
        return " ".join(str(raised.value).split())

    def reason(self, name, subject=TASK):
        """Why a check is not made."""
        with pytest.raises(NotChecked) as raised:
            self.check(name, subject)
        return str(raised.value)


@pytest.fixture
def toy(tmp_path, empty_store, found_by_discovery):
    """A copy of the healthy plugin that discovery finds."""
    folder = tmp_path / "labloom-toy"
    shutil.copytree(HEALTHY, folder, ignore=shutil.ignore_patterns("__pycache__"))
    with found_by_discovery(folder):
        yield Toy(folder, ToyContract(empty_store))


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory):
    """The file of an MLflow store without runs."""
    folder = tmp_path_factory.mktemp("store")
    open_store(f"sqlite:///{folder}/mlflow.db")
    return folder / "mlflow.db"


@pytest.fixture(scope="session")
def healthy_check(typed, found_by_discovery):
    """``labloom check toy`` on the healthy plugin: exit status, standard output, standard error."""
    with found_by_discovery(HEALTHY):
        return typed("check", "toy")


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
