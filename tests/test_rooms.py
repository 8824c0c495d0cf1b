"""A room imports only rooms below it, so that each can be read, and used, without those above."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import labloom

PACKAGE = Path(labloom.__file__).parent
# From the ground up. Rooms of one line may import each other.
ROOMS = (
    ("errors", "signals", "mlflow_variables"),
    ("arguments",),
    ("hookspecs",),
    ("plugins",),
    ("compose", "scaffold"),
    ("record",),
    ("callbacks",),
    ("build",),
    ("run", "recorded", "resume", "evaluate", "predict", "observers", "relaunch", "health"),
    ("sweep",),
    ("testing",),
    ("cli",),
)
LEVELS = {room: level for level, rooms in enumerate(ROOMS) for room in rooms}
FILES = sorted(
    file
    for file in PACKAGE.rglob("*.py")
    if file.relative_to(PACKAGE).parts[0] not in ("conf", "experiments", "template")
)
# The package itself offers the contract, and __main__ is the door to the command line.
DOORS = {"__init__.py": "hookspecs", "__main__.py": "cli"}


def room_of(file: Path) -> str:
    """The room that a file is in."""
    first = file.relative_to(PACKAGE).parts[0]
    return DOORS.get(first, first.removesuffix(".py"))


def imported_rooms(file: Path) -> Iterator[tuple[int, str]]:
    """Line and room of every import of a file, those inside functions too."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    only_for_types = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for statement in node.body
        for inner in ast.walk(statement)
    }
    for node in ast.walk(tree):
        if id(node) in only_for_types:
            continue
        for name in names_of(node):
            parts = name.split(".")
            if parts[0] == "labloom" and len(parts) > 1 and parts[1] in LEVELS:
                yield node.lineno, parts[1]


def names_of(node: ast.AST) -> list[str]:
    """Dotted names that a node imports."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        assert node.level == 0, "imports are absolute"
        return [f"{node.module}.{alias.name}" for alias in node.names]
    return []


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_a_file_imports_only_rooms_below_its_own(file):
    own = room_of(file)
    assert own in LEVELS, f"'{own}' is in no room yet: say in ROOMS where it stands"
    above = [
        f"line {line}: {room}" for line, room in imported_rooms(file) if LEVELS[room] > LEVELS[own]
    ]
    assert above == []


def test_imports_in_functions_count_and_those_for_types_do_not(tmp_path):
    file = tmp_path / "file.py"
    file.write_text(
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n"
        "    from labloom.cli import main\n"
        "def work():\n"
        "    from labloom import run\n"
        "    import labloom.sweep.trials\n"
    )
    assert list(imported_rooms(file)) == [(5, "run"), (6, "sweep")]
