"""``labloom new ID``: write a plugin of one's own that trains at once."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import click

from labloom.cli.output import say
from labloom.plugins import discover
from labloom.scaffold import Names, choose_names, write_plugin

EXAMPLES = """\b
Examples
  labloom new speech
  labloom new speech --task detect --dir plugins
"""


@click.command("new", epilog=EXAMPLES)
@click.argument("plugin", metavar="ID")
@click.option("--task", default="classify", show_default=True, help="What its first task does.")
@click.option(
    "--dir", "parent", default=".", type=click.Path(path_type=Path), help="Where; default: here."
)
def command(plugin: str, task: str, parent: Path) -> None:
    """Write a plugin of your own, which trains at once, into DIR/labloom-ID.

    ID begins the names of the plugin's tasks and option files: 'labloom new speech --task detect'
    gives task=speech_detect. The plugin is an ordinary pip distribution with a small model, data
    that scikit-learn carries, an experiment and tests; put your own in their place.
    """
    names = choose_names(plugin, task, discover())
    folder = write_plugin(names, parent)
    _say_tree(names, folder)
    say()
    _say_next(names, folder)


def _say_tree(names: Names, folder: Path) -> None:
    package = f"src/{names.package}/"
    lines = (
        ("pyproject.toml", "the distribution, its version and what it needs"),
        (f"{package}", ""),
        ("  plugin.py", "the task's name and metric"),
        (f"  {names.task}.py", "the loss and the metrics"),
        ("  data.py", "what a batch is"),
        ("  nets.py", "the networks"),
        ("  conf/", "option files for task=, model=, data=, experiment="),
        ("tests/", "what labloom asks of every plugin, and your own"),
    )
    width = max(len(name) for name, meaning in lines if meaning)
    say(f"wrote {folder}")
    for name, meaning in lines:
        say(f"  {name:<{width}}  {meaning}".rstrip())


def _say_next(names: Names, folder: Path) -> None:
    say("next")
    discover.cache_clear()
    if names.plugin not in discover().plugins:  # a folder of plugins is looked at by itself
        others = "$LABLOOM_PLUGINS:" if os.environ.get("LABLOOM_PLUGINS") else ""
        path = shlex.quote(str(folder.resolve()))
        install = f"pip install -e {shlex.quote(str(folder))}"
        say(f"  export LABLOOM_PLUGINS={others}{path}      # or: {install}")
    task = f"task={names.full_task}"
    say(f"  labloom run {task}")
    say(f"  labloom run -m {task} model.width=16,64 optimizer.lr=1e-3,1e-2")
    say(f"  labloom check {names.plugin}")
