"""What authors say about keys: comments in option files, and ``Args`` in docstrings."""

from __future__ import annotations

import re
from pathlib import Path

# `key: value  # comment`; a `#` inside quotes has no space before it in our files.
COMMENTED = re.compile(r"^(?P<indent> *)(?P<key>\w+):(?P<value>.*?)(?:\s#\s+(?P<comment>.*))?$")
ARGUMENT = re.compile(r"^(?P<indent> +)(?P<name>\w+)(?: \([^)]*\))?: (?P<text>.*)$")
SECTION = re.compile(r"^\s*(Args|Arguments):\s*$")


def comments_in(file: Path) -> dict[str, str]:
    """Dotted key and the comment behind its value, for every key of an option file that has one."""
    found: dict[str, str] = {}
    parents: list[tuple[int, str]] = []
    for line in file.read_text(encoding="utf-8").splitlines():
        match = COMMENTED.match(line)
        if match is None:
            continue
        indent = len(match["indent"])
        parents = [parent for parent in parents if parent[0] < indent]
        key = ".".join([*(name for _, name in parents), match["key"]])
        parents.append((indent, match["key"]))
        if match["comment"]:
            found[key] = match["comment"].strip()
    return found


def arguments_in(docstring: str) -> dict[str, str]:
    """Name and text of every argument in the ``Args`` section of a Google docstring."""
    lines = iter(docstring.splitlines())
    for line in lines:
        if SECTION.match(line):
            break
    found: dict[str, str] = {}
    name, indent = "", 0
    for line in lines:
        match = ARGUMENT.match(line)
        depth = len(line) - len(line.lstrip())
        if match and (not name or len(match["indent"]) <= indent):
            name, indent = match["name"], len(match["indent"])
            found[name] = match["text"].strip()
        elif not line.strip() or not name or depth <= indent:
            break
        else:
            found[name] += f" {line.strip()}"
    return found
