"""Where a run comes from: code, versions, machine, environment.

Git is asked for the repository of the working directory and of plugin folders. Environment
variables are recorded only when they are in ``ENVIRONMENT_NAMES``.
"""

from __future__ import annotations

import getpass
import importlib.metadata
import os
import platform
import socket
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from labloom.record.masking import mask_text

MAX_DIFF = 500_000
GIT_SECONDS = 10.0
DISTRIBUTIONS = (
    "labloom",
    "torch",
    "torchvision",
    "pytorch-lightning",
    "torchmetrics",
    "mlflow",
    "hydra-core",
    "omegaconf",
    "numpy",
)
ENVIRONMENT_NAMES = (
    "CUDA_VISIBLE_DEVICES",
    "CUBLAS_WORKSPACE_CONFIG",
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "PYTHONHASHSEED",
    "PYTORCH_ALLOC_CONF",
    "PYTORCH_CUDA_ALLOC_CONF",
    "NCCL_P2P_DISABLE",
    "LABLOOM_DATA",
    "LABLOOM_PLUGINS",
    "MLFLOW_TRACKING_URI",
    "MLFLOW_SYSTEM_METRICS_NODE_ID",
    "SLURM_JOB_ID",
    "SLURM_ARRAY_TASK_ID",
    "SLURM_PROCID",
    "WORLD_SIZE",
    "LOCAL_WORLD_SIZE",
    "MUJOCO_GL",
    "HF_HOME",
    "TORCH_HOME",
)


@dataclass(frozen=True)
class Repository:
    """The state of one git checkout.

    Args:
        root: its top folder.
        commit: full hash of HEAD; empty before the first commit.
        branch: current branch; ``(detached)`` without one.
        dirty: whether anything differs from HEAD, untracked files included.
        diff: what differs in tracked files, cut after ``MAX_DIFF`` characters.
        untracked: files that git does not know.
    """

    root: str
    commit: str
    branch: str
    dirty: bool
    diff: str = ""
    untracked: tuple[str, ...] = ()


@dataclass(frozen=True)
class Lineage:
    """Everything about the code and the machine that a run is made with."""

    repositories: tuple[Repository, ...] = ()
    versions: dict[str, str] = field(default_factory=dict)
    devices: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)

    def tags(self) -> dict[str, str]:
        """MLflow's own tags for the source columns, for the first repository."""
        if not self.repositories:
            return {}
        first, *others = self.repositories
        tags = {
            "mlflow.source.git.commit": first.commit,
            "mlflow.source.git.branch": first.branch,
            "mlflow.source.git.dirty": str(first.dirty).lower(),
        }
        if others:
            tags["labloom.plugin.git"] = "; ".join(
                f"{Path(other.root).name} {other.commit[:12]}{' (dirty)' if other.dirty else ''}"
                for other in others
            )
        return {key: value for key, value in tags.items() if value}

    def diff_text(self) -> str:
        """The uncommitted changes of every repository, as one readable text."""
        parts = []
        for repository in self.repositories:
            if not repository.dirty:
                continue
            lines = [f"# {repository.root} at {repository.commit or 'no commit yet'}"]
            lines += [f"# untracked: {name}" for name in repository.untracked]
            parts.append("\n".join(lines) + "\n" + repository.diff)
        return "\n".join(parts)

    def versions_text(self) -> str:
        """Versions, devices and environment as text, a line each."""
        sections = (
            ("versions", [f"{name} {version}" for name, version in self.versions.items()]),
            ("machine", list(self.devices)),
            ("environment", [f"{name}={value}" for name, value in self.environment.items()]),
        )
        return "\n\n".join("\n".join([f"[{title}]", *lines]) for title, lines in sections) + "\n"


def collect_lineage(folders: Iterable[Path], distributions: Iterable[str] = ()) -> Lineage:
    """Ask git, the installed packages and the machine; takes some hundredths of a second.

    Args:
        folders: whose repositories to ask; several folders of one repository count once.
        distributions: packages to record beside the core's own, e.g. the plugin's.
    """
    repositories: dict[str, Repository] = {}
    for folder in folders:
        repository = read_repository(folder)
        if repository is not None:
            repositories.setdefault(repository.root, repository)
    return Lineage(
        repositories=tuple(repositories.values()),
        versions=_versions([*DISTRIBUTIONS, *distributions]),
        devices=tuple(_devices()),
        environment={
            name: mask_text(os.environ[name]) for name in ENVIRONMENT_NAMES if name in os.environ
        },
    )


def read_repository(folder: Path) -> Repository | None:
    """The state of the git checkout that holds ``folder``; None outside of one or without git."""
    root = _git(folder, "rev-parse", "--show-toplevel")
    status = _git(folder, "status", "--porcelain=v2", "--branch")
    if root is None or status is None:
        return None
    head = {"branch.oid": "", "branch.head": ""}
    untracked, changed = [], False
    for line in status.splitlines():
        if line.startswith("# "):
            _, key, value = line.split(" ", 2)
            head[key] = value
        elif line.startswith("? "):
            untracked.append(line[2:])
        else:
            changed = True
    commit = head["branch.oid"] if head["branch.oid"] != "(initial)" else ""
    diff = _git(folder, "diff", "--no-color", "--no-ext-diff", "HEAD") if changed and commit else ""
    return Repository(
        root=root.strip(),
        commit=commit,
        branch=head["branch.head"],
        dirty=changed or bool(untracked),
        diff=_capped(diff or ""),
        untracked=tuple(untracked[:100]),
    )


def process_tags() -> dict[str, str]:
    """Who runs this, and where: known at once, so a lost run can be told from a living one."""
    return {
        "mlflow.user": _user(),
        "labloom.host": socket.gethostname(),
        "labloom.pid": str(os.getpid()),
        "labloom.pid_started": f"{psutil.Process().create_time():.2f}",
    }


def distribution_version(name: str) -> str:
    """Installed version of a distribution; empty when it is not installed."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments],
            capture_output=True,
            timeout=GIT_SECONDS,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.decode(errors="replace") if done.returncode == 0 else None


def _capped(diff: str) -> str:
    if len(diff) <= MAX_DIFF:
        return diff
    return f"{diff[:MAX_DIFF]}\n# [cut: the diff has {len(diff)} characters in all]\n"


def _versions(names: Iterable[str]) -> dict[str, str]:
    versions = {"python": platform.python_version()}
    for name in dict.fromkeys(names):
        version = distribution_version(name)
        if version:
            versions[name] = version
    torch = sys.modules.get("torch")
    cuda = getattr(getattr(torch, "version", None), "cuda", None)
    if cuda:
        versions["cuda (of torch)"] = str(cuda)
    return versions


def _devices() -> Iterable[str]:
    yield f"{platform.platform()}"
    yield f"{os.cpu_count()} x {_processor()}"
    yield from _nvidia_devices(Path("/proc/driver/nvidia/gpus"))


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass  # not Linux
    return platform.processor() or platform.machine()


def _nvidia_devices(folder: Path) -> Iterable[str]:
    """Names of NVIDIA devices from the driver's files: asking CUDA would initialise it."""
    for information in sorted(folder.glob("*/information")):
        for line in information.read_text(errors="replace").splitlines():
            if line.startswith("Model:"):
                yield line.split(":", 1)[1].strip()


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())
