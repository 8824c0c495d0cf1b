"""What a run records of its episodes: a table, figures, and a film."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pytorch_lightning as pl

from labloom.callbacks.best_epoch import BestEpoch
from labloom_robotics.evaluation.best import undisturbed, weights_of_best
from labloom_robotics.evaluation.metrics import EpisodeMetrics, Row
from labloom_robotics.evaluation.recorder import Recording, record
from labloom_robotics.worlds import World

if TYPE_CHECKING:
    from labloom.record import RunRecord

log = logging.getLogger(__name__)


class EpisodeReport(pl.Callback):
    """Records the episodes of the best validation epoch, and those of the test.

    ``tables/<split>/episodes.csv`` has a row for each episode, ``figures/<split>/returns`` shows
    how they went. Then some are played once more, with the weights of the best checkpoint, on a
    world that nobody else uses: ``figures/<split>/trajectories`` has the ways of the first few, and
    ``figures/<split>/episodes.gif`` shows the one with the lowest return, the median one and the
    best one. All of it is done when the fit or the test is over, so training is as without.

    The module of the task has an ``EpisodeMetrics`` for each split, and a ``controller``; the data
    module has ``video_world(num_agents)``, a world like that of the episodes, which can be drawn.

    Args:
        monitor: metric that chooses the validation epoch; None: the last one.
        mode: whether a smaller or a larger ``monitor`` is better.
        filmed: episodes in the film; 0: no film.
        drawn: episodes in the figure of trajectories; 0: no figure.
    """

    def __init__(
        self,
        monitor: str | None = None,
        mode: Literal["min", "max"] = "max",
        filmed: int = 3,
        drawn: int = 9,
    ) -> None:
        self.best = BestEpoch(monitor, mode)
        self.filmed = filmed
        self.drawn = drawn
        self.rows: list[Row] = []
        self.epoch = 0

    def state_dict(self) -> dict[str, Any]:
        """The episodes of the best epoch so far."""
        return {"best": self.best.value, "epoch": self.epoch, "rows": self.rows}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from the best epoch of a checkpoint."""
        self.best.value = state_dict["best"]
        self.epoch = state_dict["epoch"]
        self.rows = state_dict["rows"]

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Keep the rows of the best epoch."""
        if not trainer.sanity_checking and self.best.improved(trainer):
            self.rows, self.epoch = _rows(pl_module, "val"), trainer.current_epoch

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Report the validation episodes."""
        title = f"Validation, epoch {self.epoch + 1}"
        self._report(trainer, pl_module, "val", self.rows, title)

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Report the test episodes."""
        self._report(trainer, pl_module, "test", _rows(pl_module, "test"), "Test")

    def _report(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        split: str,
        rows: list[Row],
        title: str,
    ) -> None:
        run = _record(trainer)
        if run is None or not rows:
            return
        from labloom_robotics.evaluation.trajectories import episode_figure

        run.log_table(f"tables/{split}/episodes.csv", rows)
        run.log_figure(f"{split}/returns", episode_figure(rows, title))
        try:
            self._show(run, trainer, pl_module, split, rows, title)
        except Exception as error:  # noqa: BLE001  a picture is never worth a trained run
            problem = _first_words(error)
            log.warning("no pictures of %s episodes are recorded: %s", split, problem)

    def _show(
        self,
        run: RunRecord,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        split: str,
        rows: list[Row],
        title: str,
    ) -> None:
        """Play some episodes again, and record how they look."""
        from labloom_robotics.evaluation.trajectories import trajectory_figure
        from labloom_robotics.evaluation.video import write_film

        films = film_seeds(rows, self.filmed)
        drawn = [row["seed"] for row in rows[: self.drawn]]
        seeds = list(dict.fromkeys([*films, *drawn]))
        if not seeds:
            return
        world = trainer.datamodule.video_world(len(seeds))
        weights = weights_of_best(trainer, pl_module) if split == "val" else nullcontext()
        try:
            visible = _is_visible(world, seeds)
            with weights, undisturbed(pl_module):
                recordings = record(
                    world,
                    seeds,
                    pl_module.controller(len(seeds)),
                    filmed=range(len(films)) if visible else (),
                    scenes=[seeds.index(seed) for seed in drawn] if visible else (),
                )
        finally:
            world.close()
        of_seed = dict(zip(seeds, recordings, strict=True))
        ways = [of_seed[seed] for seed in drawn if of_seed[seed].path is not None]
        if ways:
            run.log_figure(f"{split}/trajectories", trajectory_figure(ways, title))
        if films and visible:
            path = run.output_dir / "figures" / split / "episodes.gif"
            titles = [f"{name}, seed {seed}" for seed, name in films.items()]
            shown: list[Recording] = [of_seed[seed] for seed in films]
            write_film(path, shown, titles, world.frames_per_second)
            run.log_file(path, f"figures/{split}")


def film_seeds(rows: Sequence[Row], count: int) -> dict[int, str]:
    """Which episodes are filmed, and what they are called: from the lowest return to the highest.

    Args:
        rows: of all episodes.
        count: how many; with 1 it is the median one.
    """
    ranked = sorted(rows, key=lambda row: (row["return"], row["seed"]))
    count = min(count, len(ranked))
    if count == 1:
        return {ranked[len(ranked) // 2]["seed"]: "median"}
    places = [round(i * (len(ranked) - 1) / (count - 1)) for i in range(count)]
    names = {0: "worst", (len(ranked) - 1) // 2: "median", len(ranked) // 2: "median"}
    names |= {0: "worst", len(ranked) - 1: "best"}
    total = len(ranked)
    return {ranked[p]["seed"]: names.get(p, f"rank {total - p} of {total}") for p in places}


def _record(trainer: pl.Trainer) -> RunRecord | None:
    """The record of the run; None on other ranks than 0 and for loggers of other makes."""
    if not trainer.is_global_zero or trainer.logger is None:
        return None
    run = trainer.logger.experiment
    return run if isinstance(getattr(run, "output_dir", None), Path) else None


def _rows(pl_module: pl.LightningModule, split: str) -> list[Row]:
    """The episodes that the module measured last; empty if it played none."""
    for part in pl_module.modules():
        if isinstance(part, EpisodeMetrics) and part.prefix == split:
            return part.rows
    return []


def _is_visible(world: World, seeds: Sequence[int]) -> bool:
    """Whether the world can be drawn; if not, says why."""
    world.reset(seeds)
    try:
        world.picture(0)
    except Exception as error:  # noqa: BLE001  renderers fail in many ways: no display, no package
        problem = _first_words(error)
        log.warning("no film of episodes is recorded: %s", problem)
        return False
    return True


def _first_words(error: Exception) -> str:
    """What an error says in its first line; an environment that cannot draw itself says nothing."""
    if not str(error) and isinstance(error, NotImplementedError):
        return "the environment has no render_mode='rgb_array'"
    return (str(error).splitlines() or [type(error).__name__])[0]
