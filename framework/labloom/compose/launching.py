"""Hand a command line to Hydra's own ``main``, so that all of its flags and grammar work."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from omegaconf import DictConfig, open_dict
from omegaconf.errors import OmegaConfBaseException

from labloom.compose import searchpath
from labloom.compose.arguments import CommandLine
from labloom.compose.composing import CONFIG_MODULE, CONFIG_NAME, VERSION_BASE
from labloom.errors import ConfigError


def launch(line: CommandLine, on_job: Callable[[DictConfig], Any]) -> None:
    """Let Hydra show, run or sweep what the command line says.

    Args:
        line: the command line; labloom's own flags are not passed on.
        on_job: called for every run with the composed config, the ``hydra`` node included; what
            it returns is the objective that sweepers see, what it raises goes through.

    Raises:
        ConfigError: Hydra refuses the command line.
        Exception: what ``on_job`` raised, in a sweep the first of them.
    """
    searchpath.register(line.config_dir)
    raised: list[Exception] = []

    def task_function(config: DictConfig) -> Any:
        try:
            return on_job(_with_hydra(config))
        except Exception as error:
            if line.multirun:  # a sweeper has to know
                raise
            raised.append(error)  # past Hydra, which would print a line of its own
            return None

    main = hydra.main(f"pkg://{CONFIG_MODULE}", CONFIG_NAME, VERSION_BASE)(task_function)
    with _command_line([*line.flags, *line.overrides]), _full_errors():
        try:
            main()
        except (HydraException, OmegaConfBaseException, ValueError) as error:
            if isinstance(error, ValueError) and not _raised_by_hydra(error):
                raise
            lines = [text.strip() for text in str(error).splitlines() if text.strip()]
            raise ConfigError(lines[0], got=lines[1] if len(lines) > 1 else None) from error
    if raised:
        raise raised[0]


def _with_hydra(config: DictConfig) -> DictConfig:
    """Put back the node that Hydra takes away before it calls a task function."""
    composed = config.copy()
    with open_dict(composed):
        composed.hydra = HydraConfig.instance().cfg.hydra
    return composed


@contextmanager
def _command_line(words: Sequence[str]) -> Iterator[None]:
    """Hydra reads ``sys.argv``; so do the processes that Lightning starts for other devices."""
    before = sys.argv
    sys.argv = [before[0], *words]
    try:
        yield
    finally:
        sys.argv = before


@contextmanager
def _full_errors() -> Iterator[None]:
    """Keep Hydra from printing errors and leaving with status 1: we word them ourselves."""
    before = os.environ.get("HYDRA_FULL_ERROR")
    os.environ["HYDRA_FULL_ERROR"] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ["HYDRA_FULL_ERROR"]
        else:
            os.environ["HYDRA_FULL_ERROR"] = before


def _raised_by_hydra(error: BaseException) -> bool:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace is not None and trace.tb_frame.f_globals.get("__name__", "").startswith("hydra.")
