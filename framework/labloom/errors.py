"""Every error that labloom raises for something its user can mend.

LabloomError                 exit status 1: a run failed
├── ConfigError              exit status 2: the command line or the composed config is wrong
│   ├── NoTestStageError     exit status 2: module or datamodule have nothing to test with
│   └── PluginError          exit status 2: the plugin asked for is broken, missing or ambiguous
├── DataError                exit status 1: data is missing, empty or corrupt
├── StoreError               exit status 1: the MLflow store cannot be reached
├── CheckpointError          exit status 1: a checkpoint is missing or cannot be used
└── ContractError            exit status 1: a plugin breaks the contract that labloom check tests
    └── NetworkError         exit status 1: something reached for the network where it may not

A run that was opened and failed ends with 1, whatever the error.

Stopped                      not an Exception: Ctrl-C (exit status 130) or SIGTERM (143)
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from enum import IntEnum


class ExitStatus(IntEnum):
    """Exit statuses of the command line."""

    DONE = 0
    FAILED = 1
    WRONG_USAGE = 2
    INTERRUPTED = 130
    TERMINATED = 143


class LabloomError(Exception):
    """A mistake or a failure, told in one short message.

    Args:
        problem: what is wrong, in one line that names the key, file or task.
        expected: what would have been right.
        got: what came instead.
        fix: what to do about it.
    """

    exit_status = ExitStatus.FAILED

    def __init__(
        self,
        problem: str,
        *,
        expected: str | None = None,
        got: str | None = None,
        fix: str | None = None,
    ) -> None:
        super().__init__(problem)
        self.problem = problem
        self.expected = expected
        self.got = got
        self.fix = fix

    def __str__(self) -> str:
        details = (("expected", self.expected), ("got", self.got), ("fix", self.fix))
        lines = [f"  {label + ':':<10}{text}" for label, text in details if text is not None]
        return "\n".join([self.problem, *lines])


class ConfigError(LabloomError):
    """The command line or the composed config is wrong."""

    exit_status = ExitStatus.WRONG_USAGE


class NoTestStageError(ConfigError):
    """The module has no test step or the datamodule no test data."""


class PluginError(ConfigError):
    """The plugin that was asked for is broken, missing or ambiguous."""


class DataError(LabloomError):
    """Data is missing, empty or corrupt; the message names the file or the class."""


class StoreError(LabloomError):
    """The MLflow store cannot be reached, or does not hold what was asked for."""


class CheckpointError(LabloomError):
    """A checkpoint is missing or cannot be used."""


class ContractError(LabloomError):
    """A plugin does not do what every plugin has to; the message says how to mend it."""


class NetworkError(ContractError):
    """Something reached for the network while it was blocked."""


class Stopped(BaseException):
    """The process was asked to stop. Not an Exception, so that nothing on the way swallows it.

    Args:
        exit_status: INTERRUPTED after Ctrl-C, TERMINATED after SIGTERM.
    """

    def __init__(self, exit_status: ExitStatus) -> None:
        super().__init__(f"stopped by {'Ctrl-C' if exit_status == 130 else 'SIGTERM'}")
        self.exit_status = exit_status


def nearest(name: str, known: Iterable[str], cutoff: float = 0.6) -> str | None:
    """The known name that ``name`` most probably meant, or None when nothing is near.

    Args:
        name: as it was typed.
        known: names that would have been right.
        cutoff: how near they have to be, from 0 to 1, which is the same.
    """
    matches = difflib.get_close_matches(name, list(known), n=1, cutoff=cutoff)
    return matches[0] if matches else None


def listing(names: Iterable[str], limit: int = 12) -> str:
    """Names in one line, sorted, cut after ``limit`` of them."""
    ordered = sorted(names)
    more = f" and {len(ordered) - limit} more" if len(ordered) > limit else ""
    return ", ".join(ordered[:limit]) + more if ordered else "(none)"
