"""``labloom VERB``: the group of verbs, and the one place that turns errors into exit statuses."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence

import click

from labloom import __version__
from labloom.cli.output import complain
from labloom.errors import ExitStatus, LabloomError, Stopped, nearest
from labloom.mlflow_variables import set_mlflow_variables
from labloom.signals import stop_on_signals

# Each verb lives in a module of its own, imported when it is used.
VERBS = {
    "run": "Train: compose a run, or a sweep with -m, and record it in MLflow.",
    "list": "Tasks, models, data sets and experiments that are there.",
    "show": "A run's config, metrics and folders; with two runs, what differs.",
    "evaluate": "Test a run's best checkpoint, on other data too.",
    "predict": "Answer from the recorded model: labloom predict RUN INPUT...",
    "ui": "Open the MLflow UI on the last sweep.",
    "check": "Prove that a plugin behaves: the conformance suite, as a table.",
    "doctor": "What is wrong with machine, packages, store or plugins, and what to do.",
    "new": "Write a plugin of your own, which trains at once.",
    "schema": "JSON Schemas of option files, so that your editor completes them.",
    "completion": "Print the script that completes labloom's words in your shell.",
}

EXAMPLES = """\b
Examples
  labloom list
  labloom run task=vision_classify
  labloom run -m task=vision_classify model=vision_mlp,vision_cnn
  labloom run resume=RUN_ID trainer.max_epochs=40
  labloom ui
  labloom show last
  labloom predict last digit.png
"""


class Verbs(click.Group):
    """A group whose commands are imported only when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of the verbs, in the order in which a newcomer meets them."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The verb's command; None when there is no such verb."""
        if cmd_name not in VERBS:
            return None
        return importlib.import_module(f"labloom.cli.{cmd_name}_verb").command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the verbs without importing them."""
        with formatter.section("Verbs"):
            formatter.write_dl(list(VERBS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the verb, or say which one was probably meant."""
        verb = args[0]
        if verb not in VERBS and not ctx.resilient_parsing:
            near = "run" if "=" in verb or verb == "-m" else nearest(verb, VERBS)
            hint = f" Did you mean 'labloom {near}'?" if near else ""
            raise click.UsageError(f"There is no verb '{verb}'.{hint}", ctx)
        return super().resolve_command(ctx, args)


@click.group(
    cls=Verbs,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80},
    epilog=EXAMPLES,
)
@click.version_option(__version__, prog_name="labloom")
def labloom() -> None:
    """Experiments in deep learning: Hydra composes, Lightning trains, MLflow records."""


def main(words: Sequence[str] | None = None) -> None:
    """Run the command line and leave the process with the right exit status.

    Args:
        words: what stands behind ``labloom``; None takes it from ``sys.argv``.
    """
    sys.exit(_status_of(list(sys.argv[1:] if words is None else words)))


def _status_of(words: list[str]) -> int:
    set_mlflow_variables()
    try:
        with stop_on_signals():
            status = labloom.main(words, prog_name="labloom", standalone_mode=False)
    except Stopped as stopped:
        complain(str(stopped))
        return stopped.exit_status
    except LabloomError as error:
        complain(str(error))
        return error.exit_status
    except click.ClickException as error:
        error.show()
        return ExitStatus.WRONG_USAGE
    except (click.Abort, KeyboardInterrupt):
        return ExitStatus.INTERRUPTED
    except BrokenPipeError:  # `labloom list | head` is no failure
        sys.stderr.close()
        return ExitStatus.DONE
    return status if isinstance(status, int) else ExitStatus.DONE
