"""Answers from a checkpoint: the one path of ``labloom predict`` and ``mlflow.pyfunc``.

Raw inputs go through the module's ``preprocess``, the module in eval mode, and its ``postprocess``.
A module without them takes a numeric array as float32 and gives its output as an array.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from labloom.build.checkpoints import load_module
from labloom.errors import DataError, LabloomError
from labloom.record.model import TRUSTED

if TYPE_CHECKING:
    import pandas as pd
    from pytorch_lightning import LightningModule

BATCH = 64


class Predictor:
    """A module that answers.

    Args:
        module: in eval mode.
    """

    def __init__(self, module: LightningModule) -> None:
        self.module = module

    def predict(self, inputs: Any, params: dict[str, Any] | None = None) -> Any:
        """Answer every input; what MLflow calls.

        Args:
            inputs: a list or array of raw inputs, or a data frame: its only column holds the
                inputs, or its columns are the features.
            params: unused; part of MLflow's interface.

        Returns:
            A list of plain dicts where the module has ``postprocess``; otherwise an array.
        """
        return predict(self.module, _rows(inputs))


def predict(module: LightningModule, inputs: Sequence[Any], batch_size: int = BATCH) -> Any:
    """Answer every input, ``batch_size`` at a time, without gradients.

    Args:
        module: in eval mode.
        inputs: raw inputs, e.g. paths of images.
        batch_size: of inputs that are computed together.

    Returns:
        One dict of plain values for each input if the module has ``postprocess``; otherwise the
        outputs as one array.
    """
    preprocess = getattr(module, "preprocess", None) or _as_float_tensor
    postprocess = getattr(module, "postprocess", None)
    answers: list[Any] = []
    with torch.inference_mode():
        for start in range(0, len(inputs), batch_size):
            batch = preprocess(list(inputs[start : start + batch_size]))
            outputs = module(_to_device(batch, module))
            answers.extend(postprocess(outputs) if postprocess else outputs.cpu().numpy())
    return answers if postprocess or not answers else np.stack(answers)


def predict_files(module: LightningModule, inputs: Sequence[str]) -> list[Any]:
    """Answer inputs that were named on a command line: what ``labloom predict`` does.

    A file is one input: what a first dimension means cannot be known, so none is taken for a batch.

    Args:
        module: in eval mode.
        inputs: words for the module's ``preprocess``; without one, paths of .npy files.

    Returns:
        One answer for each input.

    Raises:
        DataError: a file is no array, or the module fails on an input, which is named.
    """
    raw = list(inputs) if hasattr(module, "preprocess") else [_array(module, p) for p in inputs]
    try:
        answers = list(predict(module, raw))
        if len(answers) == len(raw):
            return answers
    except Exception:  # noqa: BLE001  whatever it is, the input that brings it is found below
        pass
    return [_answer(module, name, value) for name, value in zip(inputs, raw, strict=True)]


def _answer(module: LightningModule, name: str, value: Any) -> Any:
    """The answer to one input alone, so that what goes wrong goes with a name."""
    owner = type(module).__name__
    try:
        answers = list(predict(module, [value]))
    except LabloomError:
        raise
    except Exception as error:
        raise DataError(
            f"{owner} fails on {name}{_shape_in_words(value)}",
            expected="a file is one input of the module, without a batch dimension",
            got=f"{type(error).__name__}: {(str(error).strip().splitlines() or [''])[0]}",
        ) from error
    if len(answers) != 1:
        raise DataError(
            f"{owner} gives {len(answers)} answers to {name}{_shape_in_words(value)}",
            expected="one answer to each input, from the module or its postprocess",
        )
    return answers[0]


def _shape_in_words(value: Any) -> str:
    return f", an array of shape {list(value.shape)}" if isinstance(value, np.ndarray) else ""


def _array(module: LightningModule, path: str) -> np.ndarray:
    if not Path(path).is_file():
        raise DataError(f"there is no file {path}")
    try:
        array = np.load(path, allow_pickle=False)
        if not isinstance(array, np.ndarray):
            raise ValueError("an archive of arrays, .npz")
        return array
    except (OSError, ValueError, EOFError) as error:
        raise DataError(
            f"{type(module).__name__} has no preprocess, so {path} must be an array",
            expected=".npy files",
            got=str(error),
        ) from error


def _load_pyfunc(path: str, config: Mapping[str, Any] | None = None) -> Predictor:
    """What MLflow calls to load the model: ``path`` is the checkpoint or the folder around it."""
    checkpoint = Path(path)
    if checkpoint.is_dir():
        checkpoint = next(iter(sorted(checkpoint.glob("*.ckpt"))))
    return Predictor(load_module(checkpoint, (config or {}).get(TRUSTED, ())))


def _as_float_tensor(inputs: list[Any]) -> Any:
    return torch.as_tensor(np.asarray(inputs, dtype=np.float32))


def _to_device(batch: Any, module: LightningModule) -> Any:
    return batch.to(module.device) if hasattr(batch, "to") else batch


def _rows(inputs: Any) -> Sequence[Any]:
    if hasattr(inputs, "columns"):
        return _rows_of_frame(inputs)
    if isinstance(inputs, str | bytes | Path):
        return [inputs]
    if getattr(getattr(inputs, "dtype", None), "kind", "") in ("O", "U"):
        return inputs.tolist()  # an array of paths or texts
    return inputs if hasattr(inputs, "__getitem__") else list(inputs)


def _rows_of_frame(frame: pd.DataFrame) -> Sequence[Any]:
    return frame.iloc[:, 0].tolist() if len(frame.columns) == 1 else frame.to_numpy()
