"""``python -m labloom.record OUTPUT_DIR``: send what an outage held back in a run's folder."""

from __future__ import annotations

import argparse
from pathlib import Path

from labloom.errors import LabloomError
from labloom.mlflow_variables import set_mlflow_variables
from labloom.record.sending import send_rest
from labloom.record.store import open_store


def main() -> int:
    """Send the rest of one run's journal; the exit status says whether the store has all of it."""
    set_mlflow_variables()
    parser = argparse.ArgumentParser(prog="python -m labloom.record", description=__doc__)
    parser.add_argument("output_dir", type=Path, help="the run's output folder")
    parser.add_argument("--uri", help="the store; default: MLFLOW_TRACKING_URI, then ./mlflow.db")
    arguments = parser.parse_args()
    try:
        report = send_rest(open_store(arguments.uri), arguments.output_dir)
    except LabloomError as error:
        print(error)
        return int(error.exit_status)
    print("the store has everything" if report.complete else f"not yet: {report.trouble}")
    return 0 if report.complete else 1


if __name__ == "__main__":
    raise SystemExit(main())
