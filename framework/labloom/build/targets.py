"""Which classes a config may name by ``_target_``, and the one place that builds them.

A config must not be able to run arbitrary code. So (1) a target lies in labloom, in the task's
plugin, in a library module that holds only classes, or in a package that the user trusted on the
command line; (2) it is a class; (3) the module that *defines* the class obeys rule 1 too, because
``torch.nn.modules.module.functools.partial`` also starts with ``torch.nn.``. All of ``torch`` would
not be safe (``torch.hub.load`` runs a file), so no command line can widen ``torch``.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any

import hydra.utils
from omegaconf import DictConfig, OmegaConf

from labloom.errors import ConfigError, LabloomError, nearest
from labloom.plugins import Plugin, discover
from labloom.plugins.causes import place_of, remedy
from labloom.plugins.option_files import options_in

if TYPE_CHECKING:
    from labloom.compose.job import Job

ALWAYS_ALLOWED = (
    "labloom",
    "torch.nn",
    "torch.optim",
    "torchmetrics",
    "pytorch_lightning.callbacks",
)
NEVER_WIDENED = "torch"
INSTANTIATE_KEYS = frozenset(("_target_", "_args_", "_convert_", "_recursive_", "_partial_"))


@dataclass(frozen=True)
class TargetRules:
    """The packages that the targets of one run may come from, beside the ones always allowed.

    Args:
        packages: top-level packages, e.g. the plugin's, and those typed by the user.
    """

    packages: tuple[str, ...] = ()

    @classmethod
    def of(cls, job: Job) -> TargetRules:
        """The rules of ``job``: its plugin's package and what its command line trusts."""
        owner = (job.plugin.package,) if job.plugin else ()
        return cls((*owner, *job.trusted_packages))

    def allow(self, path: str) -> bool:
        """Whether something called ``path`` may be built."""
        wider = (name for name in self.packages if name.partition(".")[0] != NEVER_WIDENED)
        return any(_lies_in(path, package) for package in (*ALWAYS_ALLOWED, *wider))


def locate(target: str, key: str, rules: TargetRules) -> type:
    """Import the class that ``target`` names.

    Args:
        target: dotted path of a class.
        key: where the config names it, for the error: ``module._target_``.
        rules: what is allowed. Nothing is imported before its name has been allowed.

    Raises:
        ConfigError: it is not allowed, cannot be imported, does not exist or is not a class.
    """
    if not isinstance(target, str) or not all(part.isidentifier() for part in target.split(".")):
        raise ConfigError(f"{key} is no dotted path", expected="package.module.Class", got=target)
    if not rules.allow(target):
        raise _misspelt_package(target, key, rules) or _not_allowed(target, target, key)
    module, names = _import_longest(target, key)
    found: Any = module
    for name in names:
        found = _member(found, name, target, key)
    if not inspect.isclass(found):
        raise ConfigError(
            f"{key} must name a class",
            expected="a class",
            got=f"{target}, a {type(found).__name__}",
            fix="name a class; functions and modules are never called from a config",
        )
    if not rules.allow(found.__module__):
        raise _not_allowed(target, f"{found.__module__}.{found.__qualname__}", key)
    return found


def nested_targets(node: Any, key: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every mapping with a ``_target_`` in ``node``, itself included, with its dotted key."""
    if isinstance(node, Mapping):
        if "_target_" in node:
            yield key, node
        for name, value in node.items():
            yield from nested_targets(value, f"{key}.{name}")
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from nested_targets(value, f"{key}[{index}]")


def plain(node: DictConfig) -> dict[str, Any]:
    """``node`` as resolved plain containers."""
    return OmegaConf.to_container(node, resolve=True, throw_on_missing=True)


def instantiate(node: DictConfig, key: str, rules: TargetRules, **supplied: Any) -> Any:
    """Build what ``node`` describes. The only caller of Hydra's ``instantiate``.

    Args:
        node: mapping with a ``_target_``; nested targets are built too.
        key: where the node is in the config, for errors.
        rules: what may be built.
        supplied: further arguments, passed as they are: objects, or values that the config
            does not hold.

    Raises:
        ConfigError: a target is refused, or the config asks for a ``_partial_``.
        LabloomError: a constructor failed; its own error is the cause.
    """
    for place, target in nested_targets(plain(node), key):
        locate(target["_target_"], f"{place}._target_", rules)
        if target.get("_partial_"):
            raise ConfigError(
                f"{place} asks for a _partial_",
                expected="a class that is built at once",
                fix="give the class plain values and build the rest in its code",
            )
    try:
        # A factory first: `supplied` is then not copied into a config, and the errors of the outer
        # constructor are not wrapped.
        factory = hydra.utils.instantiate(node, _convert_="all", _partial_=True)
        return factory(**supplied)
    except LabloomError:
        raise
    except Exception as error:  # noqa: BLE001  a constructor is anybody's code
        cause = _innermost(error)
        raise LabloomError(
            f"{node._target_} could not be built from '{key}'",
            got=f"{type(cause).__name__}: {cause}",
            fix=f"look at the values under '{key}', or at the traceback in the run's log",
        ) from cause


def _lies_in(path: str, package: str) -> bool:
    return path == package or path.startswith(f"{package}.")


def _misspelt_package(target: str, key: str, rules: TargetRules) -> ConfigError | None:
    """The error for a package that is not there, and nearly one that may be named."""
    package, _, rest = target.partition(".")
    near = nearest(package, [name.partition(".")[0] for name in rules.packages])
    if near in (None, package) or importlib.util.find_spec(package) is not None:
        return None
    return ConfigError(
        f"{key}: there is no package '{package}'",
        got=f"{target}{_written_in(target)}",
        fix=f"did you mean {near}.{rest}?",
    )


def _written_in(target: str) -> str:
    """The plugin's option file that names ``target``, as a clause; nothing where none does."""
    for plugin in discover().plugins.values():
        for file in options_in(plugin.config_folder).values():
            lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
            for number, line in enumerate(lines, start=1):
                if re.search(rf"_target_:\s*['\"]?{re.escape(target)}\b", line):
                    return f", in {file}:{number}"
    return ""


def _not_allowed(target: str, defined: str, key: str) -> ConfigError:
    package = defined.partition(".")[0]
    if package == NEVER_WIDENED:
        fix = "of torch, only classes under torch.nn and torch.optim can be named"
    elif defined != target:
        fix = f"name it where it is defined ({defined}), or add targets=[{package}]"
    else:
        fix = f"type {key}={target} on the command line, or add targets=[{package}]"
    return ConfigError(
        f"{key} is not allowed to be {target}",
        expected="a class of labloom, the task's plugin, torch.nn, torch.optim, torchmetrics, "
        "pytorch_lightning.callbacks or a package that you named on the command line",
        got=target if defined == target else f"{target}, which is {defined}",
        fix=fix,
    )


def _import_longest(target: str, key: str) -> tuple[ModuleType, list[str]]:
    """Import the longest prefix of ``target`` that is a module; the rest are its members."""
    parts = target.split(".")
    if len(parts) == 1:
        raise ConfigError(
            f"{key} names no module",
            expected="package.module.Class",
            got=target,
            fix=f"{key}=<the file it is in, without .py>.{target}",
        )
    for length in range(len(parts) - 1, 0, -1):
        name = ".".join(parts[:length])
        try:
            return importlib.import_module(name), parts[length:]
        except ModuleNotFoundError as error:
            if error.name and _lies_in(name, error.name):  # not a module: perhaps a class in one
                continue
            raise _broken_import(target, name, key, error) from error
        except Exception as error:
            raise _broken_import(target, name, key, error) from error
    misspelt = _misspelt_package(target, key, TargetRules(_packages_of_plugins()))
    raise misspelt or ConfigError(
        f"{key}: there is no module '{parts[0]}'",
        got=target,
        fix=f"paths.code=DIR   (the folder that holds {parts[0]}.py or {parts[0]}/), "
        "or install its package",
    )


def _broken_import(target: str, module: str, key: str, error: Exception) -> LabloomError:
    if isinstance(error, ModuleNotFoundError) and error.name == "lightning":
        return ConfigError(
            f"{key}: {module} imports the package 'lightning', which is not installed",
            expected="pytorch_lightning, the same code under its other name; the two do not mix",
            fix="import pytorch_lightning as L",
        )
    owner = _plugin_of(module)
    if owner is not None:
        place = place_of(error, owner.candidate)
        return LabloomError(
            f"{key}: importing {module} of plugin '{owner.id}' failed",
            got=f"{type(error).__name__}: {_first_line(error)}" + (f" ({place})" if place else ""),
            fix=remedy(error, owner.candidate, place),
        )
    return LabloomError(
        f"{key}: importing {module} failed",
        got=f"{type(error).__name__}: {error}",
        fix=f"python -c 'import {module}'   (shows the whole error)",
    )


def _plugin_of(module: str) -> Plugin | None:
    """The plugin whose package a module is in; None for code of the user's own."""
    plugins = discover().plugins.values()
    return next((plugin for plugin in plugins if _lies_in(module, plugin.package)), None)


def _packages_of_plugins() -> tuple[str, ...]:
    return tuple(plugin.package for plugin in discover().plugins.values())


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [""])[0]


def _member(owner: Any, name: str, target: str, key: str) -> Any:
    if hasattr(owner, name):
        return getattr(owner, name)
    classes = [other for other, value in vars(owner).items() if inspect.isclass(value)]
    near = nearest(name, classes)
    stem = target.rpartition(".")[0]
    where = getattr(owner, "__name__", str(owner))
    raise ConfigError(
        f"{key}: '{where}' has no '{name}'",
        got=target,
        fix=f"did you mean {stem}.{near}?" if near else f"look at what {where} defines",
    )


def _innermost(error: BaseException) -> BaseException:
    """The user's own error under what Hydra wraps around the errors of nested nodes."""
    while type(error).__module__.startswith("hydra.") and error.__cause__ is not None:
        error = error.__cause__
    return error
