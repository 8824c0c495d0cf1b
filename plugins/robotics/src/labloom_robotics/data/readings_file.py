"""Files of sensor readings with an action or a state as label.

A table has one sample a line and the label in the last column, with or without a line of names:

    0.438,0.498,3.625,Slight-Right-Turn

Blocks have a line with the label, then a line of numbers for each moment; blank lines part them:

    normal
        -1  -1  63  -3  -1  0
        0   0   62  -3  -1  0

Numbers stand between commas, semicolons, tabs or blanks.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from labloom.errors import DataError, listing


class Readings(NamedTuple):
    """What a file holds.

    Args:
        values: float32 [m, sensors], or [m, moments, sensors] of blocks.
        labels: int64 [m], numbers of the classes.
        classes: names, sorted.
    """

    values: np.ndarray
    labels: np.ndarray
    classes: list[str]


def find_file(path: str, root: str) -> Path:
    """A file as typed if it is there, otherwise below ``root``.

    Raises:
        DataError: it is in neither place.
    """
    typed = Path(path).expanduser()
    places = [typed] if typed.is_absolute() else [typed, Path(root).expanduser() / typed]
    for place in places:
        if place.is_file():
            return place
    raise DataError(
        f"there is no file {path}",
        expected=f"readings in {' or '.join(str(place.absolute()) for place in places)}",
        got="a folder" if any(place.exists() for place in places) else "nothing of that name",
        fix="data.path=FILE, absolute, from the working directory, or from paths.data",
    )


def read_readings(file: Path) -> Readings:
    """Read a table or blocks; which of them it is, its first line tells.

    Raises:
        DataError: the file is empty or no text, a line does not fit the others, or there are fewer
            than two labels; the message names the file and the line.
    """
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{file} is no text", expected="a table or blocks", got=str(error)
        ) from None
    lines = [(number, line.strip()) for number, line in enumerate(text.split("\n"), start=1)]
    filled = [(number, line) for number, line in lines if line]
    if not filled:
        raise DataError(f"{file} is empty", expected="a table or blocks of readings")
    samples = (_blocks if _is_label(filled[0][1]) else _table)(file, filled)
    names = sorted({label for label, _ in samples})
    if len(names) < 2:
        raise DataError(
            f"{file} has one label only",
            expected="at least two labels, in the last column or above each block",
            got=listing(names),
            fix="check that the label is the last column",
        )
    values = np.array([rows for _, rows in samples], dtype=np.float32)
    labels = np.array([names.index(label) for label, _ in samples], dtype=np.int64)
    return Readings(values, labels, names)


def _table(file: Path, lines: Sequence[tuple[int, str]]) -> list[tuple[str, list[float]]]:
    """Label and numbers of each line."""
    cells = _cells(lines[0][1])
    # One word among numbers is a damaged line, and must not be passed over as names.
    has_names = len(cells) > 1 and all(_number(cell) is None for cell in cells[:-1])
    rows = lines[1:] if has_names else lines
    samples = []
    for number, line in rows:
        row = _cells(line)
        if len(row) != len(cells) or len(row) < 2 or not row[-1]:
            raise DataError(
                f"{file}, line {number} does not fit the lines before",
                expected=f"{max(len(cells), 2)} columns, the last one a label",
                got=f"{len(row)} columns: {line[:60]}",
                fix="correct or remove the line",
            )
        samples.append((row[-1], _numbers(file, number, row[:-1])))
    if not samples:
        raise DataError(f"{file} has a line of names and nothing below", expected="readings")
    return samples


def _blocks(file: Path, lines: Sequence[tuple[int, str]]) -> list[tuple[str, list[list[float]]]]:
    """Label and rows of numbers of each block."""
    samples: list[tuple[str, list[list[float]]]] = []
    starts: list[int] = []
    for number, line in lines:
        if _is_label(line):
            samples.append((line, []))
            starts.append(number)
        else:
            samples[-1][1].append(_numbers(file, number, _cells(line)))
    shape = [len(row) for row in samples[0][1]]
    for number, (label, rows) in zip(starts, samples, strict=True):
        if not rows:
            raise DataError(
                f"{file}, line {number}: the block {label!r} is empty",
                expected="a line of numbers for each moment below the label",
                got="nothing up to the next label",
                fix="correct or remove the block",
            )
        if [len(row) for row in rows] != shape:
            raise DataError(
                f"{file}, line {number}: the block {label!r} has another shape than the first one",
                expected=f"{len(shape)} lines of {shape[0]} numbers",
                got=f"{len(rows)} lines of {sorted({len(row) for row in rows})} numbers",
                fix="correct or remove the block",
            )
    return samples


def _is_label(line: str) -> bool:
    """Whether a line is one word, and no number."""
    cells = _cells(line)
    return len(cells) == 1 and _number(cells[0]) is None


def _cells(line: str) -> list[str]:
    """Cells between commas, semicolons or tabs; between blanks where there are none of these."""
    mark = next((mark for mark in (",", ";", "\t") if mark in line), None)
    return [cell.strip() for cell in line.split(mark)] if mark else re.split(r"\s+", line)


def _numbers(file: Path, number: int, cells: Sequence[str]) -> list[float]:
    values = [_number(cell) for cell in cells]
    for column, (cell, value) in enumerate(zip(cells, values, strict=True), start=1):
        if value is None or not np.isfinite(value):
            raise DataError(
                f"{file}, line {number}, column {column} is no number",
                expected="a finite number",
                got=repr(cell),
                fix="correct or remove the line",
            )
    return values


def _number(cell: str) -> float | None:
    try:
        return float(cell)
    except ValueError:
        return None
