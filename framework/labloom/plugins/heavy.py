"""Find what makes a plugin slow to load: heavy packages, imported where every command waits."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

# Packages that take from a tenth of a second to ten seconds to import.
HEAVY = (
    "torch",
    "torchvision",
    "torchaudio",
    "torchmetrics",
    "pytorch_lightning",
    "lightning",
    "mlflow",
    "numpy",
    "pandas",
    "sklearn",
    "matplotlib",
    "transformers",
    "timm",
    "gymnasium",
    "hydra",
    "omegaconf",
)
LIGHT = ("pluggy",)  # loaded in any case; not worth reading


@dataclass(frozen=True)
class HeavyImport:
    """A heavy package that comes with a module.

    Args:
        package: e.g. ``torch``.
        place: file and line of the statement that imports it.
        through: file and line of the statement in the plugin's own module that leads there; None
            when it is that statement.
    """

    package: str
    place: str
    through: str | None = None


def heavy_imports(module: ModuleType) -> list[HeavyImport]:
    """Heavy packages that the import of ``module`` brings, each with where it is asked for.

    Reads the source of the module and of what it imports, so that the answer is the same when
    something else has imported the package before. Imports inside functions cost nothing there.
    """
    found: dict[str, HeavyImport] = {}
    read: set[str] = {module.__name__}
    _collect(module, None, found, read)
    return list(found.values())


def _collect(
    module: ModuleType, through: str | None, found: dict[str, HeavyImport], read: set[str]
) -> None:
    for line, name in _imports(module):
        place = f"{_shown_file(module)}:{line}"
        root = name.partition(".")[0]
        if root in HEAVY and root in sys.modules:
            found.setdefault(root, HeavyImport(root, place, through))
        elif root not in sys.stdlib_module_names and root not in LIGHT:
            for imported in _loaded(name):
                if imported.__name__ not in read:
                    read.add(imported.__name__)
                    _collect(imported, through or place, found, read)


def _loaded(name: str) -> Iterator[ModuleType]:
    """The module called ``name`` and the packages that it is in, as far as they are loaded."""
    parts = name.split(".")
    for count in range(1, len(parts) + 1):
        module = sys.modules.get(".".join(parts[:count]))
        if module is not None:
            yield module


def _imports(module: ModuleType) -> Iterator[tuple[int, str]]:
    """Line and dotted name of everything that is imported while ``module`` itself is."""
    file = getattr(module, "__file__", None)
    if file is None or not file.endswith(".py"):
        return
    try:
        tree = ast.parse(Path(file).read_text(encoding="utf-8"))
    except (OSError, SyntaxError, UnicodeDecodeError):  # it has been imported, so Python can
        return
    for node in _executed(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            origin = _absolute(node, module)
            yield from ((node.lineno, f"{origin}.{alias.name}") for alias in node.names)


def _executed(node: ast.AST) -> Iterator[ast.AST]:
    """Statements that run on import: not the bodies of functions, nor those for type checkers."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test):
            continue
        yield child
        yield from _executed(child)


def _absolute(node: ast.ImportFrom, module: ModuleType) -> str:
    if node.level == 0:
        return node.module or ""
    package = (module.__package__ or "").split(".")
    base = package[: len(package) - node.level + 1]
    return ".".join(filter(None, [*base, node.module]))


def _shown_file(module: ModuleType) -> str:
    """The file as its author knows it: ``plugin.py`` in the top package, else with folders."""
    file = Path(str(module.__file__))
    depth = module.__name__.count(".") + (file.name == "__init__.py")
    inside = file.parts[-depth:] if depth else file.parts[-1:]
    return "/".join(inside)
