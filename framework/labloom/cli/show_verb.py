"""``labloom show RUN [OTHER]``: a run's config, metrics and places; or how two runs differ."""

from __future__ import annotations

import json
import math
import shlex
from typing import TYPE_CHECKING, Any

import click

from labloom.cli.output import print_facts, print_json, print_table, say
from labloom.cli.summary import shown_path

if TYPE_CHECKING:
    from mlflow.entities import Run

    from labloom.record import Store

# Tags that a person asks for, and what they are called on the screen.
PLACES = {
    "labloom.output_dir": "folder",
    "labloom.checkpoint": "best checkpoint",
    "labloom.checkpoint.last": "last checkpoint",
}


EXAMPLES = """\b
Examples
  labloom show last
  labloom show 3f2a91
  labloom show 3f2a91 b07c44
  labloom show last --json
"""


@click.command("show", epilog=EXAMPLES)
@click.argument("run")
@click.argument("other", required=False)
@click.option("--uri", help="MLflow store; default: MLFLOW_TRACKING_URI, else ./mlflow.db.")
@click.option("--all", "everything", is_flag=True, help="The whole config, defaults too.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def command(run: str, other: str | None, uri: str | None, everything: bool, as_json: bool) -> None:
    """A run's config, metrics and folders; with two runs, what differs.

    RUN is a run id, its first characters, a run's name, or 'last'.
    """
    from labloom.record import open_existing_store

    store = open_existing_store(uri)
    first = store.find_run(run)
    if other is None:
        facts = describe(store, first)
        print_json(facts) if as_json else _print_run(facts, everything)
        return
    second = store.find_run(other)
    difference = differences(first, second)
    if as_json:
        print_json({"runs": [first.info.run_id, second.info.run_id], **difference})
    else:
        _print_differences(first, second, difference)


def describe(store: Store, run: Run) -> dict[str, Any]:
    """Everything that ``labloom show`` tells about a run, as plain values."""
    from labloom.record import is_lost, logged_values

    tags, info = run.data.tags, run.info
    metrics = logged_values(run.data.metrics)
    return {
        "run_id": info.run_id,
        "name": info.run_name,
        "kind": tags.get("labloom.kind"),
        "task": tags.get("labloom.task"),
        "status": "LOST" if is_lost(run) else info.status,
        "error": tags.get("labloom.error"),
        "seconds": (info.end_time - info.start_time) / 1000 if info.end_time else None,
        "command": _command(tags),
        "evaluates": tags.get("labloom.evaluates"),
        "note": tags.get("mlflow.note.content"),
        "chosen": _chosen(tags, run.data.params),
        "objective": metrics.get("objective"),
        "objective_name": tags.get("labloom.objective.name"),
        "metrics": {k: v for k, v in sorted(metrics.items()) if not _is_system(k)},
        "params": dict(sorted(run.data.params.items())),
        "commit": tags.get("mlflow.source.git.commit"),
        "places": {name: tags[tag] for tag, name in PLACES.items() if tag in tags},
        "artifacts": info.artifact_uri,
        "store": store.shown_uri,
    }


def differences(first: Run, second: Run) -> dict[str, dict[str, list[Any]]]:
    """Parameters, metrics and commit of two runs, where they are not the same."""
    from labloom.record import logged_values

    tags = "mlflow.source.git.commit", "labloom.plugin", "labloom.version", "labloom.task"
    return {
        "params": _unequal(first.data.params, second.data.params),
        "metrics": {
            key: values
            for key, values in _unequal(
                logged_values(first.data.metrics), logged_values(second.data.metrics)
            ).items()
            if not _is_system(key)
        },
        "code": _unequal(
            {tag: first.data.tags.get(tag) for tag in tags},
            {tag: second.data.tags.get(tag) for tag in tags},
        ),
    }


def _unequal(first: dict[str, Any], second: dict[str, Any]) -> dict[str, list[Any]]:
    keys = sorted({*first, *second})
    pairs = {key: [first.get(key), second.get(key)] for key in keys}
    # NaN does not equal itself, and is still no difference between two runs that have it.
    return {k: pair for k, pair in pairs.items() if pair[0] != pair[1] and not _all_nan(pair)}


def _all_nan(values: list[Any]) -> bool:
    return all(isinstance(value, float) and math.isnan(value) for value in values)


def _is_system(metric: str) -> bool:
    return metric.startswith("system/")


def _command(tags: dict[str, str]) -> str | None:
    if "labloom.command" in tags:
        return tags["labloom.command"]
    if "labloom.overrides" not in tags:
        return None
    folder = tags.get("labloom.config_dir")
    words = [*(["--config-dir", folder] if folder else []), *_overrides(tags)]
    return shlex.join(["labloom", "run", *words])


def _overrides(tags: dict[str, str]) -> list[str]:
    try:
        return json.loads(tags.get("labloom.overrides", "[]"))
    except ValueError:  # cut, because it was longer than a tag may be; overrides.txt has them
        return []


def _chosen(tags: dict[str, str], params: dict[str, str]) -> dict[str, str]:
    """The options that make the run, and the values that were typed."""
    groups = ("task", "experiment", "model", "data", "optimizer", "scheduler", "debug")
    shown = {group: params[group] for group in groups if group in params}
    typed = [text.lstrip("+").partition("=") for text in _overrides(tags)]
    return shown | {key: value for key, _, value in typed if key not in shown}


def _print_run(facts: dict[str, Any], everything: bool) -> None:
    optional = {
        "tests": facts["evaluates"],
        "error": facts["error"],
        "go on": f"labloom run resume={facts['run_id'][:8]}"
        if facts["kind"] == "run" and facts["status"] in ("FAILED", "KILLED", "LOST")
        else None,
    }
    print_facts(
        {
            "run": f"{facts['run_id']}  {facts['name']}",
            "task": facts["task"],
            "status": facts["status"],
            **{name: value for name, value in optional.items() if value is not None},
            "time": None if facts["seconds"] is None else f"{facts['seconds']:.1f} s",
            "objective": _objective(facts),
            "command": facts["command"],
            "commit": facts["commit"],
            **{name: shown_path(path) for name, path in _places(facts).items()},
            "artifacts": facts["artifacts"],
            "store": facts["store"],
        }
    )
    say()
    if facts["kind"] == "sweep":
        say(facts["note"] or "")
        return
    print_table("Metrics, last values", ("metric", "value"), list(facts["metrics"].items()))
    say()
    config = facts["params"] if everything else facts["chosen"]
    print_table(
        "Config" if everything else "Config (--all: the whole)",
        ("key", "value"),
        list(config.items()),
    )


def _places(facts: dict[str, Any]) -> dict[str, str]:
    """Where things are; a run that had nothing to choose by has a last checkpoint only."""
    places = dict(facts["places"])
    if places.get("best checkpoint") == places.get("last checkpoint"):
        places.pop("best checkpoint", None)
    return places


def _objective(facts: dict[str, Any]) -> str | None:
    if facts["objective"] is None:
        return None
    if not math.isfinite(facts["objective"]):
        return f"nan ({facts['objective_name']} was never a finite number)"
    return f"{facts['objective']:.4f} ({facts['objective_name']} of the best checkpoint)"


def _print_differences(first: Run, second: Run, difference: dict[str, dict[str, list]]) -> None:
    columns = ("", f"{first.info.run_id[:8]}", f"{second.info.run_id[:8]}")
    say(f"{columns[1]}  {first.info.run_name}")
    say(f"{columns[2]}  {second.info.run_name}")
    for title, rows in difference.items():
        if rows:
            say()
            print_table(title.capitalize(), columns, [(key, *pair) for key, pair in rows.items()])
    if not any(difference.values()):
        say("no difference in config, metrics or code")
