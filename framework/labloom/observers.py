"""Tell every plugin that a run has started or finished; what they raise never harms the run."""

from __future__ import annotations

import logging
from typing import Any

from labloom.plugins import discover

log = logging.getLogger(__name__)


def notify(hook: str, **arguments: Any) -> None:
    """Call ``hook`` on every plugin, each on its own; an error is logged with the plugin's id.

    Args:
        hook: ``run_started`` or ``run_finished``.
        arguments: the hook's arguments; nothing is called when ``run`` is None.
    """
    if arguments.get("run") is None:
        return
    manager = discover().manager
    plugins = manager.list_name_plugin()
    for name, plugin in plugins:
        others = [other for _, other in plugins if other is not plugin]
        try:
            manager.subset_hook_caller(hook, others)(**arguments)
        except Exception:
            log.exception("plugin '%s' failed in %s; the run goes on", name, hook)
