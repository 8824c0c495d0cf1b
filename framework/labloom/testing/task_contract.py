"""``TaskContract``: the suite as a class for pytest."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import pytest

from labloom.errors import ConfigError, LabloomError, listing, nearest
from labloom.plugins import discover
from labloom.testing.bench import Workbench
from labloom.testing.cases import Case, cases_of, tasks_of
from labloom.testing.contract import Contract


class TaskContract(Contract):
    """Subclass it, name the plugin, and pytest runs every check of the suite.

    class TestSpeech(TaskContract):
        plugin = "speech"

        expected_failures = {"test_the_same_seed_gives_the_same_loss": "CTC is not deterministic"}
    """

    _benches: ClassVar[dict[type, Workbench]] = {}

    def __init_subclass__(cls, **options: Any) -> None:
        """Refuse expected failures of checks that do not exist.

        Raises:
            ConfigError: names the check and the nearest that exists.
        """
        super().__init_subclass__(**options)
        names = [name for name in dir(cls) if name.startswith("test_")]
        for name in cls.expected_failures:
            if name.partition("[")[0] not in names:
                near = nearest(name, names)
                raise ConfigError(
                    f"{cls.__name__}.expected_failures names '{name}', which is no check",
                    expected=f"one of {listing(names, limit=30)}",
                    fix=f"did you mean '{near}'?" if near else None,
                )

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Make each check for every case that it is about."""
        plugin = discover().plugins.get(self.plugin)
        for name, cases in (("case", cases_of), ("task", tasks_of)):
            if name in inspect.signature(metafunc.function).parameters:
                found = cases(plugin) if plugin else []
                self._refuse_unknown_cases(metafunc.function.__name__, found if plugin else None)
                metafunc.parametrize(name, found, ids=str)

    def _refuse_unknown_cases(self, check: str, cases: Sequence[Case] | None) -> None:
        """An expected failure of ``check[case]`` must name a case that there is."""
        known = {f"{check}[{case}]" for case in cases or ()}
        for name in self.expected_failures:
            if name.startswith(f"{check}[") and name not in known and cases is not None:
                near = nearest(name, known)
                raise ConfigError(
                    f"{type(self).__name__}.expected_failures names '{name}', which is no check",
                    expected=f"one of {listing(known, limit=30)}",
                    fix=f"did you mean '{near}'?" if near else None,
                )

    @pytest.fixture(autouse=True)
    def _expect_known_failures(self, request: pytest.FixtureRequest) -> None:
        """An expected failure that passes is a failure: the reason is out of date."""
        known, node = self.expected_failures, request.node
        reason = known.get(node.originalname) or known.get(node.name)
        if reason is not None:
            request.applymarker(pytest.mark.xfail(reason=reason, strict=True))

    def _check(self, check: Callable[..., object], *subjects: Any) -> None:
        """Make one check; what it says is enough, unless foreign code raised something."""
        try:
            check(*subjects)
        except LabloomError as error:
            if error.__cause__ is not None:
                raise
            said = str(error)
        else:
            return
        pytest.fail(said, pytrace=False)  # outside of the handler, or pytest tells it twice

    @property
    def _bench(self) -> Workbench:
        cls = type(self)
        if cls not in self._benches:
            self._benches.clear()  # pytest runs class by class; trainings of the last one may go
            self._benches[cls] = Workbench(self._loaded.id, self.overrides_for)
        return self._benches[cls]
