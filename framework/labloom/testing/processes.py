"""Other processes that a check starts, with an end."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from labloom.errors import ContractError

PATIENCE = 600.0  # s


def finished(
    command: Sequence[str],
    what: str,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end; its output is kept, its exit status is the caller's to look at.

    Args:
        command: program and arguments.
        what: what it does, for the error.
        cwd: its working directory; None: ours.
        env: its environment; None: ours.

    Raises:
        ContractError: it does not end.
    """
    try:
        return subprocess.run(
            command, cwd=cwd, env=env, capture_output=True, text=True, timeout=PATIENCE
        )
    except subprocess.TimeoutExpired as error:
        raise ContractError(
            f"{what} does not end",
            expected=f"an end within {PATIENCE:.0f} s",
            fix="look for something that waits: a prompt, a lock, a server",
        ) from error
