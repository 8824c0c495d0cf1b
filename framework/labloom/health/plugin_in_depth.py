"""One plugin in depth: its hooks, tasks and option files, and whether each of them composes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

from labloom.compose.checks import MissingValueError
from labloom.compose.composing import compose_config, hydra_ready
from labloom.compose.jobs import make_job
from labloom.errors import ConfigError, listing
from labloom.health.findings import Section, finding_of
from labloom.health.option_contents import BUILT, about_contents
from labloom.health.plugins import about_failure, about_plugin, broken_options
from labloom.hookspecs import Task
from labloom.plugins import Plugin, Registry, missing_packages
from labloom.plugins.hooks import place_of_hook
from labloom.plugins.option_files import options_in

Look = Callable[[], Section]


def looks_at(plugin_id: str, registry: Registry) -> Iterator[tuple[str, Look]]:
    """Titles, each with what looks: at a loaded plugin in depth, at a failure as far as it came."""
    if plugin_id in registry.failures:
        yield "Plugin", lambda: about_failure(registry.failures[plugin_id])
        return
    if plugin_id in registry.disabled:
        rows = [(plugin_id, "switched off by LABLOOM_DISABLE")]
        yield "Plugin", lambda: Section(rows)
        return
    plugin = registry.plugins[plugin_id]
    yield "Plugin", lambda: about_plugin(plugin)
    yield "Hooks", lambda: look_at_hooks(plugin)
    yield "Options", lambda: look_at_options(plugin)
    yield "Tasks", lambda: look_at_tasks(plugin)
    yield "Choices", lambda: look_at_choices(plugin)


def look_at_hooks(plugin: Plugin) -> Section:
    """The hooks that the plugin implements, and where."""
    rows = [(name, place_of_hook(getattr(plugin.module, name))) for name in plugin.hooks]
    return Section(rows or [("none", "the plugin implements no hook")], plugin.hooks)


def look_at_options(plugin: Plugin) -> Section:
    """The option files, by group, and which of them cannot be read."""
    broken = dict(broken_options(plugin))  # what is wrong is told with the plugin
    groups: dict[str, list[str]] = {}
    for option in options_in(plugin.config_folder):
        group, _, name = option.rpartition("/")
        groups.setdefault(group, []).append(f"{name} (BROKEN)" if option in broken else name)
    rows = [(group, ", ".join(names)) for group, names in groups.items()]
    findings = list(about_contents(plugin))
    return Section(
        rows or [("none", "the plugin brings no option file")], groups, findings=findings
    )


def look_at_tasks(plugin: Plugin) -> Section:
    """Each task with its objective, and whether a run of it, or of an experiment, composes."""
    rows, facts, findings = [], {}, []
    choices = [(f"task={task.name}", task) for task in plugin.tasks]
    choices += [(f"experiment={name}", None) for name in _experiments(plugin)]
    told = {error.problem for _, error in broken_options(plugin)}
    with hydra_ready():
        for choice, task in choices:
            state, error = _composed(choice, task)
            rows.append((choice.partition("=")[2], f"{_objective(task)}{state}"))
            facts[choice] = state
            if error is not None and error.problem not in told:
                findings.append(finding_of(error, f"{choice} does not compose: "))
    return Section(rows or [("none", "the plugin has no task")], facts, findings=findings)


def look_at_choices(plugin: Plugin) -> Section:
    """Whether each model and data set composes with the plugin's first task that does."""
    rows, findings = [], []
    broken = dict(broken_options(plugin))
    choices = [option for option in options_in(plugin.config_folder) if option not in broken]
    with hydra_ready():
        task = next((task for task in plugin.tasks if _composes(task)), None)
        own = _groups_of(task) if task else ()
        for group, _, name in (option.partition("/") for option in choices):
            if task is None or group not in BUILT:
                continue
            choice = f"{'' if group in own else '+'}{group}={name}"
            state, error = _composed(choice, task, f"task={task.name}")
            rows.append((choice, state))
            if error is not None:
                findings.append(finding_of(error, f"task={task.name} {choice} does not compose: "))
    return Section(rows or [("none", "nothing to choose with a task")], None, (), findings)


def _groups_of(task: Task) -> Collection[str]:
    """Groups of which the task, or the core, chooses an option; others are added with ``+``."""
    return set(compose_config([f"task={task.name}"]).hydra.runtime.choices)


def _composes(task: Task) -> bool:
    return not missing_packages(task) and _composed(f"task={task.name}", task)[1] is None


def _composed(choice: str, task: Task | None, *before: str) -> tuple[str, ConfigError | None]:
    missing = missing_packages(task) if task else []
    if missing:
        return f"not composed: needs {listing(missing)}", None
    try:
        make_job(compose_config([*before, choice]), output_dir="")
    except MissingValueError as error:
        return f"composes, once there is {error.fix}", None
    except ConfigError as error:
        return "does not compose", error
    return "composes", None


def _experiments(plugin: Plugin) -> list[str]:
    folder = plugin.config_folder / "experiment"
    return sorted(file.stem for file in folder.glob("*.yaml"))


def _objective(task: Task | None) -> str:
    if task is None:
        return ""
    return f"{task.mode} {task.monitor}; " if task.monitor else "no objective; "
