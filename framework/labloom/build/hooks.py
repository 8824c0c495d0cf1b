"""Ask the hooks of the plugin that owns a task, and name plugin and hook when one fails."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pytorch_lightning import Callback

from labloom.errors import LabloomError, PluginError
from labloom.plugins import Plugin, discover
from labloom.plugins.causes import place_of, remedy

if TYPE_CHECKING:
    from labloom.compose.job import Job


def ask_build(job: Job) -> Any:
    """What the plugin's ``build`` answers, not yet looked at; None without plugin or hook.

    Raises:
        LabloomError: the hook failed; its own error is the cause.
    """
    if job.plugin is None:
        return None
    with told_as_hook("build", job.plugin):
        return discover().hooks_of(job.plugin).build(cfg=job.config, task=job.task)


def plugin_callbacks(job: Job) -> list[Callback]:
    """What the plugin's ``extra_callbacks`` returns.

    Raises:
        PluginError: something else than callbacks came.
        LabloomError: the hook failed; its own error is the cause.
    """
    if job.plugin is None:
        return []
    with told_as_hook("extra_callbacks", job.plugin):
        answers = discover().hooks_of(job.plugin).extra_callbacks(cfg=job.config, task=job.task)
        # it may be a generator, which fails only when it is read
        found = [entry for several in answers for entry in _entries(several, job.plugin)]
    for entry in found:
        if not isinstance(entry, Callback):
            raise _no_callbacks(job.plugin, entry)
    return found


@contextmanager
def told_as_hook(hook: str, plugin: Plugin) -> Iterator[None]:
    """Turn what a hook raises into one message that names plugin, hook and place."""
    try:
        yield
    except LabloomError:
        raise
    except Exception as error:
        place = place_of(error, plugin.candidate)
        raise LabloomError(
            f"the {hook} hook of plugin '{plugin.id}' ({plugin.candidate.origin}) failed",
            got=f"{type(error).__name__}: {error}" + (f" ({place})" if place else ""),
            fix=f"{remedy(error, plugin.candidate, place)}   (the run's log has the traceback)",
        ) from error


def _entries(answer: Any, plugin: Plugin) -> Iterator[Any]:
    try:
        return iter(answer)
    except TypeError as error:
        raise _no_callbacks(plugin, answer) from error


def _no_callbacks(plugin: Plugin, got: Any) -> PluginError:
    return PluginError(
        f"the extra_callbacks hook of plugin '{plugin.id}' returned no callbacks",
        expected="a list of pytorch_lightning.Callback",
        got=repr(got),
    )
