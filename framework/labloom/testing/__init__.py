"""The conformance suite of task plugins: what every plugin has to do, as tests.

    from labloom.testing import TaskContract

    class TestSpeech(TaskContract):
        plugin = "speech"

pytest then runs every check on every task, model and data option of the plugin. ``labloom check
speech`` runs the same checks without pytest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from labloom.testing.task_contract import TaskContract

__all__ = ["TaskContract"]


def __getattr__(name: str) -> Any:
    """Import ``TaskContract``, and with it pytest, when it is asked for."""
    if name == "TaskContract":
        from labloom.testing.task_contract import TaskContract

        return TaskContract
    raise AttributeError(f"module 'labloom.testing' has no attribute '{name}'")
