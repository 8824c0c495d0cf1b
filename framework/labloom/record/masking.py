"""Hides secrets before anything is recorded: in params, config.yaml, overrides and commands.

A key looks like a secret when the last part of its dotted name says so (``password``, ``api_key``,
``hub_token``). Numbers and booleans are never secrets (``max_tokens: 512``), and neither are the
special tokens of a vocabulary (``pad_token``). Credentials inside an address
(``https://user:password@host``) are hidden under every key.
"""

from __future__ import annotations

import itertools
import re
import shlex
from collections.abc import Iterable, Mapping
from typing import Any

MASK = "***"

_SECRET_WORDS = frozenset(
    {
        "password",
        "passwd",
        "passphrase",
        "secret",
        "secrets",
        "credential",
        "credentials",
        "apikey",
        "token",
    }
)
_SECRET_PAIRS = frozenset({"api key", "access key", "private key", "secret key", "auth key"})
_VOCABULARY_WORDS = frozenset(
    {"pad", "bos", "eos", "unk", "mask", "cls", "sep", "start", "stop", "end", "special", "image"}
)
_CREDENTIALS = re.compile(r"(?P<scheme>[a-zA-Z][\w+.-]*://)[^/\s@'\"]+@")
_QUERY_SECRET = re.compile(
    r"(?i)(?P<name>[?&](?:token|api_?key|password|secret|sig|signature)=)[^&\s'\"]+"
)
_INNER_PAIR = re.compile(r"(?P<key>[\w.@/-]+)(?P<between>\s*[:=]\s*)(?P<value>[^,\s{}\[\]]+)")


def looks_secret(key: str) -> bool:
    """Whether the value of a dotted config key should not be written anywhere."""
    last = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", key.rsplit(".", 1)[-1])
    words = [word for word in re.split(r"[^a-zA-Z0-9]+", last.lower()) if word]
    if not words or _VOCABULARY_WORDS.intersection(words):
        return False
    pairs = {f"{first} {second}" for first, second in itertools.pairwise(words)}
    return bool(_SECRET_WORDS.intersection(words)) or bool(_SECRET_PAIRS & pairs)


def mask_text(text: str) -> str:
    """The text without credentials inside addresses."""
    text = _CREDENTIALS.sub(rf"\g<scheme>{MASK}@", text)
    return _QUERY_SECRET.sub(rf"\g<name>{MASK}", text)


def mask_value(key: str, value: Any) -> Any:
    """A config value, with everything secret in it hidden; containers are walked through."""
    if isinstance(value, Mapping):
        return {name: mask_value(f"{key}.{name}", item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [mask_value(key, item) for item in value]
    if not isinstance(value, str):
        return value
    return MASK if value and looks_secret(key) else mask_text(value)


def mask_override(override: str) -> str:
    """One override of a command line, with its value hidden when its key looks secret."""
    key, equals, value = override.partition("=")
    if not equals:
        return mask_text(override)
    if looks_secret(key.lstrip("+~").split("@", 1)[0]) and not _is_number(value):
        return f"{key}={MASK}"
    if "{" in value:
        value = _INNER_PAIR.sub(_mask_inner_pair, value)
    return f"{key}={mask_text(value)}"


def mask_command(words: Iterable[str]) -> str:
    """A command line as text that a shell understands, without its secrets."""
    return shlex.join(mask_override(word) for word in words)


def _mask_inner_pair(match: re.Match[str]) -> str:
    secret = looks_secret(match["key"]) and not _is_number(match["value"])
    return match["key"] + match["between"] + (MASK if secret else match["value"])


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return text in ("true", "false", "null")
    return True
