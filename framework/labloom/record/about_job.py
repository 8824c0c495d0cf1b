"""What is recorded about a job before it trains: tags, parameters, config, command and lineage."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labloom import __version__
from labloom.record.journal import Journal
from labloom.record.lineage import Lineage, collect_lineage, process_tags
from labloom.record.masking import mask_command, mask_value
from labloom.record.names import MAX_PARAM_VALUE, cut, valid_name
from labloom.record.note import NoteFacts, run_note
from labloom.record.params import config_yaml, job_params, masked_overrides, masked_words

if TYPE_CHECKING:
    from labloom.compose.job import Job

DIFF_FILE = "git.diff"
# matplotlib's "tab10": MLflow draws its own colours from run ids, and neighbours collide.
RUN_COLORS = [
    "#1f77b4",
    "#ff7f0e",
    "#2ca02c",
    "#d62728",
    "#9467bd",
    "#8c564b",
    "#e377c2",
    "#7f7f7f",
    "#bcbd22",
    "#17becf",
]


def run_name(job: Job, kind: str = "run") -> str:
    """A name that says what is special: the trial's values, or model and time of a single run."""
    if kind == "evaluation":
        return f"evaluation-{time.strftime('%m%d-%H%M%S')}"
    if job.config.tracking.run_name:
        return job.config.tracking.run_name
    if job.trial is not None:
        values = (f"{key.rsplit('.', 1)[-1]}={value}" for key, value in job.trial.swept.items())
        return cut(" ".join([f"t{job.trial.number:03d}", *values]), 120)
    what = job.choices.get("model") or job.task.name
    return f"{what}-{time.strftime('%m%d-%H%M%S')}"


def job_tags(job: Job, kind: str = "run") -> dict[str, Any]:
    """The tags that a run has from its first moment; None values are left out."""
    task = job.config.task
    custom = dict(job.config.tracking.tags or {})
    return {
        **source_tags(),
        "mlflow.parentRunId": job.trial.parent_run_id if job.trial else None,
        "labloom.kind": kind,
        "labloom.task": task.name,
        "labloom.plugin": plugin_label(job) or None,
        "labloom.output_dir": str(job.output_dir),
        "labloom.overrides": json.dumps(masked_overrides(job), ensure_ascii=False),
        "labloom.config_dir": job.config_dir,
        "labloom.choices": json.dumps(dict(job.choices), ensure_ascii=False),
        "labloom.objective.name": task.monitor,
        "labloom.objective.mode": task.mode if task.monitor else None,
        "labloom.trial": job.trial.number if job.trial else None,
        "labloom.trial.purpose": job.trial.purpose if job.trial else None,
        "mlflow.runColor": RUN_COLORS[job.trial.number % len(RUN_COLORS)] if job.trial else None,
        **{key: mask_value(key, value) for key, value in custom.items()},
    }


def source_tags() -> dict[str, str]:
    """Tags about this process: program, version, user, host and pid."""
    return {
        "mlflow.source.name": "labloom run",
        "mlflow.source.type": "LOCAL",
        "labloom.version": __version__,
        **process_tags(),
    }


def plugin_label(job: Job) -> str:
    """Distribution and version of the job's plugin; empty for the core."""
    return f"{job.plugin.distribution} {job.plugin.version}" if job.plugin else ""


def job_note(job: Job, run_id: str, **facts: Any) -> str:
    """The run's description; ``facts`` are those of ``NoteFacts`` that are known by now."""
    return run_note(
        NoteFacts(
            run_id=run_id,
            summary=f"{job.config.task.name}: {job.task.summary}",
            overrides=masked_words(job),
            choices=job.choices,
            output_dir=str(job.output_dir),
            plugin=plugin_label(job),
            monitor=job.config.task.monitor,
            **facts,
        )
    )


def job_lineage(job: Job) -> Lineage:
    """Code and machine of a job: the working directory's repository and the plugin's."""
    folders, distributions = [Path.cwd()], []
    if job.plugin is not None:
        distributions.append(job.plugin.distribution)
        if job.plugin.module.__file__:
            folders.append(Path(job.plugin.module.__file__).parent)
    return collect_lineage(folders, distributions)


def write_about_job(job: Job, journal: Journal) -> None:
    """Put parameters, files and lineage of a new run into its journal; never raises.

    Runs in the run's writer while the run is being built.
    """
    try:
        params = {
            valid_name(key): cut(text, MAX_PARAM_VALUE) for key, text in job_params(job).items()
        }
        journal.append({"params": params})
        overrides = masked_overrides(job)
        files = {
            "config.yaml": config_yaml(job.config),
            "overrides.txt": "".join(f"{override}\n" for override in overrides),
            "command.txt": mask_command(["labloom", "run", *masked_words(job)]) + "\n",
        }
        _write_files(journal, job.output_dir, files)
        write_lineage(job_lineage(job), journal, job.output_dir)
    except Exception as error:  # noqa: BLE001  a run is worth more than the record of where it comes from
        journal.append({"tags": {"labloom.record_error": f"{type(error).__name__}: {error}"}})


def write_lineage(lineage: Lineage, journal: Journal, output_dir: Path, folder: str = "") -> None:
    """Put git tags, the diff of uncommitted changes and versions into the journal.

    Args:
        lineage: what was found out.
        journal: of the run.
        output_dir: the run's folder.
        folder: subfolder for the files; empty for a new run, whose tags are set too.
    """
    files = {"versions.txt": lineage.versions_text()}
    diff = lineage.diff_text()
    if diff:
        files[DIFF_FILE] = diff
    tags = lineage.tags()
    if tags and not folder:
        journal.append({"tags": tags})
    _write_files(journal, output_dir, files, folder)


def changes_of_code(
    lineage: Lineage, tags: Mapping[str, str], output_dir: Path, plugin: str
) -> list[str]:
    """What differs between the code now and the code that a run was started with.

    Args:
        lineage: of the code now.
        tags: of the run.
        output_dir: of the run, which holds its diff.
        plugin: distribution and version of the plugin now.
    """
    now, changes = lineage.tags(), []
    for key, label in (("commit", "commit"), ("branch", "branch")):
        name = f"mlflow.source.git.{key}"
        if name in tags and name in now and tags[name] != now[name]:
            changes.append(f"{label}: {tags[name][:12]} -> {now[name][:12]}")
    stored = output_dir / DIFF_FILE
    before = stored.read_text(encoding="utf-8") if stored.exists() else ""
    if before != lineage.diff_text():
        changes.append("uncommitted changes are not the same")
    for key, version in (("labloom.version", __version__), ("labloom.plugin", plugin)):
        if key in tags and tags[key] != version:
            changes.append(f"{key.removeprefix('labloom.')}: {tags[key]} -> {version}")
    return changes


def _write_files(
    journal: Journal, output_dir: Path, files: Mapping[str, str], folder: str = ""
) -> None:
    for name, text in files.items():
        path = output_dir / folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        journal.append({"file": str(path.absolute()), "to": folder})
