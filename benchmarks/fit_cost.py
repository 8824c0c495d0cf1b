"""What labloom adds to a fit: the same digits and CNN by a Trainer called by hand.

    python benchmarks/fit_cost.py
    python benchmarks/fit_cost.py --epochs 40 --repeats 9
    python benchmarks/fit_cost.py --clock cpu      processor time of the training process

Three ways take turns: the Trainer as a user would call it (a checkpoint of the best and the last
epoch, no logger), labloom as it comes (everything recorded in an SQLite store), and labloom without
system metrics and recorded model. Timed is ``Trainer.fit`` from call to return, and within it the
loop over epochs with its validations and checkpoints. What is outside of the loop does not grow
with the training; with labloom it is the drawing of the task's figures. A ratio is that of
neighbours, so that a slow minute of the machine counts on both sides; on a busy machine take the
processor time. Weights must come out equal, which is checked. The budget of the loop is 1.02 times
that by hand.
"""

from __future__ import annotations

import argparse
import io
import logging
import os
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple

import mlflow
import pytorch_lightning as pl
import torch
from omegaconf import DictConfig, OmegaConf
from pytorch_lightning.callbacks import ModelCheckpoint

from labloom import __version__
from labloom.compose.composing import compose_config, hydra_ready
from labloom.compose.job import Job
from labloom.compose.jobs import make_job
from labloom.run import run
from labloom_vision.classify import ImageClassifier
from labloom_vision.data import DigitsData
from labloom_vision.nets.cnn import CNN

MINIMAL = ("tracking.system_metrics=false", "tracking.log_model=false")
BUDGET = 1.02
CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}


class Timing(NamedTuple):
    """One fit.

    Args:
        fit: seconds in ``Trainer.fit``.
        loop: seconds of them in the loop over epochs.
        checksum: sum of the weights in the end.
    """

    fit: float
    loop: float
    checksum: float


class ByHand(ImageClassifier):
    """The module with the optimizer that labloom's config would supply."""

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Adam."""
        return torch.optim.Adam(self.parameters(), lr=1e-3)


def main() -> None:
    """Measure and print."""
    arguments = parse()
    torch.set_num_threads(arguments.threads)
    quiet()
    print(
        f"labloom {__version__}, mlflow {mlflow.__version__}, pytorch-lightning {pl.__version__}, "
        f"torch {torch.__version__}; {os.cpu_count()} cores, {arguments.threads} torch thread(s)"
    )
    with tempfile.TemporaryDirectory() as scratch:
        os.chdir(scratch)
        ways: dict[str, Callable[[], Timing]] = {
            "by hand": lambda: by_hand(arguments),
            "labloom": lambda: with_labloom(arguments, ()),
            "labloom, minimal": lambda: with_labloom(arguments, MINIMAL),
        }
        for way in ways.values():  # the first fit of a process pays for imports and the database
            way()
        timings: dict[str, list[Timing]] = {name: [] for name in ways}
        for _ in range(arguments.repeats):
            for name, way in ways.items():
                timings[name].append(way())
        os.chdir("/")
    report(arguments, timings)


def by_hand(arguments: argparse.Namespace) -> Timing:
    """The fit that everything is compared with."""
    config = compose((f"trainer.max_epochs={arguments.epochs}",)).config
    pl.seed_everything(config.seed, workers=True, verbose=False)
    data = DigitsData(**arguments_in(config.data))
    data.setup("fit")
    sizes = {name: data.spec[name] for name in ("num_classes", "channels", "image_size")}
    network = CNN(**sizes, **arguments_in(config.model))
    module = ByHand(network, **{k: v for k, v in data.spec.items() if k != "class_counts"})
    trainer = pl.Trainer(
        max_epochs=arguments.epochs,
        accelerator="cpu",
        devices=1,
        logger=False,
        callbacks=[
            ModelCheckpoint(tempfile.mkdtemp(), monitor="val/acc", mode="max", save_last=True)
        ],
        log_every_n_steps=10,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    with timed_fit(CLOCKS[arguments.clock]) as fits:
        trainer.fit(module, datamodule=data)
    return fits[0]


def with_labloom(arguments: argparse.Namespace, overrides: Sequence[str]) -> Timing:
    """The fit inside ``labloom run``, without the test that follows it."""
    job = compose((f"trainer.max_epochs={arguments.epochs}", *overrides))
    with timed_fit(CLOCKS[arguments.clock]) as fits, redirect_stdout(io.StringIO()):
        run(job)
    return fits[0]


def compose(overrides: Sequence[str]) -> Job:
    """The run of all three ways, on one process and without a test."""
    words = ("task=vision_classify", "trainer.accelerator=cpu", "callbacks.progress=none")
    with hydra_ready():
        composed = compose_config((*words, "test=false", *overrides))
        return make_job(composed, output_dir=tempfile.mkdtemp(dir=Path.cwd()))


def arguments_in(node: DictConfig) -> dict[str, Any]:
    """What a node of the config passes to its class."""
    values = OmegaConf.to_container(node, resolve=True)
    return {key: value for key, value in values.items() if key != "_target_"}


@contextmanager
def timed_fit(clock: Callable[[], float]) -> Iterator[list[Timing]]:
    """Time every ``Trainer.fit`` of the block, whoever calls it."""
    fits: list[Timing] = []
    original = pl.Trainer.fit

    def fit(trainer: pl.Trainer, model: pl.LightningModule, *args: Any, **kwargs: Any) -> None:
        with watch(trainer.fit_loop, "run", clock) as loop:
            start = clock()
            original(trainer, model, *args, **kwargs)
            seconds = clock() - start
        checksum = float(sum(weights.double().sum() for weights in model.parameters()))
        fits.append(Timing(seconds, loop[0], checksum))

    pl.Trainer.fit = fit
    try:
        yield fits
    finally:
        pl.Trainer.fit = original


@contextmanager
def watch(owner: Any, name: str, clock: Callable[[], float]) -> Iterator[list[float]]:
    """Time every call of the method ``name`` of ``owner`` in the block, s."""
    seconds: list[float] = []
    original = getattr(owner, name)

    def timed(*args: Any, **kwargs: Any) -> Any:
        start = clock()
        try:
            return original(*args, **kwargs)
        finally:
            seconds.append(clock() - start)

    setattr(owner, name, timed)
    try:
        yield seconds
    finally:
        delattr(owner, name)


def report(arguments: argparse.Namespace, timings: dict[str, list[Timing]]) -> None:
    """Print medians with their range, and ratios to the fit by hand."""
    hand = timings["by hand"]
    checksums = {timing.checksum for several in timings.values() for timing in several}
    print(
        f"{arguments.epochs} epochs, {arguments.repeats} repeats, {arguments.clock} time; "
        f"the same weights from all: {'yes' if len(checksums) == 1 else sorted(checksums)}\n"
    )
    for part in ("loop", "fit"):
        print(f"{part + ', s':<18}{'median':>10}{'min to max':>20}{'ratio':>9}{'min to max':>20}")
        for name, several in timings.items():
            seconds = [getattr(timing, part) for timing in several]
            others = [getattr(timing, part) for timing in hand]
            ratios = [a / b for a, b in zip(seconds, others, strict=True)]
            print(
                f"{name:<18}{statistics.median(seconds):>10.3f}{span(seconds):>20}"
                f"{statistics.median(ratios):>9.3f}{span(ratios):>20}"
            )
        print()
    print(f"budget of the loop: {BUDGET}")


def span(values: Sequence[float]) -> str:
    """Smallest and largest value."""
    return f"{min(values):.3f} to {max(values):.3f}"


def quiet() -> None:
    """Leave only our own lines on the terminal."""
    warnings.filterwarnings("ignore")
    for name in ("pytorch_lightning", "lightning_fabric", "mlflow", "labloom"):
        logging.getLogger(name).setLevel(logging.ERROR)


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--epochs", type=int, default=20, help="of one fit")
    parser.add_argument("--repeats", type=int, default=5, help="of every fit")
    parser.add_argument("--clock", choices=CLOCKS, default="wall", help="what a second is")
    parser.add_argument("--threads", type=int, default=1, help="of torch")
    return parser.parse_args()


if __name__ == "__main__":
    main()
