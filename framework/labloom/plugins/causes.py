"""Why loading a plugin failed: where in its own code, and what its author or user can do."""

from __future__ import annotations

import importlib.util
import pkgutil
import sys
import traceback
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

from labloom import __version__
from labloom.errors import LabloomError, PluginError, listing, nearest
from labloom.plugins.candidates import Candidate, canonical

# Where a distribution is called otherwise than the module that it brings.
DISTRIBUTIONS = {
    "sklearn": "scikit-learn",
    "skimage": "scikit-image",
    "PIL": "pillow",
    "cv2": "opencv-python",
    "yaml": "pyyaml",
    "pytorch_lightning": "pytorch-lightning",
}


def place_of(error: BaseException, candidate: Candidate) -> str | None:
    """File and line of the innermost frame in the plugin's own code; None if there is none."""
    own = code_folder(candidate)
    if own is None:
        return None
    if isinstance(error, SyntaxError) and error.filename and _lies_in(error.filename, own):
        return f"{error.filename}:{error.lineno}"
    frames = traceback.extract_tb(error.__traceback__)
    inside = [frame for frame in frames if _lies_in(frame.filename, own)]
    return f"{inside[-1].filename}:{inside[-1].lineno}" if inside else None


def code_folder(candidate: Candidate) -> Path | None:
    """The folder of the plugin's own code; None when its package is not there."""
    if candidate.source is not None:
        return candidate.source
    try:
        spec = importlib.util.find_spec(candidate.package)
    except (ImportError, ValueError):
        return None
    locations = spec.submodule_search_locations if spec else None
    return Path(next(iter(locations))) if locations else None


def remedy(error: BaseException, candidate: Candidate, place: str | None) -> str:
    """What to do about a failure, in one line."""
    if isinstance(error, LabloomError) and error.fix:
        fix = error.fix
    elif isinstance(error, ModuleNotFoundError) and error.name:
        fix = _bring_module(error.name, candidate, place)
    else:
        fix = f"mend {place or candidate.origin}"
    return fix + _other_labloom(candidate)


def bring_packages(modules: Iterable[str], candidate: Candidate) -> str:
    """How to get modules that a task requires; pip brings only what the plugin depends on."""
    required = _names_required(candidate)
    undeclared = [
        name
        for name in modules
        if canonical(DISTRIBUTIONS.get(_root(name), _root(name))) not in required
    ]
    if not undeclared:
        return f"{candidate.install_command}   (brings what the plugin needs)"
    return (
        f"{candidate.install_command}   (no dependency in {candidate.project_file} is called "
        f"{listing(undeclared)}: mend requires= if it is misspelt, or add it there first)"
    )


def wrong_entry_point(candidate: Candidate) -> PluginError:
    """The error for an entry point whose module is not there."""
    modules = _modules_of(candidate)
    near = nearest(candidate.module, modules)
    if near is None:  # the usual name, where the package has it
        near = next((name for name in modules if name.endswith(".plugin")), None)
    again = "" if candidate.folder else ", and install it again"
    return PluginError(
        f"the entry point says {candidate.entry_point}, but there is no module {candidate.module}",
        fix=f'write {candidate.id} = "{near}" in {candidate.project_file}{again}'
        if near
        else f"name an importable module in {candidate.project_file}{again}",
    )


def _bring_module(name: str, candidate: Candidate, place: str | None) -> str:
    root = _root(name)
    if root == candidate.package:
        near = nearest(name, _modules_of(candidate))
        hint = f"did you mean {near}? " if near else ""
        return f"{hint}mend {place or candidate.origin}"
    distribution = DISTRIBUTIONS.get(root, root)
    if canonical(distribution) in _names_required(candidate):
        return f"{candidate.install_command}   (brings what the plugin needs)"
    return (
        f"pip install {distribution}, and its author adds '{distribution}' "
        f"to the dependencies in {candidate.project_file}"
    )


def _root(module: str) -> str:
    return module.partition(".")[0]


def _names_required(candidate: Candidate) -> set[str]:
    from labloom.plugins.compatibility import requirements

    try:
        return {canonical(found.name) for found in requirements(candidate)}
    except PluginError:  # doctor tells about it; here the missing module is the matter
        return set()


def _other_labloom(candidate: Candidate) -> str:
    """A clause about the version of labloom, when that may be the true reason."""
    from labloom.plugins.compatibility import core_range, fits_core

    try:
        if fits_core(candidate):
            return ""
    except PluginError:
        return ""
    wanted = core_range(candidate)
    return f"; it is made for labloom {wanted}, and this is {__version__}"


def _modules_of(candidate: Candidate) -> list[str]:
    """Modules of the plugin's package; without that package, those of its distribution's."""
    packages = [candidate.package]
    if candidate.source is not None:
        packages = [file.parent.name for file in candidate.source.glob("*/__init__.py")]
    elif code_folder(candidate) is None:
        packages = [
            package
            for package, owners in metadata.packages_distributions().items()
            if candidate.distribution in map(canonical, owners)
        ]
    return [name for package in packages for name in _modules_in(package)]


def _modules_in(package: str) -> list[str]:
    spec = importlib.util.find_spec(package)
    locations = list(spec.submodule_search_locations or ()) if spec else []
    return [f"{package}.{found.name}" for found in pkgutil.iter_modules(locations)]


def _lies_in(file: str, folder: Path) -> bool:
    """Whether a file is in ``folder``, but not in an environment that happens to be inside it."""
    own = folder.resolve()
    path = Path(file).resolve()
    environment = Path(sys.prefix).resolve()
    if not path.is_relative_to(own):
        return False
    return own.is_relative_to(environment) or not path.is_relative_to(environment)
