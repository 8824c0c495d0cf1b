"""Names and values that MLflow accepts, made from those that people write.

MLflow takes letters, digits, ``_ - . : /`` and spaces in the name of a metric or parameter, up to
250 characters, and refuses a name that would be another one as a path (``a//b``, ``./a``).
"""

from __future__ import annotations

import hashlib
import posixpath
import re

MAX_NAME = 250
MAX_PARAM_VALUE = 6000
MAX_TAG_VALUE = 8000

_NOT_ALLOWED = re.compile(r"[^/\w.\- :]")


class Names:
    """Gives every name its valid form and never the same form to two of them."""

    def __init__(self) -> None:
        self._valid: dict[str, str] = {}
        self._taken: set[str] = set()

    def __call__(self, name: str) -> str:
        """The valid form of ``name``; a valid name stays as it is."""
        known = self._valid.get(name)
        if known is None:
            known = self._valid[name] = self._choose(name)
            self._taken.add(known)
        return known

    def _choose(self, name: str) -> str:
        valid = valid_name(name)
        return valid if valid not in self._taken else _with_fingerprint(valid, name)


def valid_name(name: str) -> str:
    """``name`` with everything replaced that MLflow refuses in a name."""
    valid = posixpath.normpath(_NOT_ALLOWED.sub("_", name)).lstrip("/")
    if valid in ("", ".") or valid.startswith(".."):
        valid = "_" + valid.lstrip("./")
    return valid if len(valid) <= MAX_NAME else _with_fingerprint(valid, name)


def cut(text: str, limit: int) -> str:
    """``text`` in full up to ``limit`` characters, visibly cut beyond."""
    if len(text) <= limit:
        return text
    ending = f" ... [cut, {len(text)} characters in all]"
    return text[: limit - len(ending)] + ending


def _with_fingerprint(valid: str, name: str) -> str:
    fingerprint = "_" + hashlib.sha256(name.encode()).hexdigest()[:6]
    return valid[: MAX_NAME - len(fingerprint)] + fingerprint
