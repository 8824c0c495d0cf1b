"""Compose and validate a command line before anything is created, sweeps included.

A sweep is checked value by value, not combination by combination: the first trial in full, then
every other value of each swept key with the first values of the others. That is the sum of the
numbers of values, not their product, and finds a wrong value before the first trial starts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.types import Override
from hydra.types import RunMode
from omegaconf import OmegaConf
from omegaconf.errors import InterpolationResolutionError

from labloom.compose.arguments import CommandLine, free_custom_nodes, parse_overrides
from labloom.compose.checks import MissingValueError
from labloom.compose.composing import CONFIG_NAME, compose_config
from labloom.compose.explain import REFUSALS
from labloom.compose.job import Job
from labloom.compose.jobs import make_job
from labloom.errors import ConfigError


@dataclass(frozen=True)
class Plan:
    """A command line that can be run.

    Args:
        line: the command line, ready for Hydra; ``line.multirun`` also where a file sets
            ``hydra.mode: MULTIRUN``.
        jobs: the run, or trials of the sweep that together have every listed value; first of all
            the first trial.
        swept: keys whose values differ from trial to trial, those of ``hydra.sweeper.params``
            first, then in the order they were typed.
        trials: number of trials, if the values are listed; None when a sweeper draws them.
        sweep_dir: folder of the sweep, as Hydra would make it.
    """

    line: CommandLine
    jobs: tuple[Job, ...]
    swept: tuple[str, ...] = ()
    trials: int | None = 1
    sweep_dir: str = ""

    @property
    def first(self) -> Job:
        """The run, or the first trial."""
        return self.jobs[0]


def check_plan(line: CommandLine) -> Plan:
    """Validate a command line. Call it inside ``hydra_ready``; nothing heavy is imported.

    Raises:
        ConfigError: the command line or any config that it asks for is wrong.
    """
    texts = free_custom_nodes(line.overrides)
    line = replace(line, overrides=texts)
    parsed = parse_overrides(texts)
    mode, stored = _stored_sweep(texts)
    if mode is RunMode.MULTIRUN and "--multirun" not in line.flags:
        line = replace(line, flags=(*line.flags, "--multirun"))
    if line.multirun:
        parsed = _with_stored(parsed, stored)
    swept = [override for override in parsed if override.is_sweep_override()]
    if swept and not line.multirun:
        raise ConfigError(
            f"'{swept[0].input_line}' has several values, and this is a single run",
            fix="add -m for a sweep, or quote the text: 'key=\"a,b\"'",
        )
    listed = [override for override in swept if override.is_discrete_sweep()]
    values = {override.get_key_element(): _values(override) for override in listed}
    fixed = [str(override.input_line) for override in parsed if not override.is_sweep_override()]
    combinations = list(_combinations(values))
    composed = [compose_config([*fixed, *combination]) for combination in combinations]
    jobs = tuple(make_job(config, output_dir="") for config in composed)
    if line.multirun:
        _check_confirmation(jobs[0], [*fixed, *combinations[0]])
    count = 1
    for choices in values.values():
        count *= len(choices)
    return Plan(
        line=line,
        jobs=jobs,
        swept=tuple(override.key_or_group for override in swept),
        trials=count if len(listed) == len(swept) else None,
        sweep_dir=str(composed[0].hydra.sweep.dir),
    )


def check_shown(line: CommandLine) -> None:
    """Validate what ``--cfg`` shows: like a run, but open values are what one looks for there.

    Raises:
        ConfigError: something else is wrong than a missing value or an interpolation to nowhere.
    """
    try:
        check_plan(line)
    except MissingValueError:
        pass
    except ConfigError as error:
        if not isinstance(error.__cause__, InterpolationResolutionError):
            raise


def _stored_sweep(overrides: Sequence[str]) -> tuple[RunMode | None, dict[str, Any]]:
    """``hydra.mode`` and ``hydra.sweeper.params``, from a file or typed, as Hydra reads them.

    Nothing where Hydra cannot compose: the composition of the first trial tells why.
    """
    loader = GlobalHydra.instance().config_loader()
    try:
        composed = loader.load_configuration(
            CONFIG_NAME, list(overrides), RunMode.MULTIRUN, validate_sweep_overrides=False
        )
    except REFUSALS:
        return None, {}
    params = OmegaConf.select(composed, "hydra.sweeper.params")
    return composed.hydra.mode, dict(params or {})


def _with_stored(typed: list[Override], stored: Mapping[str, Any]) -> list[Override]:
    """The stored sweep's overrides, then the typed ones, which win as they do in Hydra.

    Raises:
        ConfigError: a stored override names a package to trust.
    """
    typed_keys = {override.get_key_element() for override in typed}
    added = parse_overrides(f"{key}={value}" for key, value in stored.items())
    _refuse_trust(added, typed)
    return [*(o for o in added if o.get_key_element() not in typed_keys), *typed]


def _refuse_trust(stored: Sequence[Override], typed: Sequence[Override]) -> None:
    """Hydra's sweepers turn stored values into typed ones, by which a file would trust itself."""
    typed_keys = {override.key_or_group for override in typed}
    for override in stored:
        names_a_class = "_target_" in str(override.input_line)
        trusts = override.key_or_group == "targets" or names_a_class
        if trusts and override.key_or_group not in typed_keys:
            raise ConfigError(
                f"hydra.sweeper.params sets {override.key_or_group}",
                expected="targets only on the command line, so that a file cannot trust itself",
                fix=f"if you trust it, type it: '{override.input_line}'",
            )


def _combinations(values: dict[str, list[str]]) -> Iterator[list[str]]:
    first = {key: options[0] for key, options in values.items()}
    yield _as_overrides(first)
    for key, options in values.items():
        for option in options[1:]:
            yield _as_overrides({**first, key: option})


def _as_overrides(values: dict[str, str]) -> list[str]:
    return [f"{key}={value}" for key, value in values.items()]


def _check_confirmation(first: Job, overrides: list[str]) -> None:
    """Compose the runs that ``sweep.confirm`` asks for, so that they cannot fail at the end."""
    confirm = first.config.sweep.confirm
    if confirm.key is None:
        return
    if not confirm.over:
        raise ConfigError(
            f"sweep.confirm.key is {confirm.key}, but there are no values",
            fix="'sweep.confirm.over=[0,1,2]'",
        )
    for value in confirm.over:
        kept = [text for text in overrides if text.lstrip("+").partition("=")[0] != confirm.key]
        make_job(compose_config([*kept, f"{confirm.key}={value}"]), output_dir="")


def _values(override: Override) -> list[str]:
    """The listed values of a swept override; the names of options behind ``glob``."""
    override.config_loader = GlobalHydra.instance().config_loader()
    found = list(override.sweep_string_iterator())
    if not found:
        raise ConfigError(
            f"'{override.input_line}' matches nothing",
            fix=f"labloom list   (shows the options of {override.key_or_group})",
        )
    return found
