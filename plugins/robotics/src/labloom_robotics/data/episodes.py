"""Seeded episodes as a validation or test loader: each batch is a world and some seeds."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from labloom.arguments import require, require_whole
from labloom.errors import ConfigError
from labloom_robotics.evaluation.episodes import EpisodeBatch
from labloom_robotics.experience.generators import FIRST_TRAINING_SEED
from labloom_robotics.worlds import World

MOST_AGENTS = 64


class EpisodeLoader:
    """Batches of episodes; sized, so that Lightning can take a part of them.

    Args:
        world_of: a world with so many agents, the same one when asked again.
        seeds: one for each episode.
        agents: episodes of a batch; None: all, up to 64.
    """

    def __init__(
        self, world_of: Callable[[int], World], seeds: range, agents: int | None = None
    ) -> None:
        self._world_of = world_of
        self._seeds = seeds
        self._agents = min(agents or MOST_AGENTS, len(seeds))

    def __len__(self) -> int:
        return -(-len(self._seeds) // self._agents)

    def __iter__(self) -> Iterator[EpisodeBatch]:
        for first in range(0, len(self._seeds), self._agents):
            seeds = self._seeds[first : first + self._agents]
            yield EpisodeBatch(self._world_of(len(seeds)), seeds)


def seeds_from(split: str, first: int, episodes: int) -> range:
    """The seeds of a split, below those of training.

    Raises:
        ConfigError: one is out of range.
    """
    require_whole(f"data.{split}_episodes", episodes, at_least=0, fix=f"0 leaves {split} out")
    require_whole(f"data.{split}_seed", first, at_least=0, fix="0 is a seed")
    require(
        first + episodes <= FIRST_TRAINING_SEED,
        f"data.{split}_seed",
        expected="seeds below 2**31; above are those of training",
        got=first,
        fix=f"data.{split}_seed=1000",
    )
    return range(first, first + episodes)


def require_apart(val: range, test: range) -> None:
    """Refuse episodes that are in both splits.

    Raises:
        ConfigError: there are some.
    """
    both = range(max(val.start, test.start), min(val.stop, test.stop))
    if both:
        raise ConfigError(
            f"{len(both)} episodes are in validation and in test",
            expected="seeds that are apart",
            got=f"validation {val.start} to {val.stop - 1}, test {test.start} to {test.stop - 1}",
            fix=f"data.test_seed={val.stop}",
        )
