"""Reading the encoder that perception learned out of its checkpoint."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from labloom.errors import DataError
from labloom_robotics.nets.scan import ScanEncoder

CHECKPOINT_PREFIX = "model.encoder."


def read_encoder(path: str, encoder: ScanEncoder) -> dict[str, Tensor]:
    """Entries ``model.encoder.*`` of a checkpoint, as ``encoder`` takes them.

    Args:
        path: a checkpoint of a ``robotics_perceive`` run; only tensors and plain values are read.
        encoder: has the shapes that are wanted.

    Raises:
        DataError: the file is missing or damaged, or holds no encoder of these shapes.
    """
    expected = {name: list(value.shape) for name, value in encoder.state_dict().items()}
    if not Path(path).is_file():
        raise _unusable(path, "a checkpoint of a robotics_perceive run", f"no file {path}")
    try:
        entries = torch.load(path, map_location="cpu", weights_only=True)["state_dict"]
    except Exception as error:  # torch, zipfile and pickle each have their own words for it
        reason = f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"
        raise _unusable(path, "a checkpoint of a robotics_perceive run", reason) from error
    found = {
        name.removeprefix(CHECKPOINT_PREFIX): value
        for name, value in entries.items()
        if name.startswith(CHECKPOINT_PREFIX)
    }
    shapes = {name: list(found[name].shape) for name in expected if name in found}
    if shapes != expected:
        other = next(name for name in expected if shapes.get(name) != expected[name])
        raise _unusable(
            path,
            f"{CHECKPOINT_PREFIX}{other} of shape {expected[other]}",
            f"shape {shapes[other]}" if other in shapes else "no such entry",
        )
    return {name: found[name] for name in expected}


def _unusable(path: str, expected: str, got: str) -> DataError:
    return DataError(
        f"model.encoder_from={path} cannot be used",
        expected=expected,
        got=got,
        fix="name the checkpoint of a perception run with the same scan_width and scan_features",
    )
