"""Make every check of the contract, one after the other, without pytest."""

from __future__ import annotations

import inspect
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

from labloom.errors import ContractError, LabloomError
from labloom.plugins import discover
from labloom.testing import checks_of_loading
from labloom.testing.bench import Workbench
from labloom.testing.cases import Case, cases_of, tasks_of
from labloom.testing.contract import Contract
from labloom.testing.foreign import told_as_contract_error
from labloom.testing.not_checked import NotChecked


@dataclass(frozen=True, kw_only=True)
class CheckResult:
    """How one check ended.

    Args:
        check: what was checked, in words.
        subject: the task or option; empty for the plugin as a whole.
        status: how it ended.
        error: what is wrong; None unless it failed.
        reason: why it was not made; empty unless it was not.
        seconds: how long it took.
    """

    check: str
    subject: str
    status: Literal["ok", "FAILED", "not checked"]
    error: LabloomError | None = None
    reason: str = ""
    seconds: float = 0.0


def check_plugin(plugin_id: str, typed: Sequence[str] = ()) -> Iterator[CheckResult]:
    """Make every check on a plugin; after a failure to load, no others.

    Args:
        plugin_id: the plugin.
        typed: overrides for every run whose config has their key, e.g. ``paths.data=/data``.

    Yields:
        A result for each check and case, as soon as it is there.

    Raises:
        ConfigError: there is no such plugin, or an override that no run would take.
    """
    with suppress(ContractError):  # a broken plugin is a result, an unknown one is not
        checks_of_loading.loads(plugin_id)
    contract = _CheckedHere(plugin_id, typed)
    contract.refuse_useless_overrides()
    for name, method in _checks():
        for case in _cases(method, plugin_id):
            result = _made(contract, name, case)
            yield result
            if name == "test_the_plugin_loads" and result.status == "FAILED":
                return


class _CheckedHere(Contract):
    def __init__(self, plugin_id: str, typed: Sequence[str]) -> None:
        self.plugin = plugin_id
        self._typed = typed
        self._made: Workbench | None = None

    def refuse_useless_overrides(self) -> None:
        """Refuse a typing mistake before anything is trained."""
        plugin = discover().plugins.get(self.plugin)
        if plugin is not None and plugin.tasks:
            first = plugin.tasks[0].name
            pairs = [(case, case.task or first) for case in cases_of(plugin)]
            self._bench.jobs.refuse_useless(pairs)

    @property
    def _bench(self) -> Workbench:
        if self._made is None:
            self._made = Workbench(self.plugin, self.overrides_for, self._typed)
        return self._made


def _checks() -> list[tuple[str, Any]]:
    return [(name, value) for name, value in vars(Contract).items() if name.startswith("test_")]


def _cases(method: Any, plugin_id: str) -> list[Case | None]:
    arguments = inspect.signature(method).parameters
    if "case" in arguments:
        return [*cases_of(checks_of_loading.loads(plugin_id))]
    if "task" in arguments:
        return [*tasks_of(checks_of_loading.loads(plugin_id))]
    return [None]


def _made(contract: _CheckedHere, name: str, case: Case | None) -> CheckResult:
    words = name.removeprefix("test_").replace("_", " ")
    subject = str(case) if case else ""
    start = time.monotonic()

    def result(status: Any, **what: Any) -> CheckResult:
        seconds = time.monotonic() - start
        return CheckResult(check=words, subject=subject, status=status, seconds=seconds, **what)

    try:
        with told_as_contract_error(discover().plugins.get(contract.plugin)):
            getattr(contract, name)(*([case] if case else []))
    except NotChecked as why:
        return result("not checked", reason=str(why))
    except LabloomError as error:
        return result("FAILED", error=error)
    return result("ok")
