"""``TaskContract`` in pytest itself, as the author of a plugin runs it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest

from labloom.errors import ConfigError
from labloom.testing import TaskContract

HEALTHY = Path(__file__).parent / "toy"
SEED = "test_another_seed_gives_another_loss"
TESTS = """
    from labloom.testing import TaskContract


    class TestToy(TaskContract):
        plugin = "toy"


    class TestWithOverrides(TaskContract):
        plugin = "toy"

        def overrides_for(self, option):
            return ["data.batch_size=8"] if option == "toy_own" else []


    class TestExpected(TaskContract):
        plugin = "toy"
        expected_failures = {"test_another_seed_gives_another_loss": "the seed is part of the game"}


    class TestOutOfDate(TaskContract):
        plugin = "toy"
        expected_failures = {"test_names_begin_with_the_id": "they did not, once"}


    class TestBroken(TaskContract):
        plugin = "bad"
"""
QUICK = "loads or names_begin or imports_nothing or composes or another_seed"


@dataclass(frozen=True)
class Session:
    """What a session of pytest said.

    Args:
        status: exit status.
        out: standard output.
        outcomes: name of each test -> PASSED, FAILED, SKIPPED or XFAIL, with the reason.
    """

    status: int
    out: str
    outcomes: dict[str, str]


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    """A session on a plugin that sets its own seed, and on one that does not load."""
    folder = tmp_path_factory.mktemp("author")
    toy, bad = folder / "labloom-toy", folder / "labloom-bad"
    for copy in (toy, bad):
        shutil.copytree(HEALTHY, copy, ignore=shutil.ignore_patterns("__pycache__"))
    nets = toy / "src" / "labloom_toy" / "nets.py"
    seeded = "super().__init__()\n        import torch\n\n        torch.manual_seed(0)"
    nets.write_text(nets.read_text().replace("super().__init__()", seeded))
    own = toy / "src" / "labloom_toy" / "conf" / "data" / "toy_own.yaml"
    own.write_text("_target_: labloom_toy.data.IrisData\nbatch_size: ???\n")
    project = bad / "pyproject.toml"
    project.write_text(project.read_text().replace("toy", "bad"))
    (bad / "src" / "labloom_toy").rename(bad / "src" / "labloom_bad")
    (bad / "src" / "labloom_bad" / "plugin.py").write_text("raise RuntimeError('not today')\n")
    (folder / "test_plugins.py").write_text(textwrap.dedent(TESTS))
    return run_pytest(folder, "-k", QUICK)


def run_pytest(folder, *words):
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("LABLOOM_", "MLFLOW_"))}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-v", "-rA", "-p", "no:cacheprovider", *words],
        cwd=folder,
        env={**kept, "LABLOOM_PLUGINS": str(folder), "OMP_NUM_THREADS": "1", "COLUMNS": "400"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    lines = re.findall(r"^\S+\.py::(\S+) ([A-Z]+.*?) +\[ *\d+%\]$", done.stdout, re.MULTILINE)
    return Session(done.returncode, done.stdout, dict(lines))


def test_each_check_is_a_test_with_the_task_or_option_in_its_name(session):
    names = [name for name in session.outcomes if name.startswith("TestToy::")]
    assert names == [
        "TestToy::test_the_plugin_loads",
        "TestToy::test_the_hook_module_imports_nothing_heavy",
        "TestToy::test_names_begin_with_the_id",
        "TestToy::test_it_composes[toy_iris]",
        "TestToy::test_it_composes[model=toy_narrow]",
        "TestToy::test_it_composes[data=toy_big]",
        "TestToy::test_it_composes[data=toy_own]",
        "TestToy::test_another_seed_gives_another_loss[toy_iris]",
    ]


def test_a_failure_says_what_to_change(session):
    name = f"TestToy::{SEED}[toy_iris]"
    assert session.outcomes[name] == "FAILED"
    assert session.status == 1
    assert "runs with seed=0 and seed=1 have the same losses" in session.out
    assert "look for a seed that is set inside the plugin" in session.out
    assert "checks_of_training.py" not in session.out  # no traceback through our own code


def test_what_cannot_be_checked_is_skipped_with_the_reason(session):
    assert session.outcomes["TestToy::test_it_composes[data=toy_own]"] == (
        "SKIPPED (it needs data.batch_size=...)"
    )


def test_overrides_for_an_option_are_used(session):
    assert session.outcomes["TestWithOverrides::test_it_composes[data=toy_own]"] == "PASSED"


def test_an_expected_failure_is_shown_with_its_reason(session):
    outcome = session.outcomes[f"TestExpected::{SEED}[toy_iris]"]
    assert outcome == "XFAIL (the seed is part of the game)"


def test_an_expected_failure_that_passes_is_a_failure(session):
    assert session.outcomes["TestOutOfDate::test_names_begin_with_the_id"] == "FAILED"
    assert "[XPASS(strict)] they did not, once" in session.out


def test_a_plugin_that_does_not_load_fails_once_and_says_why(session):
    of_broken = {
        name.partition("::")[2]: outcome
        for name, outcome in session.outcomes.items()
        if name.startswith("TestBroken::")
    }
    assert of_broken.pop("test_the_plugin_loads") == "FAILED"
    assert {outcome.partition(" ")[0] for outcome in of_broken.values()} == {"SKIPPED"}
    assert "fails at 'import'" in session.out
    assert "got:      RuntimeError: not today" in session.out


def test_a_name_that_is_no_check_is_refused_with_the_nearest():
    with pytest.raises(ConfigError) as raised:

        class TestToy(TaskContract):
            plugin = "toy"
            expected_failures: ClassVar = {"test_another_seed_gives_other_loss": "on purpose"}

    error = raised.value
    assert error.problem == (
        "TestToy.expected_failures names 'test_another_seed_gives_other_loss', which is no check"
    )
    assert "test_a_checkpoint_predicts_the_same" in error.expected
    assert error.fix == "did you mean 'test_another_seed_gives_another_loss'?"


def test_a_check_of_the_authors_own_may_be_expected_to_fail():
    class TestToy(TaskContract):
        plugin = "toy"
        expected_failures: ClassVar = {"test_labels_are_sorted": "not yet"}

        def test_labels_are_sorted(self):
            raise AssertionError

    assert TestToy.expected_failures


def test_the_package_has_no_other_names():
    import labloom.testing

    with pytest.raises(AttributeError, match="has no attribute 'TaskContrat'"):
        labloom.testing.TaskContrat  # noqa: B018


def test_an_expected_failure_of_a_case_that_does_not_exist_is_refused(tmp_path):
    shutil.copytree(HEALTHY, tmp_path / "labloom-toy", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "test_plugins.py").write_text(
        "from labloom.testing import TaskContract\n"
        "class TestToy(TaskContract):\n"
        "    plugin = 'toy'\n"
        "    expected_failures = {'test_it_composes[model=toy_narow]': 'not yet'}\n"
    )
    said = run_pytest(tmp_path, "--collect-only").out
    assert "names 'test_it_composes[model=toy_narow]', which is no check" in said
    assert "did you mean 'test_it_composes[model=toy_narrow]'?" in said
