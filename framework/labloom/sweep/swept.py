"""What distinguishes the trials of a sweep: the values of the swept keys."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from omegaconf import DictConfig

from labloom.compose.arguments import parse_overrides
from labloom.compose.jobs import typed_overrides
from labloom.errors import ConfigError
from labloom.record.masking import mask_override


def swept_values(overrides: Iterable[str], swept: Sequence[str]) -> dict[str, str]:
    """The values of the swept keys among a trial's overrides, as text and with secrets hidden."""
    values: dict[str, str] = {}
    for text in overrides:
        try:
            (override,) = parse_overrides([text])
        except ConfigError:  # what was recorded may have been cut or masked
            continue
        if override.key_or_group in swept:
            value = override.get_value_element_as_str()
            shown = mask_override(f"{override.key_or_group}={value}")
            values[override.key_or_group] = shown.partition("=")[2]
    return {key: values[key] for key in swept if key in values}


def composed_values(composed: DictConfig, swept: Sequence[str]) -> dict[str, str]:
    """``swept_values`` of a trial that Hydra has just composed."""
    return swept_values(typed_overrides(composed), swept)
