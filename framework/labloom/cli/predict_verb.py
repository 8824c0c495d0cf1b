"""``labloom predict RUN INPUT...``: answer from the recorded model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from labloom.cli.output import print_json, print_table
from labloom.errors import DataError

if TYPE_CHECKING:
    from mlflow.entities import Run
    from pytorch_lightning import LightningModule

    from labloom.record import Store


EXAMPLES = """\b
Examples
  labloom predict last digit.png
  labloom predict 3f2a91 photos/*.jpg --json
"""


@click.command("predict", epilog=EXAMPLES)
@click.argument("run")
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT...")
@click.option("--uri", help="MLflow store; default: MLFLOW_TRACKING_URI, else ./mlflow.db.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object an input, one a line.")
def command(run: str, inputs: tuple[str, ...], uri: str | None, as_json: bool) -> None:
    """Answer from a run's recorded model: the best checkpoint.

    What an INPUT is depends on the task: image files for vision tasks; .npy files for modules that
    take plain arrays. RUN is a run id, its first characters, a run's name, or 'last'.
    """
    from labloom.predict import predict
    from labloom.record import open_existing_store
    from labloom.recorded import find_training_run

    store = open_existing_store(uri)
    found = find_training_run(store, run)
    module = _recorded_module(store, found)
    answers = predict(module, _raw_inputs(module, inputs))
    rows = [_row(name, answer) for name, answer in zip(inputs, answers, strict=True)]
    if as_json:
        for row in rows:
            print_json(row)
        return
    columns = [name for name, value in rows[0].items() if not isinstance(value, dict)]
    print_table(
        f"Answers of {found.info.run_name}", columns, [[r[name] for name in columns] for r in rows]
    )


def _recorded_module(store: Store, run: Run) -> LightningModule:
    """The module of the run's best checkpoint; the run's own code is put on Python's path."""
    from labloom.build.checkpoints import load_module
    from labloom.compose.arguments import parse_overrides, trusted_packages
    from labloom.record import shown_overrides
    from labloom.recorded import checkpoint_of, recorded_config
    from labloom.run import put_on_path

    put_on_path(recorded_config(store, run)["paths"]["code"])
    typed = parse_overrides(shown_overrides(store.client, run))
    return load_module(checkpoint_of(store, run), trusted_packages(typed))


def _raw_inputs(module: LightningModule, inputs: tuple[str, ...]) -> list[Any]:
    if hasattr(module, "preprocess"):
        return list(inputs)
    import numpy as np

    missing = [path for path in inputs if not Path(path).is_file()]
    if missing:
        raise DataError(f"there is no file {missing[0]}")
    try:
        return [np.load(path, allow_pickle=False) for path in inputs]
    except (OSError, ValueError) as error:
        raise DataError(
            f"{type(module).__name__} has no preprocess, so an input must be an array",
            expected=".npy files",
            got=str(error),
        ) from error


def _row(name: str, answer: Any) -> dict[str, Any]:
    if isinstance(answer, dict):
        return {"input": name, **answer}
    return {"input": name, "output": answer.tolist()}
