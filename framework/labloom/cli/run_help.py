"""``labloom run --help``: examples, flags, and the options of every config group."""

from __future__ import annotations

from hydra.core.global_hydra import GlobalHydra

from labloom.cli.output import say
from labloom.compose.composing import hydra_ready
from labloom.compose.groups import group_options
from labloom.errors import listing

EXAMPLES = """\
Usage: labloom run [-m] [FLAGS] [OVERRIDES]

  Compose a run, train it, test its best checkpoint, and record it in MLflow.

Examples
  labloom run task=vision_classify
  labloom run task=vision_classify model=vision_mlp optimizer.lr=3e-3
  labloom run experiment=vision_digits debug=fast
  labloom run -m task=vision_classify model=vision_mlp,vision_cnn \\
      optimizer.lr=1e-3,1e-2
  labloom run resume=RUN_ID trainer.max_epochs=40
  labloom run task=custom paths.code=. module._target_=my_code.Net \\
      data._target_=my_code.Data module.hidden=64

Flags
  -m, --multirun   sweep: run every combination of the comma-separated values
  --cfg job        print the composed config and stop (--resolve: interpolations
                   filled in; --package trainer: only that part)
  --info           print Hydra's search path, defaults tree and plugins
  --config-dir D   search D for option files first, e.g. D/model/mine.yaml
  --json           end with one line of JSON: run id, status, objective, folder,
                   checkpoint
  --hydra-help     all of Hydra's own flags

Overrides
  group=option     choose an option        key=value   set a value
  +key=value       add a key               ~key        take a key away
"""


def print_help(config_dir: str | None = None) -> None:
    """Print usage and config groups; imports Hydra, but nothing heavy."""
    say(EXAMPLES)
    say("Config groups")
    with hydra_ready(config_dir):
        loader = GlobalHydra.instance().config_loader()
        groups = [group for group in loader.list_groups("") if group != "hydra"]
        for group in sorted(groups):
            say(f"  {group:<12} {_wrapped(listing(group_options(group), limit=20))}")


def _wrapped(text: str, width: int = 64, indent: int = 15) -> str:
    lines, line = [], ""
    for word in text.split(" "):
        if line and len(line) + 1 + len(word) > width:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}".strip()
    return f"\n{' ' * indent}".join([*lines, line])
