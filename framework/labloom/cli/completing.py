"""Complete the words behind ``labloom run``: groups, their options, and keys of the config."""

from __future__ import annotations

from collections.abc import Sequence

from click import Context, Parameter
from click.shell_completion import CompletionItem
from hydra.core.global_hydra import GlobalHydra
from hydra.plugins.completion_plugin import DefaultCompletionPlugin

from labloom.compose.composing import CONFIG_NAME, hydra_ready


def complete_override(ctx: Context, param: Parameter, incomplete: str) -> list[CompletionItem]:
    """What the word that is being typed may become, as Hydra knows it.

    Args:
        ctx: holds the words before it.
        param: the words of ``labloom run``.
        incomplete: the word as far as it is typed.
    """
    before = [word for word in ctx.params.get("words") or () if word not in ("-m", "--multirun")]
    words, replaced = join_at_equals([*before, incomplete])
    with hydra_ready():
        loader = GlobalHydra.instance().config_loader()
        found = DefaultCompletionPlugin(loader)._query(CONFIG_NAME, " ".join(words))
    return [CompletionItem(text.removeprefix(replaced)) for text in found]


def join_at_equals(words: Sequence[str]) -> tuple[list[str], str]:
    """Undo that bash splits ``model=vis`` into three words.

    Returns:
        The words as they were typed, and the beginning of the last one that bash does not expect
        in a completion.
    """
    joined: list[str] = []
    replaced = ""
    for word in words:
        if word == "=" and joined:
            joined[-1] += "="
            replaced = joined[-1]
        elif joined and joined[-1].endswith("="):
            joined[-1] += word
        else:
            joined.append(word)
            replaced = ""
    return joined, replaced
