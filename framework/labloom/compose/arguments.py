"""Split the words behind ``labloom run`` into labloom's flags, Hydra's flags and overrides."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, Quote, QuotedString
from hydra.errors import HydraException

from labloom.compose.experiments import find_experiment
from labloom.errors import ConfigError, nearest

# Hydra's flags. Its parser refuses flags behind overrides; we move them forward.
VALUED_FLAGS = {
    "--cfg": ("job", "hydra", "all"),
    "--package": (),
    "--config-dir": (),
}
# Flags of Hydra that would run another config than the one that was validated.
REFUSED_FLAGS = {
    "--config-path": "--config-dir FOLDER   (adds a folder of option files)",
    "--config-name": "write an experiment and choose it: experiment=NAME",
    "--experimental-rerun": "labloom run resume=RUN   (labloom show RUN has the command of a run)",
}
INFO_TOPICS = ("all", "config", "defaults", "defaults-tree", "plugins", "searchpath")
PLAIN_FLAGS = [
    "--help",
    "--hydra-help",
    "--version",
    "--resolve",
    "--run",
    "--multirun",
    "--shell-completion",
    "--info",
]
SHORT_FLAGS = {
    "-h": "--help",
    "-c": "--cfg",
    "-p": "--package",
    "-r": "--run",
    "-m": "--multirun",
    "-sc": "--shell-completion",
    "-cp": "--config-path",
    "-cn": "--config-name",
    "-cd": "--config-dir",
    "-i": "--info",
}
SHOWING_FLAGS = {"--cfg", "--info", "--help", "--hydra-help", "--version", "--shell-completion"}
# Nodes of task=custom, whose keys no YAML declares.
FREE_NODES = ("module.", "model.", "data.")


@dataclass(frozen=True)
class CommandLine:
    """What the user typed behind ``labloom run``.

    Args:
        flags: Hydra's flags with their values.
        overrides: overrides in the order in which they were typed.
        json: whether the last line of output shall be a JSON object.
        resume: the run to continue, as typed; None for a fresh run.
        config_dir: the user's own folder of option files (Hydra's ``--config-dir``).
    """

    flags: tuple[str, ...] = ()
    overrides: tuple[str, ...] = ()
    json: bool = False
    resume: str | None = None
    config_dir: str | None = None

    @property
    def multirun(self) -> bool:
        """Whether a sweep was asked for."""
        modes = [override for override in self.overrides if override.startswith("hydra.mode=")]
        return "--multirun" in self.flags or "hydra.mode=MULTIRUN" in modes

    @property
    def shows_only(self) -> bool:
        """Whether Hydra only prints something and nothing is run."""
        return any(flag.partition("=")[0] in SHOWING_FLAGS for flag in self.flags)


@dataclass
class _Words:
    flags: list[str] = field(default_factory=list)
    overrides: list[str] = field(default_factory=list)
    options: dict[str, str | bool] = field(default_factory=dict)


def parse(words: Sequence[str]) -> CommandLine:
    """Sort ``words`` into a CommandLine.

    Raises:
        ConfigError: a flag lacks its value or is not for labloom, or a word is neither flag nor
            override.
    """
    sorted_words = _Words()
    remaining = iter(words)
    for word in remaining:
        _sort(word, remaining, sorted_words)
    return CommandLine(
        flags=tuple(sorted_words.flags),
        overrides=tuple(sorted_words.overrides),
        **sorted_words.options,
    )


def parse_overrides(overrides: Iterable[str]) -> list[Override]:
    """Parse overrides by Hydra's grammar.

    Raises:
        ConfigError: an override does not follow the grammar.
    """
    parser = OverridesParser.create()
    parsed = []
    for text in overrides:
        try:
            parsed.append(parser.parse_override(text))
        except HydraException as error:
            reason = str(error).split("\n", 1)[0]
            raise ConfigError(
                f"cannot read the override '{text}'",
                expected="key=value, +key=value, ++key=value or ~key",
                got=reason,
                fix="quote values that hold spaces, commas or brackets: 'key=\"a, b\"'",
            ) from error
    return parsed


def free_custom_nodes(overrides: Iterable[str]) -> tuple[str, ...]:
    """Let ``task=custom`` accept ``module.hidden=64`` without a ``+``.

    The task is the typed one, or the one that the typed experiment chooses.
    """
    texts = tuple(overrides)
    if _task_of(texts) != "custom":
        return texts
    return tuple(f"++{text}" if text.startswith(FREE_NODES) else text for text in texts)


def trusted_packages(overrides: Iterable[Override]) -> tuple[str, ...]:
    """Top-level packages that the command line names by ``_target_`` or ``targets=[...]``."""
    trusted: list[str] = []
    for override in overrides:
        key, value = override.key_or_group, override.value()
        if key == "targets":
            trusted += [str(entry) for entry in (value if isinstance(value, list) else [value])]
        else:
            paths = _targets_in({key.rpartition(".")[2]: value})
            trusted += [path.partition(".")[0] for path in paths]
    return tuple(dict.fromkeys(trusted))


def quoted(key: str, text: str) -> str:
    """The override that sets ``key`` to exactly ``text``, whatever characters it holds.

    An interpolation (``${...}``) in ``text`` stays one.
    """
    return f"{key}={QuotedString(text=text, quote=Quote.single).with_quotes()}"


def _task_of(texts: Sequence[str]) -> str | None:
    chosen = dict(text.split("=", 1) for text in texts if text.startswith(("task=", "experiment=")))
    if "task" in chosen or "experiment" not in chosen:
        return chosen.get("task")
    experiment = find_experiment(chosen["experiment"])
    return experiment.task if experiment is not None else None


def _targets_in(value: Any) -> Iterator[str]:
    """Every ``_target_`` in a typed value, however deep."""
    if isinstance(value, Mapping):
        for key, entry in value.items():
            if str(key) == "_target_" and isinstance(entry, str):
                yield entry
            yield from _targets_in(entry)
    elif isinstance(value, list):
        for entry in value:
            yield from _targets_in(entry)


def _sort(word: str, remaining: Iterator[str], into: _Words) -> None:
    if word == "--json":
        into.options["json"] = True
    elif word.startswith("resume="):
        into.options["resume"] = word.removeprefix("resume=")
    elif word.startswith("-") and word != "-":
        _sort_flag(word, remaining, into)
    elif "=" in word or word.startswith("~"):
        into.overrides.append(word)
    elif into.flags[-1:] == ["--info"] and word in INFO_TOPICS:  # --info takes an optional topic
        into.flags[-1] = f"--info={word}"
    else:
        raise ConfigError(
            f"cannot read '{word}'",
            expected="overrides such as task=vision_classify seed=1, or flags such as -m",
            fix="labloom run --help",
        )


def _sort_flag(word: str, remaining: Iterator[str], into: _Words) -> None:
    name, _, value = word.partition("=")
    flag = SHORT_FLAGS.get(name, name)
    if flag in PLAIN_FLAGS:
        into.flags.append(f"{flag}={value}" if value else flag)
        return
    if flag in REFUSED_FLAGS:
        raise ConfigError(
            f"{flag} is not for labloom, which has one primary config", fix=REFUSED_FLAGS[flag]
        )
    if flag not in VALUED_FLAGS:
        near = nearest(flag, [*PLAIN_FLAGS, *VALUED_FLAGS, "--json"])
        raise ConfigError(
            f"there is no flag {name}",
            fix=f"did you mean {near}?" if near else "labloom run --help",
        )
    value = value or _value_of(flag, remaining)
    allowed = VALUED_FLAGS[flag]
    if allowed and value not in allowed:
        raise ConfigError(f"{flag} cannot be '{value}'", expected=f"one of {', '.join(allowed)}")
    if flag == "--config-dir":
        into.options["config_dir"] = value
    else:
        into.flags += [flag, value]


def _value_of(flag: str, remaining: Iterator[str]) -> str:
    value = next(remaining, None)
    if value is None:
        raise ConfigError(f"{flag} needs a value", fix="labloom run --hydra-help")
    return value
