"""How long until a typo is told: ``labloom run`` beside a script that imports Lightning first.

    python benchmarks/config_error.py
    python benchmarks/config_error.py --repeats 9

Both are asked for ``optimizer.lrr=1``, which no config has. The other side is a training script in
the usual style: imports of torch and Lightning at the top, Hydra composes after them. Timed is the
whole process, with bytecode cached, the two in turns.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

TYPO = "optimizer.lrr=1"
BUDGET = 1.0  # s

USUAL_SCRIPT = """
import hydra
import pytorch_lightning as pl
import torch
from omegaconf import DictConfig
from pytorch_lightning import Callback, LightningDataModule, LightningModule, Trainer
from pytorch_lightning.loggers import Logger, MLFlowLogger


@hydra.main(version_base="1.3", config_path="configs", config_name="train")
def main(cfg: DictConfig) -> None:
    pl.seed_everything(cfg.seed)
    raise SystemExit("the typo was not found")


if __name__ == "__main__":
    main()
"""
USUAL_CONFIGS = {
    "train.yaml": "defaults: [_self_, {optimizer: adam}, {trainer: default}]\nseed: 0\n",
    "optimizer/adam.yaml": "_target_: torch.optim.Adam\nlr: 1e-3\n",
    "trainer/default.yaml": "_target_: pytorch_lightning.Trainer\nmax_epochs: 10\n",
}


def main() -> None:
    """Measure and print."""
    arguments = parse()
    packages = ("labloom", "hydra-core", "pytorch-lightning", "torch", "mlflow")
    print(", ".join(f"{name} {version(name)}" for name in packages), end="")
    print(f"; Python {sys.version.split()[0]}, {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory() as scratch:
        commands = {
            "labloom": [sys.executable, "-m", "labloom", "run", "task=vision_classify", TYPO],
            "imports first": [sys.executable, str(write_usual(Path(scratch))), TYPO],
        }
        for command in commands.values():  # writes the bytecode
            seconds_of(command, scratch)
        seconds: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(arguments.repeats):
            for name, command in commands.items():
                seconds[name].append(seconds_of(command, scratch))
    report(seconds)


def write_usual(folder: Path) -> Path:
    """Write the script to compare with, and its configs."""
    for name, text in USUAL_CONFIGS.items():
        file = folder / "configs" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    script = folder / "train.py"
    script.write_text(USUAL_SCRIPT)
    return script


def seconds_of(command: Sequence[str], folder: str) -> float:
    """Wall time of the whole process, which has to complain of the typo."""
    env = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    start = time.perf_counter()
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)
    seconds = time.perf_counter() - start
    assert done.returncode != 0, done.stdout
    assert "lrr" in done.stderr, done.stderr
    return seconds


def report(seconds: dict[str, list[float]]) -> None:
    """Print medians with their range, and the ratio."""
    print(f"{len(seconds['labloom'])} repeats each, in turns, bytecode cached\n")
    print(f"{'':<16}{'median, s':>10}{'min to max':>18}")
    for name, several in seconds.items():
        span = f"{min(several):.2f} to {max(several):.2f}"
        print(f"{name:<16}{statistics.median(several):>10.2f}{span:>18}")
    pairs = zip(seconds["imports first"], seconds["labloom"], strict=True)
    ratio = statistics.median(slow / fast for slow, fast in pairs)
    print(f"\nlabloom answers {ratio:.1f} times sooner; its budget: {BUDGET:.0f} s")


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=5, help="of either command")
    return parser.parse_args()


if __name__ == "__main__":
    main()
