"""Build what one run trains: datamodule, spec, model and module, in this order.

Sizes that come from the data flow once: a datamodule may have a ``spec``, a mapping of plain values
that is valid after ``setup("fit")``. Its entries go to the constructor arguments of the same names
in the model and the module, so that no YAML repeats them.
"""

from __future__ import annotations

import dis
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import FunctionType
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig
from pytorch_lightning import LightningDataModule, LightningModule
from pytorch_lightning.utilities import rank_zero_only

from labloom.build import bindings
from labloom.build.hooks import ask_build
from labloom.build.optimizers import refuse_ignored_choices, supply_optimizers
from labloom.build.targets import TargetRules, instantiate, locate, plain
from labloom.build.typed import typed
from labloom.errors import ConfigError, LabloomError, PluginError

if TYPE_CHECKING:
    from labloom.compose.job import Job

PLAIN_TYPES = (bool, int, float, str, type(None))


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What one run trains.

    Args:
        module: how to train, with the model inside.
        datamodule: what to train on.
        spec: what the data says about itself, plain values; empty when it says nothing.
        built_by: id of the plugin whose ``build`` hook made the parts; empty: the core did.
    """

    module: LightningModule
    datamodule: LightningDataModule
    spec: Mapping[str, Any] = field(default_factory=dict)
    built_by: str = ""


def build_parts(job: Job) -> Parts:
    """Build the parts of ``job``: by its plugin's ``build`` hook, otherwise from the config.

    Seeding is the caller's.

    Raises:
        ConfigError: a target is refused, arguments do not bind, a typed value contradicts the
            data or would be ignored.
        PluginError: the plugin's ``build`` returned something else than module and datamodule.
        LabloomError: a constructor or the data's ``spec`` failed; the cause is kept.
    """
    parts = ask_plugin(job) or _build_from_config(job)
    supply_optimizers(parts.module, job)
    return parts


def ask_plugin(job: Job) -> Parts | None:
    """What the owning plugin's ``build`` hook returns; None when it leaves building to the core.

    Raises:
        PluginError: it returned something else than a module and a datamodule.
        LabloomError: the hook failed; its own error is the cause.
    """
    built = ask_build(job)
    if job.plugin is None or built is None:
        return None
    kinds = (LightningModule, LightningDataModule)
    if not (isinstance(built, tuple) and len(built) == 2 and all(map(isinstance, built, kinds))):
        raise PluginError(
            f"the build hook of plugin '{job.plugin.id}' returned no parts",
            expected="(LightningModule, LightningDataModule) of pytorch_lightning, or None",
            got=repr(built),
        )
    module, datamodule = built
    spec = plain_spec(getattr(datamodule, "spec", None) or {}, type(datamodule).__name__)
    return Parts(module=module, datamodule=datamodule, spec=spec, built_by=job.plugin.id)


def check_bindings(job: Job) -> None:
    """Check every ``_target_`` of the config against its class, before data is touched.

    Raises:
        ConfigError: a target is refused; an argument is unknown, missing or of the wrong type; a
            typed choice would be ignored.
    """
    config, rules = job.config, TargetRules.of(job)
    for name, node in (config.callbacks.get("extra") or {}).items():
        bindings.check_node(plain(node), f"callbacks.extra.{name}", rules)
    hook_may_build = job.plugin is not None and hasattr(job.plugin.module, "build")
    if hook_may_build and not (config.get("module") or {}).get("_target_"):
        return  # the config is written for the plugin's own `build`
    data_class = _lightning_class(config, "data", LightningDataModule, rules)
    module_class = _lightning_class(config, "module", LightningModule, rules)
    bindings.check_node(plain(config.data), "data", rules)
    spec_is_to_come = declares_spec(data_class)
    if has_model(config, module_class):
        bindings.check_node(plain(config.model), "model", rules, demand_all=not spec_is_to_come)
    elif typed(job.overrides, "model"):
        raise ConfigError(
            f"{module_class.__name__} takes no model, so {_typed(job, 'model')} would be ignored",
            expected="a module whose constructor has an argument 'model'",
            fix="leave it out, or choose another task or module._target_",
        )
    bindings.check_node(
        plain(config.module),
        "module",
        rules,
        supplied={"model"} if config.get("model") else (),
        demand_all=not spec_is_to_come,
    )
    refuse_ignored_choices(module_class, job)
    if module_class.configure_optimizers is LightningModule.configure_optimizers:
        bindings.check_node(plain(config.optimizer), "optimizer", rules, supplied={"params"})


def build_module(
    config: DictConfig, spec: Mapping[str, Any], rules: TargetRules
) -> LightningModule:
    """Build the module, with its model if it takes one, from config and spec: no data is needed.

    Raises:
        ConfigError: an argument is missing, or contradicts ``spec``.
        LabloomError: a constructor failed.
    """
    module_class = locate(config.module._target_, "module._target_", rules)
    objects = {}
    if has_model(config, module_class):
        objects["model"] = _build_with_spec(config.model, "model", spec, rules)
    return _build_with_spec(config.module, "module", spec, rules, **objects)


def has_model(config: DictConfig, module_class: type) -> bool:
    """Whether there is a model to build for a module of this class."""
    return bool(config.get("model")) and bindings.accepts(module_class, "model")


def declares_spec(datamodule_class: type) -> bool:
    """Whether datamodules of this class have a ``spec``: on the class, or set by a method.

    Asked of the class, because a ``spec`` is valid only after ``setup``, and a stranger's
    datamodule must not be set up earlier than Lightning would.
    """
    if hasattr(datamodule_class, "spec"):
        return True
    classes = datamodule_class.__mro__[: datamodule_class.__mro__.index(LightningDataModule)]
    methods = [value for cls in classes for value in vars(cls).values()]
    return any(_assigns_spec(method) for method in methods if isinstance(method, FunctionType))


def _assigns_spec(method: FunctionType) -> bool:
    """Whether ``something.spec = ...`` stands in a method, as in ``self.spec = {...}``."""
    return any(
        i.opname == "STORE_ATTR" and i.argval == "spec" for i in dis.get_instructions(method)
    )


def plain_spec(spec: Any, owner: str) -> dict[str, Any]:
    """``spec`` as a dict, if it holds nothing but plain values.

    Raises:
        LabloomError: it is no mapping, or an entry is an object.
    """
    if not isinstance(spec, Mapping):
        raise LabloomError(
            f"the spec of {owner} is no mapping",
            expected="a mapping of names to plain values, valid after setup('fit')",
            got=repr(spec),
        )
    for name, value in spec.items():
        if not isinstance(name, str) or not _is_plain(value):
            raise LabloomError(
                f"the spec of {owner} has an entry that is not plain: {name!r}",
                expected="numbers, texts, true or false, null, and lists or mappings of them",
                got=f"{type(value).__name__}: {value!r}",
                fix="convert it in the datamodule, e.g. int(x), x.tolist()",
            )
    return dict(spec)


def _build_from_config(job: Job) -> Parts:
    check_bindings(job)
    rules = TargetRules.of(job)
    datamodule = instantiate(job.config.data, "data", rules)
    spec = read_spec(datamodule)
    module = build_module(job.config, spec, rules)
    return Parts(module=module, datamodule=datamodule, spec=spec)


def read_spec(datamodule: LightningDataModule) -> dict[str, Any]:
    """What the data says about itself; empty, without setting it up, if it has no ``spec``.

    Raises:
        LabloomError: the spec holds something that is not plain.
    """
    if not declares_spec(type(datamodule)):
        return {}
    rank_zero_only(datamodule.prepare_data)()  # as Lightning does, which repeats it harmlessly
    datamodule.setup("fit")
    return plain_spec(getattr(datamodule, "spec", None) or {}, type(datamodule).__name__)


def _build_with_spec(
    node: DictConfig, key: str, spec: Mapping[str, Any], rules: TargetRules, **objects: Any
) -> Any:
    cls = locate(node._target_, f"{key}._target_", rules)
    given = plain(node)
    wanted = {name: value for name, value in spec.items() if bindings.accepts(cls, name)}
    for name, value in wanted.items():
        if given.get(name) is not None and given[name] != _as_lists(value):
            raise ConfigError(
                f"{key}.{name} contradicts the data",
                expected=f"{value!r}, as the data's spec says",
                got=f"{key}.{name}={given[name]!r}",
                fix=f"leave {key}.{name} out: it is taken from the data",
            )
    bindings.check_arguments(cls, given, key, supplied={*wanted, *objects})
    return instantiate(node, key, rules, **wanted, **objects)


def _lightning_class(config: DictConfig, key: str, base: type, rules: TargetRules) -> type:
    node = config.get(key)
    if not node or "_target_" not in node:
        raise ConfigError(
            f"the config has no {key}._target_",
            expected=f"a {base.__name__}",
            fix=f"{key}._target_=package.module.Class",
        )
    found = locate(node._target_, f"{key}._target_", rules)
    if not issubclass(found, base):
        other = any(cls.__module__.startswith("lightning.pytorch") for cls in found.__mro__)
        raise ConfigError(
            f"{key}._target_ must be a {base.__name__}",
            expected=f"a subclass of pytorch_lightning.{base.__name__}",
            got=f"{node._target_}, which comes from the package 'lightning'" if other else found,
            fix="import it from pytorch_lightning; the two packages do not mix" if other else None,
        )
    return found


def _typed(job: Job, key: str) -> str:
    return " and ".join(f"'{text}'" for text in typed(job.overrides, key))


def _is_plain(value: Any) -> bool:
    if isinstance(value, Mapping):
        return all(isinstance(name, str) and _is_plain(entry) for name, entry in value.items())
    if isinstance(value, (list, tuple)):
        return all(map(_is_plain, value))
    return type(value) in PLAIN_TYPES  # numpy.float64 is a float, and not plain


def _as_lists(value: Any) -> Any:
    """Tuples as lists, which is how a config writes them."""
    if isinstance(value, (list, tuple)):
        return [_as_lists(entry) for entry in value]
    return value
