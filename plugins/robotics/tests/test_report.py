"""What a run records of its episodes, from real worlds and a real fit."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from PIL import Image
from pytorch_lightning.callbacks import ModelCheckpoint
from pytorch_lightning.loggers import Logger

from labloom_robotics.evaluation.episodes import EpisodeBatch, play
from labloom_robotics.evaluation.metrics import EpisodeMetrics
from labloom_robotics.evaluation.report import EpisodeReport, film_seeds
from labloom_robotics.worlds.make import make_world

SEEDS = range(1000, 1012)
ROAD = {"lanes": 2, "cars": 4, "road_length": 60.0, "max_episode_steps": 60}


class Kept(Logger):
    """A logger whose record keeps what it gets, as a run's does."""

    name = "kept"
    version = 0

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.output_dir = folder
        self.tables: dict[str, list] = {}
        self.figures: dict[str, object] = {}
        self.files: list[tuple[Path, str]] = []

    @property
    def experiment(self):
        return self

    def log_table(self, path, rows):
        assert path not in self.tables
        self.tables[path] = rows

    def log_figure(self, name, figure):
        assert name not in self.figures
        self.figures[name] = figure

    def log_file(self, path, folder):
        self.files.append((Path(path), folder))

    def log_metrics(self, metrics, step=None):
        pass

    def log_hyperparams(self, params, *args, **kwargs):
        pass


class Roads(pl.LightningDataModule):
    """Two batches to train on, and episodes of a world to be evaluated in."""

    def __init__(self, world="drive", options=None, drawable=True):
        super().__init__()
        self.world, self.options, self.drawable = world, options, drawable
        self.shown = 0

    def train_dataloader(self):
        return torch.utils.data.DataLoader(torch.ones(4, 1), 2)

    def val_dataloader(self):
        return _Batches(make_world(self.world, 4, self.options))

    test_dataloader = val_dataloader

    def video_world(self, num_agents):
        self.shown += 1
        return make_world(self.world, num_agents, self.options, pictures=self.drawable)


class _Batches:
    """The episodes, four at a time."""

    def __init__(self, world):
        self.world = world

    def __len__(self):
        return len(SEEDS) // 4

    def __iter__(self):
        for first in range(0, len(SEEDS), 4):
            yield EpisodeBatch(self.world, SEEDS[first : first + 4])


class Steady(pl.LightningModule):
    """Presses the pedal as its only weight says, which changes from epoch to epoch."""

    pedals = (-1.0, 0.2, -0.5)

    def __init__(self, discrete=False):
        super().__init__()
        self.pedal = torch.nn.Parameter(torch.zeros(1))
        self.discrete = discrete
        self.metrics = torch.nn.ModuleDict(
            {split: EpisodeMetrics(split) for split in ("val", "test")}
        )
        self.drawn_numbers: list[float] = []

    def controller(self, num_agents):
        return _Pedal(float(self.pedal), self.discrete)

    def training_step(self, batch):
        self.drawn_numbers.append(float(torch.rand(())))
        with torch.no_grad():
            self.pedal.fill_(self.pedals[self.current_epoch])
        return (self.pedal * 0).sum()

    def on_validation_epoch_start(self):
        self.metrics["val"].reset()

    def validation_step(self, batch):
        self.metrics["val"].update(play(batch, self.controller(len(batch.seeds))))

    def on_validation_epoch_end(self):
        self.log_dict(self.metrics["val"].compute())

    def test_step(self, batch):
        self.metrics["test"].update(play(batch, self.controller(len(batch.seeds))))

    def on_test_epoch_end(self):
        self.log_dict(self.metrics["test"].compute())

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.0)


class _Pedal:
    def __init__(self, pedal, discrete):
        self.pedal, self.discrete = pedal, discrete

    def __call__(self, observations, world):
        if self.discrete:
            return (observations[:, 2] + observations[:, 3] > 0).astype(np.int64)
        return np.full((world.num_agents, 2), [self.pedal, 0.0], dtype=np.float32)

    def counts(self):
        return {}


def trainer_of(folder, callbacks, epochs=3) -> pl.Trainer:
    return pl.Trainer(
        accelerator="cpu",
        devices=1,
        max_epochs=epochs,
        logger=Kept(folder),
        callbacks=callbacks,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=1,
        default_root_dir=folder,
    )


def best(folder):
    return ModelCheckpoint(folder / "checkpoints", monitor="val/return", mode="max")


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """A fit of three epochs, the second of which is the best."""
    folder = tmp_path_factory.mktemp("fitted")
    report = EpisodeReport("val/return", "max")
    trainer = trainer_of(folder, [report, best(folder)])
    module, data = Steady(), Roads(options=ROAD)
    trainer.fit(module, data)
    return trainer, module, data


def test_the_table_and_the_figures_are_those_of_the_best_epoch(fitted):
    trainer, _, _ = fitted
    rows = trainer.logger.tables["tables/val/episodes.csv"]
    assert [row["seed"] for row in rows] == list(SEEDS)
    with_best = make_world("drive", len(SEEDS), ROAD)
    again = play(EpisodeBatch(with_best, SEEDS), _Pedal(0.2, False))
    assert [row["return"] for row in rows] == pytest.approx(again.returns.tolist(), rel=1e-6)
    assert set(trainer.logger.figures) == {"val/returns", "val/trajectories"}
    assert _title(trainer.logger.figures["val/returns"]) == "Validation, epoch 2"


def test_the_film_plays_for_ever_and_is_small(fitted):
    trainer, _, _ = fitted
    [(path, folder)] = trainer.logger.files
    assert (path.name, folder) == ("episodes.gif", "figures/val")
    assert path.stat().st_size <= 3_000_000
    film = Image.open(path)
    assert film.n_frames > 10
    assert film.info["loop"] == 0
    assert film.info["duration"] == 100  # ms: a step of the road


def test_the_last_weights_stay_in_the_module(fitted):
    _, module, data = fitted
    assert float(module.pedal) == pytest.approx(-0.5)
    assert module.training
    assert data.shown == 1


def test_training_is_the_same_with_and_without_the_report(tmp_path):
    pl.seed_everything(3, verbose=False)
    reported = Steady()
    trainer_of(tmp_path, [EpisodeReport("val/return")]).fit(reported, Roads(options=ROAD))
    after = float(torch.rand(()))
    pl.seed_everything(3, verbose=False)
    alone = Steady()
    trainer_of(tmp_path, []).fit(alone, Roads(options=ROAD))
    assert reported.drawn_numbers == alone.drawn_numbers
    assert float(torch.rand(())) == after


def test_a_test_is_reported_with_the_weights_that_are_tested(tmp_path):
    trainer = trainer_of(tmp_path, [EpisodeReport("val/return")])
    module = Steady()
    torch.nn.init.constant_(module.pedal, 0.9)
    trainer.test(module, Roads(options=ROAD), verbose=False)
    assert set(trainer.logger.figures) == {"test/returns", "test/trajectories"}
    assert [folder for _, folder in trainer.logger.files] == ["figures/test"]
    assert len(trainer.logger.tables["tables/test/episodes.csv"]) == len(SEEDS)
    low, high = (trainer.callback_metrics[f"test/return_{end}"] for end in ("low", "high"))
    assert low < trainer.callback_metrics["test/return"] < high


def test_a_resumed_run_goes_on_from_the_best_epoch_of_the_checkpoint(tmp_path):
    first = trainer_of(tmp_path, [EpisodeReport("val/return"), best(tmp_path)], epochs=2)
    first.fit(Steady(), Roads(options=ROAD))
    first.save_checkpoint(tmp_path / "last.ckpt", weights_only=False)
    second = trainer_of(tmp_path, [EpisodeReport("val/return"), best(tmp_path)], epochs=3)
    second.fit(Steady(), Roads(options=ROAD), ckpt_path=tmp_path / "last.ckpt", weights_only=True)
    table = "tables/val/episodes.csv"
    assert second.logger.tables[table] == first.logger.tables[table]
    assert _title(second.logger.figures["val/returns"]) == "Validation, epoch 2"


def test_a_world_without_places_has_a_film_and_no_trajectories(tmp_path):
    pytest.importorskip("pygame")
    trainer = trainer_of(tmp_path, [EpisodeReport("val/return")], epochs=1)
    trainer.fit(Steady(discrete=True), Roads("CartPole-v1"))
    assert set(trainer.logger.figures) == {"val/returns"}
    assert len(trainer.logger.files) == 1


def test_a_world_that_cannot_be_drawn_warns_once_and_draws_the_rest(tmp_path, caplog):
    trainer = trainer_of(tmp_path, [EpisodeReport("val/return")], epochs=1)
    with caplog.at_level(logging.WARNING):
        trainer.fit(Steady(discrete=True), Roads("CartPole-v1", drawable=False))
    assert [r.getMessage() for r in caplog.records if "film" in r.getMessage()] == [
        "no film of episodes is recorded: CartPoleEnv draws no pictures"
    ]
    assert set(trainer.logger.figures) == {"val/returns"}
    assert trainer.logger.files == []


def test_trouble_with_pictures_does_not_end_a_run(tmp_path, caplog):
    data = Roads(options=ROAD)
    data.video_world = lambda num_agents: make_world("drive", num_agents, {"lanes": 99})
    trainer = trainer_of(tmp_path, [EpisodeReport("val/return")], epochs=1)
    with caplog.at_level(logging.WARNING):
        trainer.fit(Steady(), data)
    assert "no pictures of val episodes are recorded: data.options.lanes" in caplog.text
    assert "tables/val/episodes.csv" in trainer.logger.tables


def test_nothing_is_played_when_film_and_trajectories_are_off(tmp_path):
    data = Roads(options=ROAD)
    trainer = trainer_of(tmp_path, [EpisodeReport("val/return", filmed=0, drawn=0)], epochs=1)
    trainer.fit(Steady(), data)
    assert data.shown == 0
    assert set(trainer.logger.figures) == {"val/returns"}


def test_a_run_that_is_recorded_elsewhere_plays_nothing(tmp_path):
    data = Roads(options=ROAD)
    trainer = pl.Trainer(
        fast_dev_run=True, accelerator="cpu", callbacks=[EpisodeReport()],
        enable_progress_bar=False, enable_model_summary=False, default_root_dir=tmp_path,
    )  # fmt: skip
    trainer.fit(Steady(), data)
    assert data.shown == 0


def test_the_film_shows_from_the_worst_to_the_best():
    rows = [{"seed": seed, "return": (seed * 7) % 10} for seed in range(10)]
    assert list(film_seeds(rows, 3).items()) == [(0, "worst"), (2, "median"), (7, "best")]
    assert list(film_seeds(rows, 1).values()) == ["median"]
    assert list(film_seeds(rows[:2], 3).values()) == ["worst", "best"]
    assert len(film_seeds(rows, 5)) == 5
    assert film_seeds(rows, 0) == {}


def _title(figure) -> str:
    return figure.get_suptitle()
