"""Do the option files compose, and do their targets bind?"""

from __future__ import annotations

from collections.abc import Mapping

import yaml

from labloom.build.bindings import check_node
from labloom.build.parts import check_bindings, declares_spec
from labloom.build.targets import TargetRules, locate, plain
from labloom.compose.checks import MissingValueError
from labloom.compose.composing import compose_config, hydra_ready
from labloom.compose.job import Job
from labloom.compose.jobs import make_job
from labloom.errors import ContractError, LabloomError
from labloom.plugins import Plugin
from labloom.testing.bench import Workbench
from labloom.testing.cases import Case
from labloom.testing.fitting import NO_TASK
from labloom.testing.not_checked import NotChecked

LEAKING = ("model", "data")


def composes(bench: Workbench, case: Case) -> None:
    """The task or option composes with nothing missing, and every key fits.

    Raises:
        ConfigError: it does not compose.
        ContractError: a task file sets keys of model or data.
        NotChecked: an option leaves a value to its user.
    """
    if case.task is not None:
        bench.job(case)
        _refuse_leaking_keys(bench.plugin, case.task)
        return
    _composed_option(bench, case)


def experiments_compose(plugin: Plugin) -> None:
    """Every experiment that the plugin brings composes.

    Raises:
        ConfigError: one does not.
        NotChecked: the plugin brings none, or it needs a value of the user's.
    """
    files = sorted((plugin.config_folder / "experiment").glob("*.yaml"))
    if not files:
        raise NotChecked("the plugin brings no experiment")
    for file in files:
        try:
            with hydra_ready():
                make_job(compose_config([f"experiment={file.stem}"]), output_dir="")
        except MissingValueError as error:
            raise NotChecked(f"experiment={file.stem} needs {error.fix}") from error


def targets_bind(bench: Workbench, case: Case) -> None:
    """Every ``_target_`` exists, has the right base class and takes the keys it is given.

    Raises:
        ConfigError: names the key, what was expected and what came.
    """
    if case.task is not None:
        check_bindings(bench.job(case))
        return
    job = _composed_option(bench, case)
    rules = TargetRules.of(job)
    node = plain(job.config[case.group])
    from_spec = case.group == "model" and declares_spec(
        locate(job.config.data._target_, "data._target_", rules)
    )
    check_node(node, case.group, rules, demand_all=not from_spec)


def _composed_option(bench: Workbench, case: Case) -> Job:
    """A job with an option, and with the first task that it composes with."""
    refusals: list[LabloomError] = []
    if not bench.plugin.tasks:
        raise NotChecked(NO_TASK)
    for task in bench.plugin.tasks:
        try:
            return bench.job(case, task=task.name)
        except MissingValueError as error:
            raise NotChecked(f"it needs {error.fix}") from error
        except LabloomError as error:
            refusals.append(error)
    raise refusals[0]


def _refuse_leaking_keys(plugin: Plugin, task: str) -> None:
    file = plugin.config_folder / "task" / f"{task}.yaml"
    content = yaml.safe_load(file.read_text(encoding="utf-8"))
    leaking = [key for key in LEAKING if isinstance(content, Mapping) and key in content]
    if leaking:
        raise ContractError(
            f"{file} sets keys under '{leaking[0]}:'",
            expected="'task:' and 'module:' only",
            got=f"{leaking[0]}: {content[leaking[0]]}",
            fix=f"set them in conf/{leaking[0]}/*.yaml: here they would leak into every other "
            f"{leaking[0]} that a user chooses",
        )
