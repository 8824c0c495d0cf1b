"""What recording every step costs: the same fit without logger, with labloom's and with the stock.

    python benchmarks/logging_cost.py
    python benchmarks/logging_cost.py --steps 2000 --repeats 7 --width 512 --stock-repeats 0

Every fit logs three values at every step into an SQLite store. Its time runs from before the run is
opened until it is closed with every value in the store, which is checked by counting. Fits with and
without logger alternate, and the ratio is that of neighbours, so that a slow minute of the machine
counts on both sides; ``best`` compares the fastest fit of each, which other work on the machine has
disturbed least. labloom's budget is 1.05 times the fit without a logger.
"""

from __future__ import annotations

import argparse
import logging
import os
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import mlflow
import pytorch_lightning as pl
import torch
from omegaconf import OmegaConf
from pytorch_lightning.loggers import Logger, MLFlowLogger
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from labloom import __version__
from labloom.compose.job import Job
from labloom.hookspecs import Task
from labloom.record import Store, open_run, open_store

NAMES = ("train/loss", "train/acc", "train/confidence")
FEATURES, CLASSES = 64, 10


class Timing(NamedTuple):
    """Seconds of one fit.

    Args:
        total: from before the run was opened until it was closed.
        fit: in ``Trainer.fit`` alone.
        stored: values that the store has; None without a logger.
    """

    total: float
    fit: float
    stored: int | None


class Classifier(pl.LightningModule):
    """A feed-forward network that logs three values at every step."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(FEATURES, width),
            nn.ReLU(),
            nn.Linear(width, width),
            nn.ReLU(),
            nn.Linear(width, CLASSES),
        )

    def training_step(self, batch: tuple[Tensor, Tensor], index: int) -> Tensor:
        """One step on features [b, f] and labels [b]."""
        features, labels = batch
        logits = self.net(features)
        loss = nn.functional.cross_entropy(logits, labels)
        accuracy = (logits.argmax(dim=1) == labels).float().mean()
        confidence = logits.softmax(dim=1).amax(dim=1).mean()
        self.log_dict(dict(zip(NAMES, (loss, accuracy, confidence), strict=True)))
        return loss

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
        store = open_store(f"sqlite:///{scratch}/mlflow.db")
        ways: dict[str, Callable[[], Timing]] = {
            "none": lambda: without_logger(arguments),
            "labloom": lambda: with_labloom(arguments, store),
        }
        if arguments.stock_repeats:
            ways["stock"] = lambda: with_stock(arguments, store)
        ways["none"]()  # the first fit of a process pays for imports
        timings: dict[str, list[Timing]] = {name: [] for name in ways}
        for repeat in range(arguments.repeats):
            for name, way in ways.items():
                if name != "stock" or repeat < arguments.stock_repeats:
                    timings[name].append(way())
    report(arguments, timings)


def without_logger(arguments: argparse.Namespace) -> Timing:
    """The fit that everything is compared with."""
    seconds = fit(arguments, logger=False)
    return Timing(seconds, seconds, None)


def with_labloom(arguments: argparse.Namespace, store: Store) -> Timing:
    """The fit in a labloom run, opened and closed as ``labloom run`` does."""
    folder = Path(tempfile.mkdtemp(dir=Path.cwd()))
    job = make_job(store, folder, arguments.system_metrics)
    with watch() as total, open_run(job, store) as run:
        seconds = fit(arguments, run.logger)
    return Timing(total(), seconds, stored_values(store, run.id))


def with_stock(arguments: argparse.Namespace, store: Store) -> Timing:
    """The fit with ``pytorch_lightning.loggers.MLFlowLogger`` on the same kind of store."""
    with watch() as total:
        logger = MLFlowLogger("stock", tracking_uri=store.uri)
        seconds = fit(arguments, logger)
    return Timing(total(), seconds, stored_values(store, logger.run_id))


def fit(arguments: argparse.Namespace, logger: Logger | bool) -> float:
    """Seconds of one fit; the same numbers in every fit."""
    torch.manual_seed(0)
    count = arguments.steps * arguments.batch
    data = TensorDataset(torch.randn(count, FEATURES), torch.randint(CLASSES, (count,)))
    batches = DataLoader(Batches(data, arguments.batch), batch_size=None)
    module = Classifier(arguments.width)
    trainer = pl.Trainer(
        max_epochs=1,
        accelerator="cpu",
        logger=logger,
        log_every_n_steps=1,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    with watch() as seconds:
        trainer.fit(module, batches)
    return seconds()


class Batches(torch.utils.data.Dataset):
    """Whole batches, sliced from memory, so that the step is cheap and logging is seen."""

    def __init__(self, data: TensorDataset, batch: int) -> None:
        self.data, self.batch = data, batch

    def __len__(self) -> int:
        return len(self.data) // self.batch

    def __getitem__(self, index: int) -> tuple[Tensor, ...]:
        return self.data[index * self.batch : (index + 1) * self.batch]


def make_job(store: Store, folder: Path, system_metrics: bool) -> Job:
    """The least that a labloom run needs."""
    tracking = {
        "uri": store.uri,
        "experiment": None,
        "run_name": None,
        "tags": {},
        "system_metrics": system_metrics,
        "log_model": False,
    }
    task = Task(name="benchmark", summary="logging every step", monitor=None, mode="min")
    config = {"task": {"name": task.name, "monitor": None, "mode": "min"}, "tracking": tracking}
    return Job(
        config=OmegaConf.create(config),
        task=task,
        plugin=None,
        overrides=(),
        choices={},
        output_dir=folder,
    )


def stored_values(store: Store, run_id: str) -> int:
    """Values of the three metrics that the store has."""
    return sum(len(store.client.get_metric_history(run_id, name)) for name in NAMES)


def report(arguments: argparse.Namespace, timings: dict[str, list[Timing]]) -> None:
    """Print medians, ratios and the count of values."""
    logged = len(NAMES) * arguments.steps
    none = timings["none"]
    print(f"{arguments.steps} steps, {logged} values, {arguments.repeats} repeats; medians:\n")
    heads = f"{'whole run':>12}{'fit':>10}{'a step':>12}{'ratio':>9}{'best':>9}{'stored':>18}"
    print(f"{'logger':<10}{heads}")
    fastest = min(timing.total for timing in none)
    for name, several in timings.items():
        total = statistics.median(timing.total for timing in several)
        inside = statistics.median(timing.fit for timing in several)
        ratio = statistics.median(a.total / b.total for a, b in zip(several, none, strict=False))
        best = min(timing.total for timing in several) / fastest
        stored = {timing.stored for timing in several}
        counts = "-" if stored == {None} else ", ".join(f"{n} of {logged}" for n in stored)
        step = f"{1000 * total / arguments.steps:.2f} ms"
        print(
            f"{name:<10}{total:>10.2f} s{inside:>8.2f} s{step:>12}{ratio:>8.3f}x{best:>8.3f}x"
            f"{counts:>18}"
        )


@contextmanager
def watch():
    """Gives a function that tells the seconds from the beginning to the end of the block."""
    start = time.perf_counter()
    end: list[float] = []
    yield lambda: end[0] - start
    end.append(time.perf_counter())


def quiet() -> None:
    """Leave only our own lines on the terminal."""
    warnings.filterwarnings("ignore")
    for name in ("pytorch_lightning", "lightning_fabric", "mlflow"):
        logging.getLogger(name).setLevel(logging.ERROR)


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=3000, help="of one fit")
    parser.add_argument("--repeats", type=int, default=5, help="of every fit")
    parser.add_argument("--width", type=int, default=256, help="of the network's layers")
    parser.add_argument("--batch", type=int, default=128, help="examples in a batch")
    parser.add_argument("--threads", type=int, default=1, help="of torch")
    parser.add_argument("--system-metrics", action="store_true", help="sample the machine too")
    parser.add_argument("--stock-repeats", type=int, default=2, help="it is slow; 0: leave it out")
    return parser.parse_args()


if __name__ == "__main__":
    main()
