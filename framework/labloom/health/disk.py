"""Folders that a run writes to or reads from: their disks' free space, and whether one may."""

from __future__ import annotations

import os
import shutil
from importlib.resources import files
from pathlib import Path

from labloom.health.findings import Finding, Section, in_gigabytes
from labloom.health.tracking import artifact_folder

SCARCE_BYTES = 1e9  # a checkpoint of a middling network, with its optimizer's state


def look_at_disk() -> Section:
    """Outputs, artifacts and data. Nothing is written: the rights are looked at."""
    folders = {"outputs": Path.cwd() / _path_setting("output"), "data": _data_root()}
    artifacts = artifact_folder()
    if artifacts is not None:
        folders["artifacts"] = artifacts
    rows, facts, findings = [], {}, []
    for name, folder in folders.items():
        there = _existing(folder)
        free = shutil.disk_usage(there).free
        writable = os.access(there, os.W_OK)
        notes = [in_gigabytes(free) + " free"]
        notes += [] if folder.exists() else ["not there yet"]
        notes += [] if writable else ["read-only"]
        rows.append((name, f"{folder}: {', '.join(notes)}"))
        facts[name] = {"folder": str(folder), "free_bytes": free, "writable": writable}
        findings += _findings(name, folder, free, writable)
    return Section(rows, facts, findings=findings)


def _findings(name: str, folder: Path, free: int, writable: bool) -> list[Finding]:
    found = []
    elsewhere = f"paths.{'data' if name == 'data' else 'output'}=FOLDER"
    if name == "artifacts":
        elsewhere = "MLFLOW_TRACKING_URI=sqlite:////FOLDER/mlflow.db"
    if not writable and name != "data":  # data is only read, once it is there
        text = f"nothing can be written to {folder}, where {name} go"
        found.append(Finding(text, f"work in a folder of yours, or {elsewhere}"))
    if free < SCARCE_BYTES:
        text = f"only {in_gigabytes(free)} are free for {name} in {folder}"
        found.append(Finding(text, f"make room, or {elsewhere}", broken=False))
    if name == "data" and os.environ.get("LABLOOM_DATA") and not folder.exists():
        text = f"LABLOOM_DATA names {folder}, which is not there"
        found.append(Finding(text, "mend it, or make the folder", broken=False))
    return found


def _data_root() -> Path:
    return Path.cwd() / Path(_path_setting("data")).expanduser()


def _path_setting(name: str) -> str:
    """The default of ``paths.NAME``, from the file that says so."""
    from omegaconf import OmegaConf

    file = Path(str(files("labloom.conf"))) / "paths" / "default.yaml"
    return str(OmegaConf.load(file)[name])


def _existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that is there."""
    return next(path for path in (folder, *folder.parents) if path.exists())
