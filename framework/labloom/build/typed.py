"""What the user typed, as opposed to what a YAML file says: only the former is never replaced."""

from __future__ import annotations

from collections.abc import Iterable


def typed(overrides: Iterable[str], key: str) -> list[str]:
    """Those of ``overrides`` that choose or change ``key`` or something under it.

    >>> typed(["optimizer=sgd", "++optimizer.lr=0.1", "seed=1"], "optimizer")
    ['optimizer=sgd', '++optimizer.lr=0.1']
    """
    return [text for text in overrides if _is_under(_key_of(text), key)]


def _key_of(override: str) -> str:
    return override.lstrip("+~").partition("=")[0].partition("@")[0].replace("/", ".")


def _is_under(key: str, node: str) -> bool:
    return key == node or key.startswith(f"{node}.")
