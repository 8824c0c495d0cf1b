"""Find and read one option file, as Hydra would, and say in one message what is wrong with it."""

from __future__ import annotations

import importlib.resources
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from hydra.core.global_hydra import GlobalHydra
from hydra.plugins.config_source import ConfigSource
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from labloom.errors import ConfigError

# Groups whose options change the whole config, not only the node of their own name.
GLOBAL_GROUPS = ("task", "experiment", "debug")
_HEADER = re.compile(r"@package\s+_global_")


def find_option_file(option: str) -> Path | None:
    """The file of an option such as ``model/vision_cnn``; None when Hydra finds none.

    Hydra must be initialised.
    """
    for source in GlobalHydra.instance().config_loader().get_sources():
        if source.scheme() != "structured" and source.is_config(option):
            return _file_in(source, option)
    return None


def read_option_file(file: Path) -> Mapping[str, Any]:
    """The keys of an option file, ``defaults`` included, as they are written.

    Raises:
        ConfigError: it is no YAML, or no mapping; the message has the line.
    """
    try:
        content = OmegaConf.to_container(OmegaConf.load(file), resolve=False)
    except yaml.YAMLError as error:
        raise yaml_error(error, file) from error
    except OmegaConfBaseException as error:
        raise ConfigError(
            f"the value of '{error.full_key}' in {file} cannot be read",
            got=str(error).splitlines()[0],
            fix=f"quote it if it is a text: {file}",
        ) from error
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"{file} cannot be read as YAML",
            got=str(error).splitlines()[0],
            fix=f"save it as UTF-8 text with keys and values: {file}",
        ) from error
    if not isinstance(content, Mapping):
        raise ConfigError(
            f"{file} holds no keys",
            expected="lines such as width: 32",
            got=f"a {type(content).__name__}",
            fix=f"write keys and values into {file}",
        )
    return content


def yaml_error(error: yaml.YAMLError, file: Path | None = None) -> ConfigError:
    """The error for a file that is no YAML: file, line, and what the parser says."""
    mark = getattr(error, "problem_mark", None)
    name = str(file or (mark.name if mark else "an option file"))
    place = f"{name}:{mark.line + 1}" if mark else name
    problem = getattr(error, "problem", None) or str(error).splitlines()[0]
    if "\\t" in problem:
        problem += " (YAML takes spaces only)"
    return ConfigError(f"{place} cannot be read as YAML", got=problem, fix="mend that line")


def check_option_file(file: Path, group: str) -> None:
    """Refuse a file that cannot be read, or whose header puts it in the wrong place.

    Raises:
        ConfigError: names the file.
    """
    content = read_option_file(file)
    wants_header = group in GLOBAL_GROUPS and bool(content)
    if wants_header and not _HEADER.search(_header(file)):
        raise ConfigError(
            f"{file} sets keys under '{group}' instead of at the top",
            expected="# @package _global_ in its first line",
            fix=f"write # @package _global_ as the first line of {file}",
        )


def _header(file: Path) -> str:
    """The comments above the first key, which is where Hydra looks for its directives."""
    lines = file.read_text(encoding="utf-8").splitlines()
    first = next((i for i, line in enumerate(lines) if line and not line.startswith("#")), None)
    return "\n".join(lines[:first])


def _file_in(source: ConfigSource, option: str) -> Path | None:
    name = f"{option}.yaml"
    if source.scheme() == "pkg":
        package, _, inside = source.path.partition("/")
        found = importlib.resources.files(package).joinpath(inside, name)
        return found if isinstance(found, Path) else None
    if source.scheme() == "experiments":
        name = name.removeprefix("experiment/")
    return Path(source.path) / name
