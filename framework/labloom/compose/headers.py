"""The first comment of an option file: what it is, in one line."""

from __future__ import annotations

# Lines for Hydra, such as ``@package``, and for editors.
NOT_FOR_READERS = ("@", "yaml-language-server:")


def first_comment(text: str) -> str:
    """The first line of a file's header that is meant for people; empty without one."""
    comments = (line.lstrip("# ").strip() for line in text.splitlines() if line.startswith("#"))
    return next((line for line in comments if line and not line.startswith(NOT_FOR_READERS)), "")
