"""The suite finds nothing wrong with a healthy plugin."""

from __future__ import annotations

import inspect
from pathlib import Path

from labloom.testing.contract import Contract

CHECKS = [name.removeprefix("test_") for name in vars(Contract) if name.startswith("test_")]


def test_a_healthy_plugin_passes_every_check(healthy_check):
    status, out, _ = healthy_check
    lines = out.strip().splitlines()
    table = lines[: lines.index("")]
    assert [line[8:60].rstrip() for line in table] == [name.replace("_", " ") for name in CHECKS]
    assert {line[:8].rstrip() for line in table} == {"ok"}
    assert status == 0


def test_checks_of_cases_are_made_for_the_task_and_both_options(healthy_check):
    of_cases = [n for n in CHECKS if "case" in inspect.signature(_method(n)).parameters]
    for name in of_cases:
        line = next(x for x in healthy_check[1].splitlines() if name.replace("_", " ") in x)
        assert "3 of 3" in line


def test_every_check_is_shown_to_fail_by_a_broken_plugin():
    tests = "".join(file.read_text() for file in Path(__file__).parent.glob("test_broken_*.py"))
    assert [name for name in CHECKS if f'failure("{name}"' not in tests] == []


def _method(name):
    return getattr(Contract, f"test_{name}")
