"""Does a ``_target_`` bind to its class's signature? Asked before data is touched."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal

import torch

from labloom.build.targets import INSTANTIATE_KEYS, TargetRules, locate, nested_targets
from labloom.errors import ConfigError, listing, nearest

SIMPLE_WORDS = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "a text",
    list: "a list",
    dict: "a mapping",
    type(None): "null",
}


class MissingArgumentsError(ConfigError):
    """A class lacks arguments that neither the config nor the data gives it."""


def check_node(
    node: Mapping[str, Any],
    key: str,
    rules: TargetRules,
    *,
    supplied: Collection[str] = (),
    demand_all: bool = True,
) -> None:
    """Check a node and every node nested in it.

    Args:
        node: plain mapping with a ``_target_``.
        key: where it is in the config, for errors.
        rules: what the targets may be.
        supplied: arguments of the outer class that somebody else passes.
        demand_all: whether arguments without default must be there; False while it is not yet
            known what the data supplies.

    Raises:
        ConfigError: a target is refused; an argument is unknown, missing or of the wrong type.
    """
    for place, target in nested_targets(node, key):
        cls = locate(target["_target_"], f"{place}._target_", rules)
        outer = place == key
        check_arguments(
            cls,
            target,
            place,
            supplied=supplied if outer else (),
            demand_all=demand_all or not outer,
        )


def check_arguments(
    cls: type,
    node: Mapping[str, Any],
    key: str,
    *,
    supplied: Collection[str] = (),
    demand_all: bool = True,
) -> None:
    """Check the keys and simple values of ``node`` against the constructor of ``cls``.

    Raises:
        ConfigError: an argument is unknown, missing or of the wrong type.
    """
    parameters = constructor_parameters(cls)
    if parameters is None:
        return
    given = {name: value for name, value in node.items() if name not in INSTANTIATE_KEYS}
    if not takes_anything(parameters):
        _refuse_unknown(cls, given, list(parameters), key)
    if demand_all and not node.get("_args_"):
        _refuse_missing(cls, parameters, {*given, *supplied}, key)
    hints = _resolved_hints(cls)
    for name, value in given.items():
        hint = hints.get(name) if name in parameters else None
        if hint is None or value is parameters[name].default:
            continue
        if not fits(value, hint):
            raise ConfigError(
                f"{key}.{name} does not fit {cls.__name__}",
                expected=describe(hint),
                got=f"{value!r}",
                fix=f"'{key}.{name}=\"{value}\"'" if _wants_text(hint, value) else None,
            )


def constructor_parameters(cls: type) -> Mapping[str, inspect.Parameter] | None:
    """Parameters of the constructor, without ``self``; None when Python cannot tell."""
    try:
        return inspect.signature(cls).parameters
    except (TypeError, ValueError):  # some classes written in C have no signature
        return None


def accepts(cls: type, name: str) -> bool:
    """Whether the constructor of ``cls`` has an argument of this name."""
    parameters = constructor_parameters(cls) or {}
    return name in parameters and parameters[name].kind in (
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
        inspect.Parameter.KEYWORD_ONLY,
    )


def takes_anything(parameters: Mapping[str, inspect.Parameter]) -> bool:
    """Whether there is a ``**kwargs``."""
    return any(entry.kind is inspect.Parameter.VAR_KEYWORD for entry in parameters.values())


def fits(value: Any, hint: Any) -> bool:
    """Whether a plain value may be passed where ``hint`` is annotated.

    Only simple annotations are judged: int, float, bool, str, None, Literal, list, tuple, dict and
    unions of them, and tensors and networks, which no plain value is. Anything else fits (a Path
    is happy with a text), and so does a mapping that will be built to an object.
    """
    if isinstance(value, Mapping) and "_target_" in value:
        return True
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        return any(fits(value, option) for option in typing.get_args(hint))
    if origin is Literal:
        return any(value == choice and type(value) is type(choice) for choice in hint.__args__)
    kind = origin or hint
    if kind in (list, tuple, set, Sequence):
        return isinstance(value, (list, tuple)) and _items_fit(value, kind, typing.get_args(hint))
    if kind in (dict, Mapping):
        return isinstance(value, Mapping)
    if kind is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if kind in (bool, str, type(None)):
        return isinstance(value, kind)
    return not (isinstance(kind, type) and issubclass(kind, (torch.Tensor, torch.nn.Module)))


def describe(hint: Any) -> str:
    """A simple annotation in words."""
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(describe(option) for option in typing.get_args(hint))
    if origin is Literal:
        return " or ".join(repr(choice) for choice in typing.get_args(hint))
    kind = origin or hint
    kind = {tuple: list, set: list, Sequence: list, Mapping: dict}.get(kind, kind)
    words = SIMPLE_WORDS.get(kind, getattr(hint, "__name__", str(hint)))
    items = [entry for entry in typing.get_args(hint) if entry is not Ellipsis]
    if kind is list and items:
        return f"{words} of {describe(items[0])}"
    return words


def _items_fit(value: Sequence[Any], kind: type, hints: tuple[Any, ...]) -> bool:
    if not hints:
        return True
    if kind is tuple and Ellipsis not in hints:
        return len(value) == len(hints) and all(map(fits, value, hints))
    return all(fits(item, hints[0]) for item in value)


def _refuse_unknown(cls: type, given: Mapping[str, Any], known: list[str], key: str) -> None:
    for name in given:
        if name not in known:
            near = nearest(name, known)
            raise ConfigError(
                f"{cls.__name__} takes no argument '{name}' ({key}.{name})",
                expected=f"one of {listing(known)}" if known else "no arguments",
                fix=f"did you mean {key}.{near}?" if near else None,
            )


def _refuse_missing(
    cls: type, parameters: Mapping[str, inspect.Parameter], given: Collection[str], key: str
) -> None:
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    missing = [
        name
        for name, entry in parameters.items()
        if entry.default is entry.empty and entry.kind not in variadic and name not in given
    ]
    if missing:
        raise MissingArgumentsError(
            f"{cls.__name__} lacks {' and '.join(repr(name) for name in missing)} ({key})",
            expected=f"a value for each of {listing(missing)}",
            fix=f"{key}.{missing[0]}=VALUE, or a datamodule whose spec has '{missing[0]}'",
        )


def _resolved_hints(cls: type) -> Mapping[str, Any]:
    try:
        return typing.get_type_hints(cls.__init__)
    except Exception:  # noqa: BLE001  annotations are anybody's code, evaluated here
        return {}


def _wants_text(hint: Any, value: Any) -> bool:
    options = typing.get_args(hint) or (hint,)
    return str in options and isinstance(value, (int, float))
