"""What a person reads: tables on a terminal, plain lines when piped, JSON for scripts."""

from __future__ import annotations

import json
import math
import sys
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import labloom


def complain(text: str) -> None:
    """Print an error: its first line in red on a terminal, all of it on standard error."""
    first, _, rest = text.partition("\n")
    label, end = ("\033[1;31merror:\033[0m", "") if sys.stderr.isatty() else ("error:", "")
    print(f"{label} {first}{end}", *([rest] if rest else []), sep="\n", file=sys.stderr)


def print_own_frames(error: BaseException) -> None:
    """Print the traceback of an error in the user's code, without the frames of libraries.

    Everything stands in the run's log. If no frame is the user's, all of them are printed.
    """
    whole = traceback.TracebackException.from_exception(error)
    own = [frame for frame in whole.stack if not _is_library(frame.filename)]
    if own:
        whole.stack = traceback.StackSummary.from_list(own)
    sys.stderr.writelines(whole.format(chain=not own))


def _is_library(filename: str) -> bool:
    folders = (str(Path(labloom.__file__).parent), "site-packages", "<frozen", sys.prefix)
    return any(folder in filename for folder in folders) or filename.endswith("/bin/labloom")


def say(text: str = "") -> None:
    """Print a line on standard output at once, also when it is piped."""
    print(text, flush=True)


def print_json(value: Any) -> None:
    """Print a value as one line of JSON; what JSON lacks (NaN, paths) becomes null or text."""
    say(json.dumps(_plain(value), ensure_ascii=False))


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print rows under columns: a drawn table on a terminal, aligned plain text when piped."""
    cells = [[_text(cell) for cell in row] for row in rows]
    if sys.stdout.isatty():
        _print_drawn(title, columns, cells)
    else:
        _print_plain(title, columns, cells)


def print_facts(facts: Mapping[str, Any]) -> None:
    """Print names and values in two aligned columns."""
    width = max((len(name) for name in facts), default=0)
    for name, value in facts.items():
        say(f"{name:<{width}}  {_text(value)}")


def _print_drawn(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for name in columns:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*row)
    Console().print(table)


def _print_plain(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    lines = [list(columns), *rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(columns))]
    say(title)
    for line in lines:
        say(
            "  "
            + "  ".join(
                f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True)
            ).rstrip()
        )


def _text(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.4g}"
    return str(value)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(entry) for entry in value]
    if isinstance(value, float) and not math.isfinite(value):  # JSON has no NaN and no infinity
        return None
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return str(value)
