"""The three facts about Lightning that the loaders rest on, and what the loaders yield."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import pytorch_lightning as pl
import torch

from labloom_robotics.experience.collector import Collector
from labloom_robotics.experience.generators import Generators
from labloom_robotics.experience.loaders import ReplayLoader, RolloutLoader
from labloom_robotics.experience.plan import Replay, Rollouts

CPU = torch.device("cpu")


class Diary(pl.LightningModule):
    """Writes down when what happened."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(()))
        self.events: list[str] = []

    def on_train_start(self) -> None:
        self.events.append("start")

    def on_train_epoch_start(self) -> None:
        self.events.append("epoch")

    def training_step(self, batch: torch.Tensor) -> torch.Tensor:
        self.events.append("step")
        return self.weight * batch.sum()

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), 0.1)


class Unsized:
    """Two batches; no ``__len__``."""

    def __init__(self, events: list[str]) -> None:
        self.events = events

    def __iter__(self) -> Iterator[torch.Tensor]:
        self.events.append("collect")
        for _ in range(2):
            self.events.append("fetch")
            yield torch.ones(1)


class Sized(Unsized):
    """The same with a length."""

    def __len__(self) -> int:
        return 2


class SizedList(Sized):
    """The same, but ``iter()`` itself is noted."""

    def __iter__(self) -> Iterator[torch.Tensor]:
        self.events.append("iter")
        return iter([torch.ones(1)] * 2)


def test_lightning_fetches_ahead_from_a_loader_without_a_length(fit: Callable[..., Any]) -> None:
    diary = Diary()

    fit(diary, Unsized(diary.events), 1)

    assert diary.events == ["collect", "fetch", "start", "epoch", "fetch", "step", "step"]


def test_lightning_takes_any_sized_iterable_and_collects_when_an_epoch_has_begun(
    fit: Callable[..., Any],
) -> None:
    diary = Diary()

    fit(diary, Sized(diary.events), 2)

    epoch = ["epoch", "collect", "fetch", "step", "fetch", "step"]
    assert diary.events == ["start", *epoch, *epoch]


def test_lightning_asks_for_iterators_that_it_never_uses(fit: Callable[..., Any]) -> None:
    diary = Diary()

    fit(diary, SizedList(diary.events), 2)

    epoch = ["epoch", "step", "step"]
    assert diary.events == ["iter", "iter", "start", *epoch, "epoch", "iter", "step", "step"]


@pytest.fixture
def rollout_loader(drift: Any, learner: Any, rollouts: Rollouts) -> RolloutLoader:
    collector = Collector(drift(4))
    collector.begin(range(4))
    return RolloutLoader(collector, learner(rollouts), rollouts, Generators(0, CPU))


def test_a_rollout_is_passed_over_whole_in_a_new_order_each_time(
    rollout_loader: RolloutLoader,
) -> None:
    batches = list(rollout_loader)

    assert [len(batch["actions"]) for batch in batches] == [8, 8, 8, 4] * 2  # 28 transitions
    assert len(rollout_loader) == len(batches)
    passes = [torch.cat([b["log_prob"] for b in batches[i : i + 4]]) for i in (0, 4)]
    assert not torch.equal(*passes)
    assert torch.equal(passes[0].sort().values, passes[1].sort().values)


def test_a_rollout_that_is_one_batch_is_passed_over_as_it_is(drift: Any, learner: Any) -> None:
    plan = Rollouts(steps=7, passes=2, batch_size=28, gamma=0.9, gae_lambda=0.9)
    collector = Collector(drift(4))
    collector.begin(range(4))
    loader = RolloutLoader(collector, learner(plan), plan, Generators(0, CPU))

    first, second = loader

    assert len(loader) == 2
    assert len(first["actions"]) == 28
    assert torch.equal(first["log_prob"], second["log_prob"])


def test_a_rollout_holds_what_the_models_were_promised(rollout_loader: RolloutLoader) -> None:
    batch = next(iter(rollout_loader))

    shapes = {name: (tuple(value.shape), value.dtype) for name, value in batch.items()}
    numbers = torch.float32
    assert shapes == {
        "observations": ((8, 2), numbers),
        "actions": ((8,), torch.int64),
        "log_prob": ((8,), numbers),
        "values": ((8, 2), numbers),
        "advantages": ((8, 2), numbers),
        "returns": ((8, 2), numbers),
    }
    assert torch.allclose(batch["returns"], batch["advantages"] + batch["values"])
    assert not any(value.requires_grad or value.is_inference() for value in batch.values())


def test_the_actor_decides_in_eval_mode_and_goes_on_in_its_own(
    rollout_loader: RolloutLoader,
) -> None:
    actor = rollout_loader.actor
    actor.train()
    actor.critic.eval()  # say, it is frozen

    next(iter(rollout_loader))

    assert not actor.acted_in_training_mode
    assert actor.policy.training
    assert not actor.critic.training


def test_the_actor_hears_what_was_collected_and_which_episodes_ended(
    rollout_loader: RolloutLoader,
) -> None:
    for _ in range(3):
        next(iter(rollout_loader))

    actor = rollout_loader.actor
    assert actor.heard == [(28, 28)] * 3
    ended = sum(len(episodes.lengths) for episodes in actor.ended)
    lengths = sum(int(episodes.lengths.sum()) for episodes in actor.ended)
    assert ended >= 4
    assert lengths + int(rollout_loader.collector.world.steps.sum()) == 3 * 28


def test_replay_warms_up_once_then_collects_between_batches(
    drift: Any, learner: Any, replay: Replay
) -> None:
    collector = Collector(drift(4))
    collector.begin(range(4))
    loader = ReplayLoader(collector, learner(replay), replay, Generators(0, CPU))

    rows = [loader.buffer.added for _ in loader]

    assert len(loader) == len(rows) == 6
    assert rows == [5, 5, 7, 7, 9, 9]  # 3 rows of 4 agents to warm up, then 2 each time
    assert loader.actor.heard == [(12, 12), (8, 8), (8, 8), (8, 8)]
    assert [loader.buffer.added for _ in loader] == [11, 11, 13, 13, 15, 15]


def test_replay_batches_hold_what_the_models_were_promised(
    drift: Any, learner: Any, replay: Replay
) -> None:
    collector = Collector(drift(4))
    collector.begin(range(4))
    batch = next(iter(ReplayLoader(collector, learner(replay), replay, Generators(0, CPU))))

    shapes = {name: (tuple(value.shape), value.dtype) for name, value in batch.items()}
    numbers = torch.float32
    assert shapes == {
        "observations": ((8, 2), numbers),
        "actions": ((8,), torch.int64),
        "rewards": ((8,), numbers),
        "next_observations": ((8, 2), numbers),
        "discounts": ((8,), numbers),
        "costs": ((8, 1), numbers),
    }
