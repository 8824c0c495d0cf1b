"""Write a plugin: the template's files with its names replaced, all of them or none.

The template is a working plugin called ``starter`` with the task ``classify``, so that what is
tested where it lies is what people get.
"""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path

from labloom.errors import ConfigError
from labloom.scaffold.names import Names

TEMPLATE = Path(__file__).parents[1] / "template"
# Named one by one: compiled modules and the caches of tools may lie there as well.
COPIED = (".gitignore", "*.toml", "*.md", "src/**/*.py", "src/**/*.yaml", "tests/*.py")
WORDS = re.compile("labloom-starter|TestStarter|starter|classify")


def write_plugin(names: Names, parent: Path) -> Path:
    """Write a new plugin into ``parent``.

    Args:
        names: what it is called.
        parent: an existing folder.

    Returns:
        The plugin's folder.

    Raises:
        ConfigError: the plugin's folder is there already, or cannot be written; nothing is left.
    """
    if not parent.is_dir():
        raise ConfigError(
            f"there is no folder {parent}", fix=f"mkdir -p {parent}, or choose another --dir"
        )
    target = parent / names.distribution
    if os.path.lexists(target):
        raise ConfigError(
            f"{target} is there already", fix="choose another id or --dir, or take it away"
        )
    try:
        # Beside the target, so that the last step is a renaming: it happens whole or not at all.
        with tempfile.TemporaryDirectory(dir=parent, prefix=".labloom-new-") as scratch:
            written = Path(scratch) / names.distribution
            _copy(TEMPLATE, written, names)
            written.rename(target)
    except OSError as error:
        raise ConfigError(
            f"{target} cannot be written",
            got=error.strerror,
            fix="choose a --dir that you may write in",
        ) from error
    return target


def template_files() -> list[Path]:
    """The template's files, relative to it."""
    files = (file for pattern in COPIED for file in TEMPLATE.glob(pattern))
    return sorted(file.relative_to(TEMPLATE) for file in files)


def renamed(text: str, names: Names) -> str:
    """A text of the template, or a path in it, as it reads in the new plugin."""
    title = "".join(word.capitalize() for word in names.plugin.split("_"))
    words = {
        "labloom-starter": names.distribution,
        "TestStarter": f"Test{title}",
        "starter": names.plugin,
        "classify": names.task,
    }
    # In one pass: the new id may itself be one of the words.
    return WORDS.sub(lambda found: words[found[0]], text)


def _copy(template: Path, target: Path, names: Names) -> None:
    for file in template_files():
        written = target / renamed(str(file), names)
        written.parent.mkdir(parents=True, exist_ok=True)
        text = (template / file).read_text(encoding="utf-8")
        written.write_text(renamed(text, names), encoding="utf-8")
