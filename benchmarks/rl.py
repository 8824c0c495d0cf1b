"""Reinforcement learning through labloom, beside stable-baselines3 with the same settings.

    python benchmarks/rl.py                              every contest
    python benchmarks/rl.py ppo-cartpole --repeats 5     one of them
    python benchmarks/rl.py ppo-cartpole --steps 20000   shorter: the schedules end there
    python benchmarks/rl.py --clock cpu                  processor time of the training process

Needs ``stable-baselines3``, and ``labloom-robotics[mujoco]`` for Reacher. Both sides train on one
thread, in fresh processes that take turns; a ratio is that of neighbours. Timed is the training:
``Trainer.fit`` of a whole recorded run (checkpoints, metrics and the state for resuming included,
validation not), and ``learn`` of stable-baselines3, which records nothing. Then both policies play
the same 100 seeded episodes, deterministically, through the same code. On a busy machine take the
processor time; it has that of threads, but not that of other processes.

``ppo-navigate`` has no peer: it is the built-in world with 256 agents, whose bar is a number.
"""

from __future__ import annotations

import argparse
import io
import json
import logging
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple

EPISODES = 100
CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}
FIRST_SEED = 500_000  # of the episodes that both sides are judged on
UNVALIDATED = (
    "data.val_episodes=0",
    "task.monitor=null",
    "test=false",
    "trainer.accelerator=cpu",
    "callbacks.progress=none",
    "tracking.log_model=false",
)


class Contest(NamedTuple):
    """What is trained.

    Args:
        experiment: labloom's side.
        steps: of all agents together.
        peer: whether stable-baselines3 trains the same.
        bar: what is to be reached, in words.
    """

    experiment: str
    steps: int
    peer: bool
    bar: str


CONTESTS = {
    "ppo-cartpole": Contest("robotics_cartpole_ppo", 100_000, True, "1.5 times its steps/s"),
    "dqn-cartpole": Contest("robotics_cartpole_dqn", 50_000, True, "-"),
    "ppo-reacher": Contest("robotics_reacher", 200_000, True, "its return"),
    "ppo-navigate": Contest("robotics_navigate", 1_000_000, False, "20,000 steps/s"),
}


class Result(NamedTuple):
    """One training.

    Args:
        seconds: of the training.
        steps: of all agents together.
        returned: mean return of the seeded episodes.
    """

    seconds: float
    steps: int
    returned: float

    @property
    def speed(self) -> float:
        """Steps of all agents together in a second."""
        return self.steps / self.seconds


def main() -> None:
    """Measure and print."""
    arguments = parse()
    if arguments.side:
        print(json.dumps(train_here(arguments)))
        return
    print(
        f"{os.cpu_count()} cores, 1 thread a training; {arguments.repeats} repeats, seed = repeat; "
        f"{arguments.clock} time"
    )
    for name in arguments.contests or CONTESTS:
        contest = CONTESTS[name]
        results: dict[str, list[Result]] = {}
        for seed in range(arguments.repeats):
            for side in ("labloom", "sb3") if contest.peer else ("labloom",):
                results.setdefault(side, []).append(in_fresh_process(name, side, seed, arguments))
        report(name, contest, results)


def in_fresh_process(contest: str, side: str, seed: int, arguments: argparse.Namespace) -> Result:
    """Train one side in a process of its own, on one thread."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    command = [sys.executable, __file__, contest, "--side", side, "--seed", str(seed)]
    command += ["--clock", arguments.clock]
    command += ["--steps", str(arguments.steps)] if arguments.steps else []
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{side} failed in {contest}, seed {seed}")
    return Result(*json.loads(done.stdout.splitlines()[-1]))


def train_here(arguments: argparse.Namespace) -> Result:
    """Train one side in this process."""
    import torch

    torch.set_num_threads(1)
    quiet()
    name = arguments.contests[0]
    contest, clock = CONTESTS[name], CLOCKS[arguments.clock]
    share = (arguments.steps or contest.steps) / contest.steps
    with tempfile.TemporaryDirectory() as scratch, redirect_stdout(io.StringIO()):
        os.chdir(scratch)
        if arguments.side == "sb3":
            from rl_sb3 import train

            seconds, steps, decide = train(
                name, arguments.seed, round(share * contest.steps), clock
            )
        else:
            seconds, steps, decide = with_labloom(contest, arguments.seed, share, clock)
        returned = judged(contest, decide)
        os.chdir("/")
    return Result(seconds, steps, returned)


def with_labloom(
    contest: Contest, seed: int, share: float, clock: Callable[[], float]
) -> tuple[float, int, Callable[..., Any]]:
    """A whole recorded run of a share of the experiment's epochs; timed is its fit."""
    import pytorch_lightning as pl

    from labloom.run import run

    epochs = math.ceil(share * compose(contest, ()).config.trainer.max_epochs)
    job = compose(contest, (*UNVALIDATED, f"seed={seed}", f"trainer.max_epochs={epochs}"))
    fits: list[float] = []
    original = pl.Trainer.fit

    def fit(trainer: pl.Trainer, *args: Any, **kwargs: Any) -> None:
        start = clock()
        original(trainer, *args, **kwargs)
        fits.append(clock() - start)
        modules.append(trainer.lightning_module)

    modules: list[Any] = []
    pl.Trainer.fit = fit
    try:
        run(job)
    finally:
        pl.Trainer.fit = original
    module = modules[0].eval()
    return fits[0], int(module.env_steps), module.controller(EPISODES)


def compose(contest: Contest, overrides: Sequence[str]) -> Any:
    """The job of a contest."""
    from labloom.compose.composing import compose_config, hydra_ready
    from labloom.compose.jobs import make_job

    with hydra_ready():
        composed = compose_config((f"experiment={contest.experiment}", *overrides))
        return make_job(composed, output_dir=Path(tempfile.mkdtemp(dir=Path.cwd())))


def judged(contest: Contest, decide: Callable[..., Any]) -> float:
    """Mean return of the same seeded episodes, whoever trained."""
    import torch

    from labloom_robotics.evaluation.episodes import EpisodeBatch, play
    from labloom_robotics.worlds.make import make_world

    data = compose(contest, ()).config.data
    world = make_world(data.get("env") or data.world, EPISODES, dict(data.get("options") or {}))
    controller = decide if hasattr(decide, "counts") else _Counting(decide)
    with torch.no_grad():
        episodes = play(EpisodeBatch(world, range(FIRST_SEED, FIRST_SEED + EPISODES)), controller)
    return float(episodes.returns.mean())


class _Counting:
    """A plain function as a controller that counts nothing."""

    def __init__(self, decide: Callable[..., Any]) -> None:
        self.decide = decide

    def __call__(self, observations: Any, world: Any) -> Any:
        return self.decide(observations, world)

    def counts(self) -> dict[str, Any]:
        return {}


def report(name: str, contest: Contest, results: dict[str, list[Result]]) -> None:
    """Print medians with their range, and ratios of neighbours."""
    print(f"\n{name}: {results['labloom'][0].steps:,} steps; bar: {contest.bar}")
    print(f"{'':<10}{'steps/s':>10}{'min to max':>20}{'return':>10}{'of each seed':>30}")
    for side, several in results.items():
        speeds, returns = ([getattr(r, key) for r in several] for key in ("speed", "returned"))
        print(
            f"{side:<10}{statistics.median(speeds):>10,.0f}"
            f"{f'{min(speeds):,.0f} to {max(speeds):,.0f}':>20}"
            f"{statistics.mean(returns):>10.1f}"
            f"{', '.join(f'{value:.1f}' for value in returns):>30}"
        )
    if "sb3" in results:
        pairs = zip(results["labloom"], results["sb3"], strict=True)
        ratios = [ours.speed / theirs.speed for ours, theirs in pairs]
        print(f"ratio {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")


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
    parser.add_argument("contests", nargs="*", choices=[*CONTESTS, []], help="default: all")
    parser.add_argument("--repeats", type=int, default=3, help="trainings of each side")
    parser.add_argument("--steps", type=int, help="instead of those of the contest")
    parser.add_argument("--clock", choices=CLOCKS, default="wall", help="what a second is")
    parser.add_argument("--side", choices=("labloom", "sb3"), help=argparse.SUPPRESS)
    parser.add_argument("--seed", type=int, default=0, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
