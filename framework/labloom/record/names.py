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


class Names(dict[str, str]):
    """Every name's valid form, chosen when it is asked for; never the same form for two names."""

    def __missing__(self, name: str) -> str:
        valid = valid_name(name)
        self[name] = valid if valid not in self.values() else _with_fingerprint(valid, name)
        return self[name]


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
