"""What learning adds to perception: the network beside rules on the nearest returns.

    python benchmarks/perception.py                  train on 16,384 scenes, about 6 minutes
    python benchmarks/perception.py --scenes 4096 --epochs 8
    python benchmarks/perception.py --checkpoint CKPT    a trained robotics_scan, no training

All are asked about the same 1,024 test scenes of ``robotics_scans``. The rules know the geometry of
the scanner; their bounds were chosen on training scenes. Grids of the rules come twice: cells that
a return falls into, and, since bodies reach behind their returns, cells up to so far behind one,
the depth that is best on the training scenes. IoU is intersection over union: the mean of the
classes, and of the occupied cells.
"""

from __future__ import annotations

import argparse
import logging
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.optim.lr_scheduler import OneCycleLR
from torchmetrics.functional.classification import binary_jaccard_index, multiclass_jaccard_index

from labloom.build.checkpoints import load_module
from labloom_robotics.data.labelled import Samples
from labloom_robotics.data.occupancy import UNASKED
from labloom_robotics.data.scans import ScanData
from labloom_robotics.nearest_return import nearest_return_classes, nearest_return_grid
from labloom_robotics.nets.readings_net import ReadingsNet
from labloom_robotics.nets.scan_net import ScanNet
from labloom_robotics.perceive import Perceiver

PEAK_LR = 3e-3
DEPTHS = (0.125, 0.25, 0.375, 0.5, 0.625)  # m
TUNED_ON = 512  # training scenes on which the depth is chosen


class Answers(NamedTuple):
    """What somebody says about scans.

    Args:
        classes: of the rays, [m, r].
        grid: probability or truth of being occupied, [m, g, g].
    """

    classes: Tensor
    grid: Tensor


class ByHand(Perceiver):
    """The module with the optimizer that labloom's config would supply."""

    def configure_optimizers(self) -> dict:
        """Adam on one cycle."""
        optimizer = torch.optim.Adam(self.parameters(), lr=PEAK_LR)
        steps = int(self.trainer.estimated_stepping_batches)
        cycle = OneCycleLR(optimizer, PEAK_LR, total_steps=steps)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": cycle, "interval": "step"}}


def main() -> None:
    """Measure and print."""
    arguments = parse()
    torch.set_num_threads(arguments.threads)
    quiet()
    data = ScanData(train_scenes=arguments.scenes)
    data.setup()
    test = data._splits["test"]
    depth = best_depth(data)
    print(f"{len(test)} test scenes, {arguments.scenes} to train on\n")
    print(
        f"{'':24}{'mean IoU':>9}  {'  '.join(f'{name:>6}' for name in data.spec['classes'])}",
        end="",
    )
    print(f"{'occupied':>11}{'seconds':>9}")
    show("nearest return", test, lambda: rules(data, test, 0.0))
    show(f"  and {depth:g} m behind", test, lambda: rules(data, test, depth))
    if arguments.checkpoint is not None:
        module = load_module(arguments.checkpoint)
        show("robotics_scan", test, lambda: ask(module, test))
        return
    for name, kind in (("robotics_readings", ReadingsNet), ("robotics_scan", ScanNet)):
        for seed in range(arguments.seeds):
            module = train(kind, data, arguments.epochs, seed)
            show(f"{name}, seed {seed}", test, lambda module=module: ask(module, test))


def rules(data: ScanData, split: Samples, depth: float) -> Answers:
    """What the nearest returns tell."""
    scans = split.inputs.numpy()
    grid = nearest_return_grid(
        scans, data.max_range, grid=data.grid, cell=data.cell_size, depth=depth
    )
    classes = nearest_return_classes(scans, data.max_range)
    return Answers(torch.from_numpy(classes), torch.from_numpy(grid))


def best_depth(data: ScanData) -> float:
    """How far behind a return, in m, cells are best called occupied."""
    train = Samples(*data._splits["train"][:TUNED_ON])
    return max(DEPTHS, key=lambda depth: occupied_iou(rules(data, train, depth), train))


def train(kind: type, data: ScanData, epochs: int, seed: int) -> Perceiver:
    """A network of one kind after so many epochs."""
    pl.seed_everything(seed, verbose=False)
    spec = data.spec
    names = ("shape", "target_shape", "num_classes", "grid")
    geometry = {n: spec[n] for n in ("cell_size", "max_range")} if kind is ScanNet else {}
    model = kind(**{name: spec[name] for name in names}, **geometry)
    module = ByHand(model, **{n: v for n, v in spec.items() if n != "target_shape"})
    trainer = pl.Trainer(
        accelerator="cpu",
        max_epochs=epochs,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        limit_val_batches=0,
    )
    trainer.fit(module, data)
    return module


def ask(module: Perceiver, split: Samples) -> Answers:
    """What a trained module says."""
    module.eval()
    with torch.inference_mode():
        parts = [module(inputs) for inputs in split.inputs.split(64)]
    classes = torch.cat([part["classes"].argmax(dim=1) for part in parts])
    return Answers(classes, torch.cat([part["grid"].sigmoid() for part in parts]))


def show(name: str, split: Samples, answer: Callable[[], Answers]) -> None:
    """Print a line: how good, and how long answering took."""
    start = time.perf_counter()
    answers = answer()
    seconds = time.perf_counter() - start
    truth = split.targets["classes"]
    ious = multiclass_jaccard_index(answers.classes, truth, 5, average=None)
    each = "  ".join(f"{float(iou):6.3f}" for iou in ious)
    occupied = occupied_iou(answers, split)
    print(f"{name:24}{float(ious.mean()):9.3f}  {each}{occupied:11.3f}{seconds:9.2f}", flush=True)


def occupied_iou(answers: Answers, split: Samples) -> float:
    """Intersection over union of the occupied cells, among those that are asked."""
    truth = split.targets["grid"].long()
    return float(binary_jaccard_index(answers.grid, truth, ignore_index=UNASKED))


def quiet() -> None:
    """Keep Lightning's advice off the terminal."""
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore")


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--scenes", type=int, default=16384, help="to train on")
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--seeds", type=int, default=1, help="trainings of each network")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--checkpoint", type=Path, help="of robotics_scan; instead of training")
    return parser.parse_args()


if __name__ == "__main__":
    main()
