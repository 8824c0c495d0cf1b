"""What the readers share: text and JSON of a data set, and refusals that name the file."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py

from labloom.errors import DataError, listing, nearest

if TYPE_CHECKING:
    from collections.abc import Iterator


def read_json(file: Path) -> dict[str, Any]:
    """A JSON file that holds a mapping.

    Raises:
        DataError: it is missing, or something else.
    """
    try:
        content = json.loads(require_file(file).read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise broken(file, "JSON", error) from error
    if not isinstance(content, dict):
        raise DataError(
            f"{file} is not what it should be",
            expected="a JSON object",
            got=type(content).__name__,
            fix="copy the file again",
        )
    return content


def read_json_lines(file: Path) -> list[dict[str, Any]]:
    """A file with a JSON mapping on each line.

    Raises:
        DataError: it is missing, or a line is no JSON.
    """
    try:
        lines = require_file(file).read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines if line.strip()]
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise broken(file, "a JSON object on each line", error) from error


def write_json(file: Path, content: Mapping[str, Any]) -> None:
    """Write a mapping as JSON, and the folders on its way."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(content, indent=2), encoding="utf-8")


def require_file(file: Path) -> Path:
    """Hand on the path of a file that must be there.

    Raises:
        DataError: it is not.
    """
    if not file.is_file():
        raise DataError(
            f"{file} is missing",
            expected="a whole data set",
            got="no such file",
            fix="copy the data set again, with all of its folders",
        )
    return file


def require_key(content: Mapping[str, Any], key: str, where: object) -> Any:
    """An entry that must be there.

    Raises:
        DataError: it is not; the message tells what is.
    """
    if key not in content:
        guess = nearest(key, list(content))
        raise DataError(
            f"{where} has no '{key}'",
            expected=f"'{key}'",
            got=listing(content),
            fix=f"is '{guess}' meant? rename it" if guess else "look at what wrote it",
        )
    return content[key]


def broken(file: Path, expected: str, error: Exception) -> DataError:
    """The error for a file that its library cannot read."""
    return DataError(
        f"{file} cannot be read",
        expected=expected,
        got=f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}",
        fix="the file is cut off or damaged: copy it again",
    )


def refuse_to_overwrite(path: Path) -> None:
    """Refuse to write where something is already.

    Raises:
        DataError: there is a file, or a folder that is not empty.
    """
    if path.is_file() or (path.is_dir() and any(path.iterdir())):
        raise DataError(
            f"{path} is there already",
            expected="a new file or an empty folder",
            fix="choose another name, or take it away",
        )


def choose_keys(found: Iterable[str], wanted: Iterable[str] | None, where: object) -> list[str]:
    """The keys of observations to read: those wanted, or all, in the order of the file.

    Raises:
        DataError: one of those wanted is not there, or there is none at all.
    """
    found = list(found)
    if wanted is not None:
        for key in wanted:
            require_key(dict.fromkeys(found), key, f"{where}: observations")
        found = [key for key in found if key in set(wanted)]
    if not found:
        raise DataError(
            f"{where} has no observations",
            expected="at least one key",
            got="none",
            fix="look at what wrote it, or at data.keys",
        )
    return found


@contextmanager
def opened_hdf5(file: Path) -> Iterator[h5py.File]:
    """An HDF5 file to read from.

    Raises:
        DataError: it is missing or no whole HDF5 file.
    """
    try:
        opened = h5py.File(require_file(file), "r")
    except OSError as error:
        raise broken(file, "a whole HDF5 file", error) from error
    with opened:
        yield opened


def read_dataset(group: h5py.Group, key: str, where: object) -> Any:
    """The array of a group under ``key``, in memory.

    Raises:
        DataError: it is missing, or a group.
    """
    return require_dataset(group, key, where)[()]


def require_dataset(group: h5py.Group, key: str, where: object) -> h5py.Dataset:
    """The array of a group under ``key``, not read yet.

    Raises:
        DataError: it is missing, or a group.
    """
    found = require_key(group, key, where)
    if not isinstance(found, h5py.Dataset):
        raise DataError(
            f"{where}/{key} is not what it should be",
            expected="an array",
            got=f"a group of {listing(found)}",
            fix="look at what wrote it",
        )
    return found
