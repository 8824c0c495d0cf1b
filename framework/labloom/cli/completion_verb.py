"""``labloom completion SHELL``: print the script that completes verbs, groups and options."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from labloom.cli.output import say

EXAMPLES = """\b
Examples
  eval "$(labloom completion bash)"
  labloom completion zsh > ~/.zfunc/_labloom
  labloom completion fish > ~/.config/fish/completions/labloom.fish
"""


@click.command("completion", epilog=EXAMPLES)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    """Print the script that completes labloom's words in your shell."""
    from labloom.cli.app import labloom

    script = get_completion_class(shell)(labloom, {}, "labloom", "_LABLOOM_COMPLETE")
    say(script.source())
