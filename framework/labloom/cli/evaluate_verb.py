"""``labloom evaluate RUN [OVERRIDES]``: test a run's best checkpoint, on other data too."""

from __future__ import annotations

import time
from pathlib import Path

import click

from labloom.cli.output import complain, print_json, print_table, say
from labloom.cli.summary import SHORT_ID, shown_path
from labloom.compose.arguments import parse
from labloom.errors import ConfigError, ExitStatus, LabloomError

EXAMPLES = """\b
Examples
  labloom evaluate last
  labloom evaluate 3f2a91 data.folder=other/photos
  labloom evaluate 3f2a91 --json
"""


@click.command("evaluate", epilog=EXAMPLES)
@click.argument("run")
@click.argument("overrides", nargs=-1)
@click.option("--uri", help="MLflow store; default: MLFLOW_TRACKING_URI, else ./mlflow.db.")
@click.option("--json", "as_json", is_flag=True, help="End with one line of JSON.")
def command(run: str, overrides: tuple[str, ...], uri: str | None, as_json: bool) -> int:
    """Test a run's best checkpoint, on its own data or on other data.

    The result is an MLflow run of its own. RUN is a run id, its first characters, a run's name,
    or 'last'.
    """
    line = parse(overrides)
    if line.flags or line.resume:
        raise ConfigError("labloom evaluate takes overrides only", fix="labloom evaluate --help")
    from labloom.evaluate import test_checkpoint
    from labloom.record import open_existing_store, open_run
    from labloom.record.masking import mask_command
    from labloom.recorded import checkpoint_of, find_training_run, job_of

    store = open_existing_store(uri)
    found = find_training_run(store, run)
    checkpoint = checkpoint_of(store, found)
    moment = time.strftime("%Y-%m-%d_%H-%M-%S")
    folder = Path(found.data.tags["labloom.output_dir"]) / "evaluations" / moment
    job = job_of(store, found, line.overrides, folder)
    folder.mkdir(parents=True, exist_ok=True)
    command_line = ["labloom", "evaluate", found.info.run_id[:SHORT_ID], *line.overrides]
    record = open_run(job, store, kind="evaluation")
    try:
        with record:
            record.set_tags(
                {
                    "labloom.evaluates": found.info.run_id,
                    "labloom.checkpoint": str(checkpoint),
                    "labloom.command": mask_command(command_line),
                }
            )
            metrics = test_checkpoint(job, checkpoint, record)
    except LabloomError as error:
        complain(str(error))  # whoever is to blame, a run is there now, and it failed
        return ExitStatus.FAILED
    if as_json:
        print_json({"run_id": record.id, "evaluates": found.info.run_id, "metrics": metrics})
        return ExitStatus.DONE
    print_table(
        f"Test of {shown_path(str(checkpoint))}", ("metric", "value"), sorted(metrics.items())
    )
    say(f"run     {record.id[:SHORT_ID]}   labloom show {record.id[:SHORT_ID]}")
    return ExitStatus.DONE
