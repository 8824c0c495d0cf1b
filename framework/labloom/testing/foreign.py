"""What foreign code raises, told in one message with the place in the plugin's own code."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from labloom.errors import ContractError, LabloomError
from labloom.plugins import Plugin
from labloom.plugins.causes import place_of
from labloom.testing.not_checked import NotChecked


@contextmanager
def told_as_contract_error(plugin: Plugin | None) -> Iterator[None]:
    """Turn anything that is no error of labloom into one.

    Raises:
        ContractError: with the error's type, its words, and where in the plugin it was raised.
    """
    try:
        yield
    except (LabloomError, NotChecked):
        raise
    except Exception as error:
        place = place_of(error, plugin.candidate) if plugin else None
        raise ContractError(
            f"{type(error).__name__}: {error}", got=f"raised in {place}" if place else None
        ) from error


def cause_of(error: BaseException, kind: type[BaseException]) -> BaseException | None:
    """The first error of a kind in the chain of causes, ``error`` included; None without one."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, kind):
        cause = cause.__cause__
    return cause


def missing_package(error: BaseException, own_package: str) -> str | None:
    """The foreign module whose absence caused ``error``; None if something else did."""
    cause = cause_of(error, ModuleNotFoundError)
    name = getattr(cause, "name", None) or ""
    return name if name and name.partition(".")[0] != own_package else None
