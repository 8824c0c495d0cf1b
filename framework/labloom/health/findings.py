"""What looking at something found: facts to read, and what is wrong with what to do about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from labloom.errors import LabloomError


@dataclass(frozen=True)
class Finding:
    """Something that is wrong.

    Args:
        text: what, in one line that names the plugin, package, file or variable.
        fix: what to do about it.
        broken: whether something does not work; otherwise it is a warning.
    """

    text: str
    fix: str | None = None
    broken: bool = True


@dataclass(frozen=True)
class Section:
    """One part of what doctor says.

    Args:
        rows: names and what is said about each, for people.
        facts: the same for programs; None takes the rows.
        blocks: texts as they are, such as tracebacks, below the rows.
        findings: what is wrong.
    """

    rows: Sequence[tuple[str, str]] = ()
    facts: Any = None
    blocks: Sequence[str] = ()
    findings: Sequence[Finding] = field(default_factory=tuple)


def finding_of(error: LabloomError, where: str = "") -> Finding:
    """A finding made of one of our errors."""
    got = f": {error.got}" if error.got else ""
    return Finding(f"{where}{error.problem}{got}", error.fix)


def in_gigabytes(count: float) -> str:
    """A number of bytes in words; 1 GB is 10^9 bytes."""
    return f"{count / 1e9:.1f} GB"
