"""``labloom schema``: JSON Schemas of option files, and what an editor has to be told."""

from __future__ import annotations

import json
from pathlib import Path

import click

from labloom.cli.output import print_table, say
from labloom.compose.json_schema import schema_groups, schema_of_group
from labloom.errors import ConfigError

EXAMPLES = """\b
Examples
  labloom schema
  labloom schema trainer
  labloom schema --write .vscode/labloom
"""


@click.command("schema", epilog=EXAMPLES)
@click.argument("group", required=False)
@click.option(
    "--write", "folder", metavar="DIR", type=Path, help="Write DIR/GROUP.json, for every group."
)
def command(group: str | None, folder: Path | None) -> None:
    """JSON Schemas of option files, so that your editor completes and flags their keys."""
    groups = [group] if group else schema_groups()
    if folder is not None:
        _write(groups, folder)
        _tell_editors(groups, folder)
    elif group is not None:
        say(_text(group))
    else:
        rows = [(name, ", ".join(_globs(name))) for name in groups]
        print_table("Schemas", ("group", "of the files"), rows)
        say()
        say("labloom schema GROUP prints one; --write DIR writes them for your editor.")


def _write(groups: list[str], folder: Path) -> None:
    texts = {name: _text(name) for name in groups}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            (folder / f"{name}.json").write_text(f"{text}\n", encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            f"--write: '{folder}' cannot be written",
            expected="a folder, which is made if it is not there",
            got=error.strerror,
        ) from error


def _tell_editors(groups: list[str], folder: Path) -> None:
    say(f"{len(groups)} schemas are in {folder}. Write them again when a plugin has changed.")
    say()
    say("VS Code with the YAML extension: add to .vscode/settings.json")
    say()
    settings = {_from_here(folder / f"{name}.json"): _globs(name) for name in groups}
    lines = [f"    {json.dumps(file)}: {json.dumps(globs)}" for file, globs in settings.items()]
    say('  "yaml.schemas": {\n' + ",\n".join(lines) + "\n  }")
    say()
    say("Any editor with yaml-language-server, for one file: below the file's first comment")
    say()
    example = (folder / f"{groups[0]}.json").resolve()
    say(f"  # yaml-language-server: $schema={example}")


def _globs(group: str) -> list[str]:
    """Where option files of a group stand, in any folder."""
    own = ["**/experiments/*.yaml"] if group == "experiment" else []
    return [*own, f"**/conf/{group}/*.yaml"]


def _from_here(file: Path) -> str:
    """The path as VS Code wants it: from the working directory, if the file is inside."""
    whole, here = file.resolve(), Path.cwd()
    if not whole.is_relative_to(here):
        return whole.as_posix()
    return f"./{whole.relative_to(here).as_posix()}"


def _text(group: str) -> str:
    return json.dumps(schema_of_group(group), indent=2, ensure_ascii=False)
