"""A resolved config as MLflow parameters: every leaf under its dotted key, in stable text."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from labloom.record.masking import mask_override, mask_value

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from labloom.compose.job import Job


def plain_config(config: DictConfig | Mapping[str, Any]) -> dict[str, Any]:
    """The config as plain values, interpolations resolved and secrets hidden."""
    from omegaconf import OmegaConf

    resolved = (
        OmegaConf.to_container(config, resolve=True, enum_to_str=True)
        if OmegaConf.is_config(config)
        else dict(config)
    )
    return {str(key): mask_value(str(key), value) for key, value in resolved.items()}


def config_yaml(config: DictConfig | Mapping[str, Any]) -> str:
    """The resolved config as YAML, secrets hidden."""
    import yaml

    return yaml.safe_dump(
        plain_config(config), sort_keys=False, allow_unicode=True, default_flow_style=False
    )


def config_params(config: DictConfig | Mapping[str, Any]) -> dict[str, str]:
    """Every leaf of the config under its dotted key; a list counts as one leaf."""
    return {key: stable_text(value) for key, value in _leaves("", plain_config(config))}


def job_params(job: Job) -> dict[str, str]:
    """The parameters of one run: its config, and the chosen option of every config group."""
    params = config_params(job.config)
    for group, option in job.choices.items():
        if option is not None and not group.startswith("hydra"):
            params.setdefault(group.replace("@", " at "), str(option))
    return params


def masked_overrides(job: Job) -> list[str]:
    """The overrides that the user typed for this run, secrets hidden."""
    return [mask_override(override) for override in job.overrides]


def masked_words(job: Job) -> list[str]:
    """What was typed behind ``labloom run``, secrets hidden."""
    folder = ["--config-dir", job.config_dir] if job.config_dir else []
    return [*folder, *masked_overrides(job)]


def stable_text(value: Any) -> str:
    """A value as text that is the same in every run that has the same value."""
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return repr(value)
    return json.dumps(value, ensure_ascii=False, default=str)


def _leaves(prefix: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            yield from _leaves(f"{prefix}.{key}" if prefix else str(key), item)
    elif prefix:
        yield prefix, value
