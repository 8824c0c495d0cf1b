"""How long does a newcomer wait for a task of their own? ``labloom new``, run, sweep and check.

    python benchmarks/first_task.py

Nothing is edited between the commands; everything happens in an empty folder. Prints the seconds
of each command, and fails if one of them does.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

COMMANDS = (
    "new speech",
    "run task=speech_classify",
    "run -m task=speech_classify model.width=16,64 optimizer.lr=1e-3,1e-2",
    "check speech",
)


def seconds(command: str, folder: Path) -> float:
    """Run one command in ``folder``."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    environment["LABLOOM_PLUGINS"] = str(folder / "labloom-speech")
    if command.startswith("new"):
        del environment["LABLOOM_PLUGINS"]
    start = time.monotonic()
    done = subprocess.run(
        [Path(sys.executable).with_name("labloom"), *command.split()],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        sys.exit(f"labloom {command}\n{done.stdout}\n{done.stderr}")
    return time.monotonic() - start


def main() -> None:
    """Print a line for each command, and the sum."""
    with tempfile.TemporaryDirectory() as scratch:
        total = 0.0
        for command in COMMANDS:
            took = seconds(command, Path(scratch))
            total += took
            print(f"{took:7.1f} s  labloom {command}", flush=True)
    print(f"{total:7.1f} s  in all, on {os.cpu_count()} cores")


if __name__ == "__main__":
    main()
