"""Demonstrations to imitate, and a world to see whether it worked, as Lightning's data module."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from gymnasium import spaces
from pytorch_lightning.utilities.warnings import PossibleUserWarning
from torch.utils.data import DataLoader

from labloom.arguments import require_number, require_parts, require_whole, under
from labloom.errors import ConfigError, DataError
from labloom_robotics.data.episodes import EpisodeLoader, require_apart, seeds_from
from labloom_robotics.demos.episode import Demonstrations
from labloom_robotics.demos.experts import roll_out
from labloom_robotics.demos.formats import read_demonstrations
from labloom_robotics.demos.splits import split_episodes
from labloom_robotics.demos.windows import (
    Batch,
    Windows,
    action_statistics,
    observation_statistics,
    windows_of,
)
from labloom_robotics.experience.generators import FIRST_TRAINING_SEED
from labloom_robotics.spaces import plain_space
from labloom_robotics.worlds import World
from labloom_robotics.worlds.make import make_world

EXPERT = "expert"
EXAMPLES = 4
SEEDS_OF_A_SET = 1_000_000  # so many lie between the first episodes of two demo_seeds


class DemonstrationData(pl.LightningDataModule):
    """Windows of demonstrations, split by episode; and seeded episodes of a world, if there is one.

    Training batches are ``observations`` [b, ...], ``actions`` [b, k, ...] and ``is_pad`` [b, k];
    how many actions a window has, k, is the module's to say (``chunk``). Validation and test have
    two loaders: held-out windows, then episodes to play; either may be absent. The order of the
    training batches is drawn from torch's global generator; evaluation draws nothing from it.

    A file that names its episodes for training and validation (robomimic's masks ``train`` and
    ``valid``, LeRobot's splits) is followed; ``test_fraction`` is then taken from those for
    training, unless ``test`` is named too.

    Args:
        source: ``expert`` acts in ``world``; or ``minari``, ``lerobot``, ``robomimic`` from
            ``path``, or ``auto``: told by the files.
        path: file or folder of demonstrations: absolute, from the working directory, or from
            ``root``.
        root: folder of all data sets.
        keys: of the observations, those to read; None: all.
        mask: use only the episodes that the file lists under this name; None: all.
        world: where policies are evaluated, and where the expert acts; None: held-out loss only.
        options: of the world.
        episodes: that the expert shows.
        agents: that show at the same time; part of what decides the noise.
        noise: disturbance of the expert, see ``demos.experts.roll_out``.
        clean_labels: see there.
        only_successes: see there; not for files.
        demo_seed: draws the expert's episodes and the split.
        val_fraction: part of the episodes that is held out for validation.
        test_fraction: part that is held out for the test.
        batch_size: windows in a batch, in each process.
        val_episodes: episodes that are played in a validation; 0: none.
        val_seed: of the first one.
        test_episodes: episodes that are played in the test; 0: none.
        test_seed: of the first one.
        eval_agents: episodes that are played at the same time; None: all, up to 64.

    Attributes:
        spec: observation_space and action_space as plain values, cost_names, max_episode_steps,
            observation_stats and action_stats of the training split; empty before ``setup``.

    Raises:
        ConfigError: an argument is out of range, or contradicts another.
    """

    def __init__(  # noqa: PLR0913  (each is a choice of its own)
        self,
        *,
        source: str = EXPERT,
        path: str | None = None,
        root: str | None = None,
        keys: Sequence[str] | None = None,
        mask: str | None = None,
        world: str | None = None,
        options: Mapping[str, Any] | None = None,
        episodes: int = 200,
        agents: int = 50,
        noise: float = 0.0,
        clean_labels: bool = True,
        only_successes: bool = False,
        demo_seed: int = 0,
        val_fraction: float = 0.1,
        test_fraction: float = 0.1,
        batch_size: int = 256,
        val_episodes: int = 20,
        val_seed: int = 1_000,
        test_episodes: int = 100,
        test_seed: int = 100_000,
        eval_agents: int | None = None,
    ) -> None:
        super().__init__()
        self._check_source(source, path, world)
        for key, number in under("data", episodes=episodes, agents=agents, batch_size=batch_size):
            require_whole(key, number, at_least=1, fix=f"{key}=100")
        require_whole("data.demo_seed", demo_seed, at_least=0, fix="0 is a seed")
        require_number(
            "data.noise", noise, at_least=0, fix="0: none; 0.1: a tenth of half the range"
        )
        require_parts("data", val_fraction=val_fraction, test_fraction=test_fraction)
        self._seeds = {
            "val": seeds_from("val", val_seed, val_episodes),
            "test": seeds_from("test", test_seed, test_episodes),
        }
        require_apart(self._seeds["val"], self._seeds["test"])
        self.source, self.path, self.root = source, path, root
        self.keys, self.mask = keys, mask
        self.world, self.options = world, dict(options or {})
        self.episodes, self.agents = episodes, agents
        self.noise, self.clean_labels = noise, clean_labels
        self.only_successes = only_successes
        self.demo_seed = demo_seed
        self.fractions = {"val": val_fraction, "test": test_fraction}
        self.batch_size = batch_size
        self.eval_agents = eval_agents
        self.spec: dict[str, Any] = {}
        self._splits: dict[str, Windows] = {}
        self._worlds: dict[int, World] = {}

    def setup(self, stage: str | None = None) -> None:
        """Read or record the demonstrations and fill ``spec``; a second call does not do it again.

        Raises:
            ConfigError: there is no such world or option, it has no expert, or the module that is
                trained learns from reward.
            DataError: the demonstrations are missing, corrupt, too few, or from another world.
        """
        _require_imitator(self.trainer)
        if self.spec:
            return
        demonstrations = self._demonstrations()
        parts = split_episodes(demonstrations, self.fractions, self.demo_seed, self.mask)
        self._splits = {
            name: windows_of([demonstrations.episodes[i] for i in numbers])
            for name, numbers in parts.items()
        }
        train = self._splits["train"]
        self.spec = {
            "observation_space": plain_space(demonstrations.observation_space),
            "action_space": plain_space(demonstrations.action_space),
            "cost_names": list(demonstrations.cost_names),
            "max_episode_steps": None,
            "observation_stats": observation_statistics(train),
            "action_stats": action_statistics(train, demonstrations.action_space),
        }
        if self.world is not None:
            self._follow_world(demonstrations)

    @property
    def fingerprint(self) -> dict[str, str]:
        """Split -> SHA-256 of its observations and actions; empty before ``setup``."""
        return {name: split.digest for name, split in self._splits.items()}

    def example_inputs(self) -> list[Any]:
        """Up to four observations, as a policy is asked with them."""
        split = self._splits.get("val", self._splits["train"])
        few = range(min(EXAMPLES, len(split)))
        return _one_by_one(split.__getitems__(few)["observations"])

    def train_dataloader(self) -> DataLoader:
        """Batches of windows, in a new order each epoch."""
        return self._windows("train", shuffle=True)

    def val_dataloader(self) -> list[Any]:
        """Held-out windows, then episodes to play."""
        return self._evaluation("val")

    def test_dataloader(self) -> list[Any]:
        """Held-out windows, then episodes to play."""
        return self._evaluation("test")

    def video_world(self, num_agents: int) -> World:
        """A world of its own for ``num_agents`` episodes that are looked at; who asks closes it.

        Raises:
            ConfigError: there is no world to play in.
        """
        if self.world is None:
            raise ConfigError(
                "there is no world to show episodes in",
                expected="data.world",
                got="null",
                fix="data.world=arm, with the options that the demonstrations were recorded with",
            )
        return make_world(self.world, num_agents, self.options, pictures=True)

    def teardown(self, stage: str | None = None) -> None:
        """Close the worlds; they are made again where they are needed."""
        for world in self._worlds.values():
            world.close()
        self._worlds = {}

    def _demonstrations(self) -> Demonstrations:
        if self.source != EXPERT:
            return read_demonstrations(_found(self.path, self.root), self.source, self.keys)
        assert self.world is not None, "refused by the constructor"
        world = make_world(self.world, min(self.agents, self.episodes), self.options)
        first = FIRST_TRAINING_SEED + self.demo_seed * SEEDS_OF_A_SET % FIRST_TRAINING_SEED
        try:
            return roll_out(
                world,
                self.episodes,
                first_seed=first,
                noise=self.noise,
                clean_labels=self.clean_labels,
                only_successes=self.only_successes,
            )
        finally:
            world.close()

    def _follow_world(self, demonstrations: Demonstrations) -> None:
        """Take the spaces of the world, which knows bounds, and refuse those that do not fit."""
        world = make_world(str(self.world), 1, self.options)
        for name in ("observation_space", "action_space"):
            theirs, ours = getattr(demonstrations, name), getattr(world, name)
            if not _fits(theirs, ours):
                raise DataError(
                    f"the demonstrations are not of the world '{self.world}'",
                    expected=f"{name.replace('_', ' ')} {ours}",
                    got=str(theirs),
                    fix="data.world with the options they were recorded with, or data.world=null",
                )
            self.spec[name] = plain_space(ours)
        self.spec["max_episode_steps"] = world.max_episode_steps
        world.close()

    def _windows(self, split: str, *, shuffle: bool = False) -> DataLoader:
        # Lightning advises more workers for every loader; in memory they only cost time.
        warnings.filterwarnings(
            "ignore", ".*does not have many workers.*", category=PossibleUserWarning
        )
        module = getattr(self.trainer, "lightning_module", None)
        return DataLoader(
            self._splits[split].in_chunks_of(getattr(module, "chunk", 1)),
            batch_size=self.batch_size,
            shuffle=shuffle,
            collate_fn=_already_a_batch,
            # Starting a loader draws a number; one of evaluation must not draw from training's.
            generator=None if shuffle else torch.Generator(),
        )

    def _evaluation(self, split: str) -> list[Any]:
        loaders: list[Any] = [self._windows(split)] if split in self._splits else []
        if self.world is not None and self._seeds[split]:
            loaders.append(EpisodeLoader(self._world, self._seeds[split], self.eval_agents))
        return loaders

    def _world(self, num_agents: int) -> World:
        if num_agents not in self._worlds:
            made = make_world(str(self.world), num_agents, self.options, pictures=True)
            self._worlds[num_agents] = made
        return self._worlds[num_agents]

    @staticmethod
    def _check_source(source: str, path: str | None, world: str | None) -> None:
        if source == EXPERT and world is None:
            raise ConfigError(
                "an expert needs a world to act in",
                expected="data.world, e.g. navigate, drive or arm",
                got="data.world=null",
                fix="data.world=arm, or data.source=auto data.path=FOLDER",
            )
        if (source == EXPERT) != (path is None):
            raise ConfigError(
                f"data.source={source} and data.path={path} do not fit",
                expected="an expert in a world, or a path with what was recorded",
                got=f"source {source}, {'no path' if path is None else 'a path'}",
                fix="data.path=FOLDER" if path is None else "data.source=auto",
            )


def _found(path: str | None, root: str | None) -> Path:
    """The path as it stands, or from ``root``; whichever exists, and the first if neither does."""
    given = Path(path or "").expanduser()
    inside = Path(root) / given if root is not None else given
    return given if given.exists() or not inside.exists() else inside


def _fits(theirs: spaces.Space, ours: spaces.Space) -> bool:
    """Whether what was recorded may come from a world's space; not every choice has to occur."""
    if isinstance(theirs, spaces.Dict) and isinstance(ours, spaces.Dict):
        return theirs.spaces.keys() == ours.spaces.keys() and all(
            _fits(part, ours.spaces[key]) for key, part in theirs.spaces.items()
        )
    if isinstance(theirs, spaces.Discrete) and isinstance(ours, spaces.Discrete):
        return bool(theirs.n <= ours.n)
    return (type(theirs), theirs.shape) == (type(ours), ours.shape)


def _require_imitator(trainer: pl.Trainer | None) -> None:
    """Refuse a module that learns from what it does itself."""
    module: Any = getattr(trainer, "lightning_module", None)
    if getattr(module, "plan", None) is not None:
        raise ConfigError(
            f"{type(module).__name__} does not learn from demonstrations",
            expected="data that are a world to act in, or a module that imitates",
            got=f"{type(module).__name__} with demonstrations",
            fix="data=robotics_navigate, or task=robotics_imitate",
        )


def _one_by_one(observations: Any) -> list[Any]:
    if isinstance(observations, dict):
        length = len(next(iter(observations.values())))
        return [{k: part[i].numpy() for k, part in observations.items()} for i in range(length)]
    return list(observations.numpy())


def _already_a_batch(batch: Batch) -> Batch:
    return batch
