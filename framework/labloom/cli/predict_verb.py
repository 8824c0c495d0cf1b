"""``labloom predict RUN INPUT...``: answer from the recorded model."""

from __future__ import annotations

import mimetypes
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from labloom.cli.output import print_json, print_table
from labloom.errors import ConfigError

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
    take plain arrays. A file is one input, without a batch dimension. RUN is a run id, its first
    characters, a run's name, or 'last'.
    """
    _refuse_missing_files(inputs)
    from labloom.record import open_existing_store
    from labloom.recorded import find_training_run

    store = open_existing_store(uri)
    found = find_training_run(store, run)
    from labloom.predict import predict_files

    answers = predict_files(_recorded_module(store, found), inputs)
    rows = [_row(name, answer) for name, answer in zip(inputs, answers, strict=True)]
    if as_json:
        for row in rows:
            print_json(row)
        return
    columns = [name for name, value in rows[0].items() if not isinstance(value, dict)]
    cells = [[row.get(name) for name in columns] for row in rows]
    print_table(f"Answers of {found.info.run_name}", columns, cells)


def _refuse_missing_files(inputs: tuple[str, ...]) -> None:
    for word in inputs:
        if _names_a_file(word) and not Path(word).is_file():
            raise ConfigError(f"there is no file {word}", fix="check the path")


def _names_a_file(word: str) -> bool:
    """Whether an input can only be a file; a module's ``preprocess`` may take other words too."""
    if "://" in word:
        return False
    kind = (mimetypes.guess_type(word)[0] or "").partition("/")[0]
    return word.endswith(".npy") or kind in ("image", "audio", "video")


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


def _row(name: str, answer: Any) -> dict[str, Any]:
    if isinstance(answer, dict):
        return {"input": name, **answer}
    return {"input": name, "output": answer.tolist() if hasattr(answer, "tolist") else answer}
