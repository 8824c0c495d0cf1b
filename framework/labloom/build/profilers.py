"""The profilers that ``trainer.profiler`` names, and the one that costs nothing."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from pytorch_lightning.profilers import (
    AdvancedProfiler,
    PassThroughProfiler,
    Profiler,
    PyTorchProfiler,
    SimpleProfiler,
)

PROFILERS = {"simple": SimpleProfiler, "advanced": AdvancedProfiler, "pytorch": PyTorchProfiler}
PROFILE_FILE = "profile"  # Lightning puts the stage before it and .txt behind it


class Unprofiled(PassThroughProfiler):
    """Measures nothing, and makes no generator for each of a step's two dozen hooks to say so."""

    def profile(self, action_name: str) -> AbstractContextManager[None]:
        """The same empty context each time."""
        return _NOTHING


_NOTHING = nullcontext()


def make_profiler(choice: str | None, folder: Path) -> Profiler:
    """The profiler of a run; it writes its report to ``folder``.

    Args:
        choice: simple, advanced or pytorch; None: none.
        folder: for the report.
    """
    if choice is None:
        return Unprofiled()
    return PROFILERS[choice](dirpath=folder, filename=PROFILE_FILE)
