"""Compose a config by Hydra, with plugins' and users' option files in reach."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from hydra import compose, initialize_config_module
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig

from labloom.compose import searchpath
from labloom.compose.checks import check_groups
from labloom.compose.chosen_files import check_chosen_files
from labloom.compose.explain import REFUSALS, explain
from labloom.errors import ConfigError

CONFIG_MODULE = "labloom.conf"
CONFIG_NAME = "config"
VERSION_BASE = "1.3"


@contextmanager
def hydra_ready(config_dir: str | None = None) -> Iterator[None]:
    """Initialise Hydra for ``compose_config``; nothing is left initialised afterwards.

    Args:
        config_dir: the user's own folder of option files, searched first.

    Raises:
        ConfigError: ``config_dir`` is no folder.
    """
    if config_dir is not None and not Path(config_dir).is_dir():
        raise ConfigError(
            f"--config-dir: there is no folder '{config_dir}'",
            expected="a folder with option files such as model/mine.yaml",
        )
    searchpath.register(config_dir)
    GlobalHydra.instance().clear()
    with initialize_config_module(CONFIG_MODULE, version_base=VERSION_BASE):
        yield


def compose_config(overrides: Sequence[str]) -> DictConfig:
    """Compose one run, the ``hydra`` node included. Call it inside ``hydra_ready``.

    Raises:
        ConfigError: an override names what does not exist, or values do not go together.
    """
    try:
        composed = compose(CONFIG_NAME, overrides=list(overrides), return_hydra_config=True)
    except REFUSALS as error:
        raise explain(error, overrides) from error
    check_chosen_files(composed.hydra.runtime.choices)
    check_groups(composed)
    return composed
