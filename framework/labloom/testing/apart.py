"""``python -m labloom.testing.apart ORDER``: one small training in a process of its own.

Prints ``Trained.trace`` as JSON, in full precision. ORDER is JSON: plugin, task, typed.
"""

from __future__ import annotations

import json
import sys

from labloom.errors import LabloomError
from labloom.testing.bench import Workbench
from labloom.testing.cases import Case
from labloom.testing.trained import train


def main(order: str) -> int:
    """Train what ``order`` says; the exit status."""
    wanted = json.loads(order)
    try:
        bench = Workbench(wanted["plugin"], typed=wanted["typed"])
        trace = train(bench.job(Case(task=wanted["task"]))).trace()
    except LabloomError as error:
        print(f"error: {error.problem}", file=sys.stderr)
        return int(error.exit_status)
    print(json.dumps(trace), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
