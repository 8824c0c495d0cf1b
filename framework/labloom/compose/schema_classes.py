"""A class's constructor, read from source: what YAML may pass to it, without importing it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from labloom.compose.schema_comments import arguments_in
from labloom.compose.schema_values import LATER, JsonSchema, any_of

# What Hydra reads beside the arguments.
INSTANTIATE_KEYS = ("_args_", "_convert_", "_recursive_")
# A nested mapping that is built to an object fits wherever an object is wanted.
BUILT: JsonSchema = {"type": "object", "required": ["_target_"]}
TYPES = {
    "int": "integer",
    "float": "number",
    "bool": "boolean",
    "str": "string",
    "None": "null",
    **dict.fromkeys(("list", "List", "tuple", "Tuple", "set", "Sequence"), "array"),
    **dict.fromkeys(("dict", "Dict", "Mapping"), "object"),
}


@dataclass(frozen=True)
class Constructor:
    """Arguments of a class.

    Args:
        arguments: name and what it may be.
        open: whether there may be arguments that the source does not tell, as behind ``**kwargs``.
    """

    arguments: dict[str, JsonSchema] = field(default_factory=dict)
    open: bool = False


UNKNOWN = Constructor(open=True)


@dataclass(frozen=True)
class _Module:
    """A module's source, and where names in it come from."""

    name: str
    tree: ast.Module
    is_package: bool

    def find(self, name: str) -> ast.ClassDef | str | None:
        """The class called ``name`` in this module, or the dotted path that it is imported from."""
        for node in self.tree.body:
            if isinstance(node, ast.ClassDef) and node.name == name:
                return node
            if isinstance(node, ast.ImportFrom):
                for alias in node.names:
                    if name == (alias.asname or alias.name):
                        return f"{self._absolute(node)}.{alias.name}"
        return None

    def bound(self) -> set[str]:
        """Every name that the module gives to something; ``*`` where that cannot be told."""
        found: set[str] = set()
        for node in ast.walk(self.tree):
            if isinstance(node, ast.ClassDef | ast.FunctionDef):
                found.add("*" if node.name == "__getattr__" else node.name)
            elif isinstance(node, ast.Import | ast.ImportFrom):
                found.update((alias.asname or alias.name).partition(".")[0] for alias in node.names)
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                found.add(node.id)
        return found

    def _absolute(self, node: ast.ImportFrom) -> str:
        parts = self.name.split(".")
        own = parts[: len(parts) - node.level + self.is_package] if node.level else []
        return ".".join([*own, *([node.module] if node.module else [])])


def read_constructor(target: str, package: Path) -> Constructor:
    """What the class called ``target`` takes; open where its source does not tell.

    Args:
        target: dotted path, e.g. ``labloom_vision.nets.cnn.CNN``.
        package: folder of the top package that ``target`` begins with.
    """
    found = _class(target, package)
    if found is None:
        return UNKNOWN
    module, cls = found
    init = next((n for n in cls.body if getattr(n, "name", "") == "__init__"), None)
    if isinstance(init, ast.FunctionDef):
        texts = arguments_in(ast.get_docstring(init) or "")
        texts = {**arguments_in(ast.get_docstring(cls) or ""), **texts}
        is_open = init.args.kwarg is not None or bool(init.decorator_list)
        return Constructor(dict(_arguments(init.args, texts)), open=is_open)
    # Without __init__ the first base decides; a decorator such as @dataclass may write one.
    if cls.decorator_list or not cls.bases or not isinstance(cls.bases[0], ast.Name):
        return UNKNOWN
    base = module.find(cls.bases[0].id)
    if base is None:
        return UNKNOWN
    path = base if isinstance(base, str) else f"{module.name}.{base.name}"
    return read_constructor(path, package)


def names_something(target: str, package: Path) -> bool:
    """Whether source in ``package`` says that there is something called ``target``.

    Also true where only an import could tell: what stands inside a class, or behind ``*``.
    """
    name, _, attribute = target.rpartition(".")
    if not name:
        return target == package.name
    module = _module(name, package)
    if module is None:
        return names_something(name, package)
    folder = package.joinpath(*name.split(".")[1:])
    return attribute in module.bound() or "*" in module.bound() or any(folder.glob(f"{attribute}*"))


def _class(target: str, package: Path) -> tuple[_Module, ast.ClassDef] | None:
    """Module and class, followed through re-exports inside the package."""
    seen: set[str] = set()
    while target not in seen:
        seen.add(target)
        name, _, attribute = target.rpartition(".")
        module = _module(name, package)
        found = module.find(attribute) if module else None
        if module is None or found is None:
            return None
        if isinstance(found, ast.ClassDef):
            return module, found
        target = found
    return None


def _module(name: str, package: Path) -> _Module | None:
    top, *rest = name.split(".")
    if top != package.name:
        return None
    place = package.joinpath(*rest)
    for file in (place / "__init__.py", place.with_name(f"{place.name}.py")):
        if file.is_file():
            try:
                tree = ast.parse(file.read_text(encoding="utf-8"))
            except (SyntaxError, ValueError, OSError):  # running it tells what is wrong with it
                return None
            return _Module(name, tree, file.name == "__init__.py")
    return None


def _arguments(args: ast.arguments, texts: dict[str, str]) -> Iterator[tuple[str, JsonSchema]]:
    positional = [*args.posonlyargs, *args.args][1:]  # without self
    padding = [None] * (len(positional) - len(args.defaults))
    pairs = [
        *zip(positional, [*padding, *args.defaults], strict=True),
        *zip(args.kwonlyargs, args.kw_defaults, strict=True),
    ]
    for argument, default in pairs:
        schema = _annotated(argument.annotation)
        if argument.arg in texts:
            schema = {"description": texts[argument.arg], **schema}
        value = _literal(default)
        if value is not None:
            schema = {**schema, "default": value}
        elif isinstance(default, ast.Constant) and "anyOf" in schema:
            schema = {**schema, "anyOf": [*schema["anyOf"], {"type": "null"}]}
        yield argument.arg, schema


def _annotated(annotation: ast.expr | None) -> JsonSchema:
    """What a plain value may be; everything, where the annotation is none of the simple ones."""
    options = [_option(part) for part in _parts(annotation)] if annotation is not None else [None]
    known = [option for option in options if option is not None]
    if len(known) < len(options):
        return {}
    return {"anyOf": [any_of(known), LATER, BUILT]}


def _parts(annotation: ast.expr) -> Iterator[ast.expr]:
    """The alternatives of a union, however it is written."""
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        annotation = _parsed(annotation.value)
    if isinstance(annotation, ast.BinOp) and isinstance(annotation.op, ast.BitOr):
        yield from _parts(annotation.left)
        yield from _parts(annotation.right)
    elif isinstance(annotation, ast.Subscript) and _name(annotation.value) == "Union":
        for part in getattr(annotation.slice, "elts", [annotation.slice]):
            yield from _parts(part)
    elif isinstance(annotation, ast.Subscript) and _name(annotation.value) == "Optional":
        yield from _parts(annotation.slice)
        yield ast.Constant(None)
    else:
        yield annotation


def _parsed(text: str) -> ast.expr:
    """An annotation that is written as a text; one that is no code may be anything."""
    try:
        return ast.parse(text, mode="eval").body
    except SyntaxError:
        return ast.Name("Any")


def _option(part: ast.expr) -> JsonSchema | None:
    if isinstance(part, ast.Constant) and part.value is None:
        return {"type": "null"}
    if isinstance(part, ast.Subscript) and _name(part.value) == "Literal":
        choices = [_literal(choice) for choice in getattr(part.slice, "elts", [part.slice])]
        return {"enum": choices}
    kind = _name(part.value) if isinstance(part, ast.Subscript) else _name(part)
    if kind not in TYPES:
        return None
    items = _items(part) if TYPES[kind] == "array" and isinstance(part, ast.Subscript) else None
    return {"type": TYPES[kind], **({"items": items} if items else {})}


def _items(part: ast.Subscript) -> JsonSchema | None:
    """What every item of a list may be; None where items differ or are not simple."""
    elements = getattr(part.slice, "elts", [part.slice])
    kinds = [e for e in elements if not (isinstance(e, ast.Constant) and e.value is Ellipsis)]
    return (_annotated(kinds[0]) or None) if len(kinds) == 1 else None


def _name(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _literal(node: ast.expr | None) -> object:
    """The plain value of a default; None where there is none, or it is computed."""
    try:
        value = ast.literal_eval(node) if node is not None else None
    except ValueError:
        return None
    return list(value) if isinstance(value, tuple) else value
