"""What a policy is trained in and evaluated in: a world, as Lightning's data module.

One epoch is one round of collecting, one batch one gradient step, one validation a fixed set of
seeded episodes. Worlds, collectors, buffers and seeds are here; networks and all that is learned
are in the module, which comes as ``trainer.lightning_module``.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch

from labloom.arguments import require_whole
from labloom.errors import ConfigError
from labloom_robotics.data.episodes import EpisodeLoader, require_apart, seeds_from
from labloom_robotics.data.identity import fingerprint_of
from labloom_robotics.experience.actor import Actor
from labloom_robotics.experience.collector import Collector
from labloom_robotics.experience.generators import FIRST_TRAINING_SEED, Generators, training_seeds
from labloom_robotics.experience.loaders import ReplayLoader, RolloutLoader
from labloom_robotics.experience.plan import Replay, Rollouts
from labloom_robotics.experience.sidecar import ReplaySidecar, sidecar_beside
from labloom_robotics.spaces import plain_space
from labloom_robotics.worlds import World
from labloom_robotics.worlds.make import make_world

EXAMPLES = 4


class WorldData(pl.LightningDataModule):
    """Agents that live in a world to train, and seeded episodes of another one to evaluate.

    A continued run of a built-in world repeats an uninterrupted one bit for bit. Environments of
    Gymnasium cannot be saved: there new episodes begin, with seeds that follow from ``seed`` and
    the number of epochs done, so two continuations are equal to each other.

    Args:
        world: a built-in world or an id of Gymnasium; see ``make_world``.
        options: of the world.
        num_agents: that are trained on, at the same time.
        val_episodes: episodes of a validation; 0: no validation.
        val_seed: of its first episode; the next ones count up.
        test_episodes: episodes of the test; 0: no test.
        test_seed: of its first episode.
        eval_agents: episodes that are played at the same time; None: all of them, up to 64.
        seed: of training: episodes, exploration, order of the batches; None: torch's own.
        keep_replay: write the replay buffer beside ``last.ckpt``, so that a continued run has it.

    Attributes:
        spec: observation_space and action_space as plain values, cost_names, max_episode_steps;
            empty before ``setup``.

    Raises:
        ConfigError: a number is out of range, or an episode is in validation and test.
    """

    def __init__(  # noqa: PLR0913  (each is a key of the option file)
        self,
        *,
        world: str,
        options: Mapping[str, Any] | None = None,
        num_agents: int = 8,
        val_episodes: int = 20,
        val_seed: int = 1_000,
        test_episodes: int = 100,
        test_seed: int = 100_000,
        eval_agents: int | None = None,
        seed: int | None = None,
        keep_replay: bool = True,
    ) -> None:
        super().__init__()
        require_whole("data.num_agents", num_agents, at_least=1, fix="data.num_agents=8")
        if eval_agents is not None:
            require_whole(
                "data.eval_agents", eval_agents, at_least=1, fix="or null: as many as fit"
            )
        if seed is not None:
            require_whole("data.seed", seed, at_least=0, fix="or null: torch's own")
        self._seeds = {
            "val": seeds_from("val", val_seed, val_episodes),
            "test": seeds_from("test", test_seed, test_episodes),
        }
        require_apart(self._seeds["val"], self._seeds["test"])
        self.world = world
        self.options = dict(options or {})
        self.num_agents = num_agents
        self.eval_agents = eval_agents
        self.seed = torch.initial_seed() % FIRST_TRAINING_SEED if seed is None else seed
        self.keep_replay = keep_replay
        self.spec: dict[str, Any] = {}
        self._train_world: World | None = None
        self._eval_worlds: dict[int, World] = {}
        self._loader: RolloutLoader | ReplayLoader | None = None
        self._trained_by: pl.Trainer | None = None
        self._restored: dict[str, Any] | None = None
        self._sidecar: ReplaySidecar | None = None

    def setup(self, stage: str | None = None) -> None:
        """Make the training world and fill ``spec``; a second call does nothing.

        Raises:
            ConfigError: there is no such world or option, or a package is missing.
            DataError: no network here reads its spaces.
        """
        if self.spec:
            return
        world = self._train_world = make_world(self.world, self.num_agents, self.options)
        self.spec = {
            "observation_space": plain_space(world.observation_space),
            "action_space": plain_space(world.action_space),
            "cost_names": list(world.cost_names),
            "max_episode_steps": world.max_episode_steps,
        }

    @property
    def fingerprint(self) -> dict[str, str]:
        """Split -> SHA-256 of what its episodes follow from; empty before ``setup``."""
        if self._train_world is None:
            return {}
        seeds = {"train": [self.seed, self.num_agents]} | {
            split: [seeds.start, len(seeds)] for split, seeds in self._seeds.items() if seeds
        }
        return fingerprint_of(self._train_world, self.world, self.options, self.spec, seeds)

    def example_inputs(self) -> list[Any]:
        """The first observations of four validation episodes, as a policy is asked with them."""
        world = make_world(self.world, EXAMPLES, self.options)
        seen = world.reset(range(self._seeds["val"].start, self._seeds["val"].start + EXAMPLES))
        world.close()
        if isinstance(seen, dict):
            return [{name: part[i] for name, part in seen.items()} for i in range(EXAMPLES)]
        return list(seen)

    def train_dataloader(self) -> RolloutLoader | ReplayLoader:
        """An epoch of experience, as the plan of the module that is trained wants it.

        The agents go on from epoch to epoch; another trainer begins with new ones.

        Raises:
            ConfigError: the module cannot act, or is trained on several devices.
        """
        if self._loader is None or self._trained_by is not self.trainer:
            self._loader, self._trained_by = self._begin(), self.trainer
        return self._loader

    def val_dataloader(self) -> EpisodeLoader | list[EpisodeLoader]:
        """The validation episodes, the same ones each time; an empty list without any."""
        return self._episodes("val")

    def test_dataloader(self) -> EpisodeLoader | list[EpisodeLoader]:
        """The test episodes; an empty list without any."""
        return self._episodes("test")

    def video_world(self, num_agents: int) -> World:
        """A new world like that of the episodes, which can be drawn; who asks for it closes it."""
        return make_world(self.world, num_agents, self.options, pictures=True)

    def state_dict(self) -> dict[str, Any]:
        """Agents, generators and seeds; the replay buffer is written beside the checkpoint."""
        if self._loader is None:
            return {}
        state = {"seed": self.seed, "beginnings": self.trainer.current_epoch + 1}
        state |= self._loader.state()
        if self._sidecar is not None and isinstance(self._loader, ReplayLoader):
            state["replay"] = self._sidecar.save(self._loader.buffer)
        return state

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Keep the state for the training that takes it up; there may be none."""
        self._restored = dict(state_dict)

    def teardown(self, stage: str | None = None) -> None:
        """Close the worlds of evaluation; they are made again where they are needed."""
        for world in self._eval_worlds.values():
            world.close()
        self._eval_worlds = {}

    def _begin(self) -> RolloutLoader | ReplayLoader:
        """New agents, or those of the checkpoint."""
        actor = _acting_module(self.trainer)
        assert self._train_world is not None, "setup comes first"
        state, self._restored = self._restored or {}, None
        self.seed = state.get("seed", self.seed)
        collector = Collector(self._train_world)
        collector.begin(training_seeds(self.seed, state.get("beginnings", 0), self.num_agents))
        generators = Generators(self.seed, actor.device)
        if isinstance(actor.plan, Rollouts):
            loader = RolloutLoader(collector, actor, actor.plan, generators)
        else:
            loader = ReplayLoader(collector, actor, actor.plan, generators)
            self._sidecar = sidecar_beside(self.trainer) if self.keep_replay else None
            if state:
                self._recall(loader, state.get("replay"))
        if state:
            loader.restore(state)
        return loader

    def _recall(self, loader: ReplayLoader, listing: list[list[Any]] | None) -> None:
        """Fill the buffer of a continued run as it was."""
        sidecar = self._sidecar or ReplaySidecar(Path(self.trainer.ckpt_path or "."))
        sidecar.load(loader.buffer, listing or [], Path(self.trainer.ckpt_path or ".").parent)
        if not loader.collector.world.resumable:  # what comes next belongs to new episodes
            sidecar.cut(loader.buffer)

    def _episodes(self, split: str) -> EpisodeLoader | list[EpisodeLoader]:
        seeds = self._seeds[split]
        if not seeds:
            return []
        return EpisodeLoader(self._eval_world, seeds, self.eval_agents)

    def _eval_world(self, num_agents: int) -> World:
        if num_agents not in self._eval_worlds:
            made = make_world(self.world, num_agents, self.options)
            self._eval_worlds[num_agents] = made
        return self._eval_worlds[num_agents]


def _acting_module(trainer: pl.Trainer) -> Actor:
    """The module that is trained, if it can act.

    Raises:
        ConfigError: it has no plan, or there are several devices.
    """
    module: Any = trainer.lightning_module
    if not isinstance(getattr(module, "plan", None), Rollouts | Replay):
        raise ConfigError(
            f"{type(module).__name__} cannot be trained in a world",
            expected="a module with a plan (Rollouts or Replay), act and collected",
            got=f"plan={getattr(module, 'plan', None)!r}",
            fix="task=robotics_control or task=robotics_safe, or other data",
        )
    if trainer.world_size > 1:
        raise ConfigError(
            "a world cannot be trained in on several devices",
            expected="trainer.devices=1 and trainer.num_nodes=1",
            got=f"{trainer.world_size} devices",
            fix="trainer.devices=1; more data.num_agents make one device busy",
        )
    return module
