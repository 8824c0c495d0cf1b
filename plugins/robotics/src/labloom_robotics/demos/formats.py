"""Which format a path has, and its reader. A path comes first; nothing here uses a network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from labloom.errors import ConfigError, DataError, listing, nearest
from labloom_robotics.demos.episode import Demonstrations
from labloom_robotics.demos.lerobot import is_lerobot, read_info
from labloom_robotics.demos.lerobot_v21 import read_lerobot_v21
from labloom_robotics.demos.lerobot_v30 import read_lerobot_v30
from labloom_robotics.demos.minari import is_minari, read_minari
from labloom_robotics.demos.robomimic import is_robomimic, read_robomimic

LAYOUTS = {
    "minari": "a folder NAME-v0 with data/metadata.json and data/main_data.hdf5",
    "lerobot": "a folder with meta/info.json and data/chunk-000/*.parquet (v2.1 or v3.0)",
    "robomimic": "a file NAME.hdf5 with groups data/demo_0, data/demo_1, ...",
}


def read_lerobot(path: Path, keys: Sequence[str] | None = None) -> Demonstrations:
    """Read a LeRobot data set of whichever version its ``meta/info.json`` tells.

    Raises:
        DataError: files are missing, corrupt, or contradict each other.
    """
    version = read_info(path)["codebase_version"]
    read = read_lerobot_v30 if version == "v3.0" else read_lerobot_v21
    return read(path, keys)


READERS: dict[str, Callable[[Path, Sequence[str] | None], Demonstrations]] = {
    "minari": read_minari,
    "lerobot": read_lerobot,
    "robomimic": read_robomimic,
}
TESTS: dict[str, Callable[[Path], bool]] = {
    "minari": is_minari,
    "lerobot": is_lerobot,
    "robomimic": is_robomimic,
}


def read_demonstrations(
    path: Path, source: str = "auto", keys: Sequence[str] | None = None
) -> Demonstrations:
    """Read demonstrations from a file or folder.

    Args:
        path: where they are.
        source: minari, lerobot, robomimic, or auto: told by the files.
        keys: of the observations, those to read; None: all.

    Raises:
        ConfigError: ``source`` is not known.
        DataError: the path is missing, or is not in that format, or corrupt.
    """
    if source != "auto" and source not in READERS:
        known = ["auto", *READERS]
        raise ConfigError(
            f"data.source={source} is not known",
            expected=f"one of {listing(['expert', *known])}",
            got=repr(source),
            fix=f"data.source={nearest(str(source), known) or 'auto'}",
        )
    if not path.exists():
        raise DataError(
            f"{path} is not there",
            expected=_layouts(source),
            got="no such file or folder",
            fix="put the data set there, or point data.path at it; nothing is downloaded",
        )
    return READERS[_format(path) if source == "auto" else source](path, keys)


def _format(path: Path) -> str:
    found = [name for name, test in TESTS.items() if test(path)]
    if found:
        return found[0]
    inside = [entry.name for entry in path.iterdir()] if path.is_dir() else [path.name]
    raise DataError(
        f"{path} is in no format that is known here",
        expected=_layouts("auto"),
        got=listing(inside, limit=6),
        fix="point data.path at the data set itself, or name its format: data.source=lerobot",
    )


def _layouts(source: str) -> str:
    return LAYOUTS[source] if source in LAYOUTS else "; or ".join(LAYOUTS.values())
