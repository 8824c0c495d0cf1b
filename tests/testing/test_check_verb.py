"""``labloom check``: what it prints, and its exit status."""

from __future__ import annotations

import json
from itertools import dropwhile, takewhile

import pytest

from labloom.testing.suite import check_plugin

LOSS = "loss = functional.cross_entropy(self(features), labels, label_smoothing=self.smoothing)"


@pytest.fixture
def raising(toy):
    """A copy of the plugin whose training step raises."""
    toy.change("classify.py", LOSS, 'raise KeyError("petal")')
    return toy


def test_a_healthy_plugin_keeps_the_contract(healthy_check):
    status, out, _ = healthy_check
    assert status == 0
    assert out.splitlines()[-1].startswith(
        "toy keeps the contract: 31 passed, 0 failed, 0 not made here; "
    )


def test_no_line_is_wider_than_a_terminal(healthy_check):
    assert max(map(len, healthy_check[1].splitlines())) <= 80


def test_a_broken_plugin_breaks_the_contract(raising, typed):
    status, out, _ = typed("check", "toy")
    assert status == 1
    lines = out.splitlines()
    at = next(i for i, line in enumerate(lines) if "it trains on cpu" in line)
    assert lines[at].startswith("FAILED  it trains on cpu without network")
    assert "0 of 3" in lines[at]
    assert lines[at + 1] == "        toy_iris: KeyError: 'petal'"
    assert f"got:      raised in {raising.path('classify.py')}:" in lines[at + 2]
    assert lines[-1].startswith("toy breaks the contract: ")
    assert "Traceback" not in out
    # One cause is not told at every check.
    at = next(i for i, line in enumerate(lines) if "its monitor is logged" in line)
    assert lines[at].startswith("-       its monitor is logged and finite")
    assert "it does not come that far" in lines[at + 1]


def test_a_plugin_that_does_not_load_is_one_finding(toy, typed):
    toy.change("plugin.py", "from labloom import Task", "from labloom import Tasks")
    status, out, _ = typed("check", "toy", "--json")
    assert status == 1
    [finding] = map(json.loads, out.splitlines())
    assert finding["check"] == "the plugin loads"
    assert finding["status"] == "FAILED"
    assert finding["subject"] is None
    assert "fails at 'import'" in finding["problem"]
    assert "cannot import name 'Tasks'" in finding["got"]
    assert str(toy.path("plugin.py")) in finding["fix"]


def test_json_is_one_object_a_finding(raising, typed):
    status, out, _ = typed("check", "toy", "--json")
    assert status == 1
    findings = [json.loads(line) for line in out.splitlines()]
    assert len(findings) == 31
    assert {finding["status"] for finding in findings} == {"ok", "FAILED", "not checked"}
    trains = [f for f in findings if f["check"] == "it trains on cpu without network"]
    assert [f["subject"] for f in trains] == [
        "toy_iris",
        "model=toy_narrow",
        "data=toy_big",
    ]
    assert trains[0]["problem"] == "KeyError: 'petal'"
    skipped = next(f for f in findings if f["status"] == "not checked")
    assert skipped["reason"]
    assert skipped["problem"] is None


def test_an_unknown_plugin_brings_the_nearest(toy, typed):
    status, out, err = typed("check", "tooy")
    assert (status, out) == (2, "")
    assert "there is no plugin 'tooy'" in err
    assert "fix:      did you mean 'toy'?" in err


def test_an_override_that_is_none_is_refused(toy, typed):
    status, out, err = typed("check", "toy", "data.batch_size")
    assert (status, out) == (2, "")
    assert "data.batch_size" in err


def test_an_override_of_a_key_that_does_not_exist_is_refused_before_anything_is_trained(toy, typed):
    status, out, err = typed("check", "toy", "data.batchsize=4")
    assert (status, out) == (2, "")
    assert "'data.batchsize' is not a setting" in err
    assert "did you mean data.batch_size?" in err


def test_an_override_that_one_option_takes_goes_to_that_one(toy):
    toy.write("conf/data/toy_own.yaml", "_target_: labloom_toy.files.IrisData\nfile: ???\n")
    every = check_plugin("toy", ["data.file=irises.csv"])
    findings = dropwhile(lambda f: f.check != "it composes", every)
    # The checks behind it train, and this test is not about them.
    composed = {f.subject: f for f in takewhile(lambda f: f.check == "it composes", findings)}
    assert {f.status for f in composed.values()} == {"ok"}
    assert "data=toy_own" in composed


def test_overrides_reach_every_run(toy):
    findings = check_plugin("toy", ["module.smoothing=wrong"])
    first = next(finding for finding in findings if finding.status == "FAILED")
    assert first.subject == "toy_iris"
    assert "module.smoothing" in first.error.problem
