"""What reading and writing Minari's data sets share: names of files, and spaces as JSON.

Minari writes a space as ``type``, ``dtype``, ``shape``, ``low`` and ``high``; ``n`` and ``start``
for a choice, ``subspaces`` for a Dict. See ``minari`` for the rest of the layout.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium import spaces

from labloom.errors import DataError

METADATA, MAIN = "metadata.json", "main_data.hdf5"
SMALLEST_IMAGE = 32  # pixels; Minari takes smaller arrays for no images


def space_told(metadata: Mapping[str, Any], name: str, file: Path) -> spaces.Space | None:
    """The space that the metadata tell; None where they do not, as before Minari 0.4.2.

    Args:
        metadata: of the data set.
        name: ``observation`` or ``action``.
        file: that they come from.

    Raises:
        DataError: it is no space that is read.
    """
    text = metadata.get(f"{name}_space")
    if text is None:
        return None
    try:
        return _space_of_json(json.loads(text))
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"{file}: {name}_space cannot be used",
            expected="Box, Discrete that starts at 0, or Dict of Boxes",
            got=str(text)[:120],
            fix="flatten or rename what was recorded",
        ) from error


def space_as_json(space: spaces.Space) -> dict[str, Any]:
    """A space as the metadata tell it."""
    if isinstance(space, spaces.Dict):
        return {
            "type": "Dict",
            "subspaces": {key: space_as_json(part) for key, part in space.spaces.items()},
        }
    if isinstance(space, spaces.Discrete):
        return {"type": "Discrete", "dtype": "int64", "start": 0, "n": int(space.n)}
    return {
        "type": "Box",
        "dtype": str(space.dtype),
        "shape": list(space.shape),
        "low": space.low.tolist(),
        "high": space.high.tolist(),
    }


def _space_of_json(told: Mapping[str, Any]) -> spaces.Space:
    if told["type"] == "Box":
        dtype = np.dtype(told["dtype"])
        low, high = (np.array(told[side], dtype=dtype) for side in ("low", "high"))
        return spaces.Box(low, high, tuple(told["shape"]), dtype.type)
    if told["type"] == "Discrete" and told.get("start", 0) == 0:
        return spaces.Discrete(told["n"])
    if told["type"] == "Dict":
        return spaces.Dict({key: _space_of_json(s) for key, s in told["subspaces"].items()})
    raise ValueError(told["type"])
