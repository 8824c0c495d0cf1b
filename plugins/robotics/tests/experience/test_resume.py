"""A run that is continued repeats an uninterrupted one; validation changes nothing."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch

from labloom.callbacks.checkpoints import BestCheckpoint, LastCheckpoint
from labloom.callbacks.run_state import RunState
from labloom_robotics.data.control import WorldData
from labloom_robotics.data.gym import GymData
from labloom_robotics.experience.plan import Plan, Replay, Rollouts

EPISODES = {"val_episodes": 4, "test_episodes": 0, "num_agents": 3, "seed": 5}


def drift_data(**settings: Any) -> WorldData:
    return WorldData(world="drift", **{**EPISODES, **settings})


def weights(module: pl.LightningModule) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in module.state_dict().items()}


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(one[name], other[name]) for name in one)


@pytest.fixture
def train(
    fit: Callable[..., pl.Trainer], learner: Callable[..., Any], drift: Any
) -> Callable[..., dict[str, torch.Tensor]]:
    """Trains a learner, with last.ckpt in ``folder``; with ``resume`` from that one."""

    def run(
        plan: Plan,
        data: pl.LightningDataModule,
        epochs: int,
        folder: Path,
        resume: bool = False,
        **sizes: int,
    ) -> dict[str, torch.Tensor]:
        module = learner(plan, **sizes)
        torch.manual_seed(11)  # of dropout in training steps; RunState keeps it
        best = BestCheckpoint(folder, "val/return", "max")
        callbacks = [RunState({}), best, LastCheckpoint(folder)]
        path = folder / "last.ckpt" if resume else None
        fit(module, data, epochs, callbacks=callbacks, ckpt_path=path)
        return weights(module)

    return run


def test_ten_epochs_equal_five_and_a_resumed_five(
    plan: Plan, train: Callable[..., Any], tmp_path: Path
) -> None:
    whole = train(plan, drift_data(), 10, tmp_path / "whole")

    half = train(plan, drift_data(), 5, tmp_path / "halves")
    resumed = train(plan, drift_data(), 10, tmp_path / "halves", resume=True)

    assert not same(whole, half)
    assert same(whole, resumed)


def test_a_run_that_was_resumed_twice_is_the_same(
    replay: Replay, train: Callable[..., Any], tmp_path: Path
) -> None:
    whole = train(replay, drift_data(), 9, tmp_path / "whole")

    for epochs in (2, 6, 9):
        resumed = train(replay, drift_data(), epochs, tmp_path / "parts", resume=epochs > 2)

    assert same(whole, resumed)


def test_a_drawn_seed_is_taken_up_again(
    rollouts: Rollouts, train: Callable[..., Any], tmp_path: Path
) -> None:
    torch.manual_seed(77)
    whole = train(rollouts, drift_data(seed=None), 4, tmp_path / "whole")

    torch.manual_seed(77)
    train(rollouts, drift_data(seed=None), 2, tmp_path / "halves")
    torch.manual_seed(78)
    resumed = train(rollouts, drift_data(seed=None), 4, tmp_path / "halves", resume=True)

    assert same(whole, resumed)


def test_how_much_is_validated_changes_no_weight(
    plan: Plan, train: Callable[..., Any], tmp_path: Path
) -> None:
    one_way = train(plan, drift_data(), 4, tmp_path / "one")
    other = drift_data(val_episodes=7, eval_agents=2)
    otherwise = train(plan, other, 4, tmp_path / "other")

    assert same(one_way, otherwise)


def test_no_validation_at_all_changes_no_weight(
    plan: Plan, fit: Callable[..., pl.Trainer], learner: Any, drift: Any
) -> None:
    found = []
    for episodes in (0, 6):
        module = learner(plan)
        torch.manual_seed(1)  # of dropout
        fit(module, drift_data(val_episodes=episodes), 4)
        found.append(weights(module))

    assert same(*found)


def test_another_seed_is_another_training(
    rollouts: Rollouts, train: Callable[..., Any], tmp_path: Path
) -> None:
    one = train(rollouts, drift_data(seed=5), 2, tmp_path / "one")
    other = train(rollouts, drift_data(seed=6), 2, tmp_path / "other")

    assert not same(one, other)


def test_continuations_in_gymnasium_begin_new_episodes_and_equal_each_other(
    plan: Plan, train: Callable[..., Any], tmp_path: Path
) -> None:
    def data() -> GymData:
        return GymData(env="CartPole-v1", num_agents=2, val_episodes=2, seed=5)

    sizes = {"features": 4, "costs": 0}
    whole = train(plan, data(), 6, tmp_path / "whole", **sizes)
    found = []
    for name in ("one", "other"):
        train(plan, data(), 3, tmp_path / name, **sizes)
        found.append(train(plan, data(), 6, tmp_path / name, resume=True, **sizes))

    assert same(*found)
    assert not same(whole, found[0])


def test_a_lost_buffer_is_told_and_filled_anew(
    replay: Replay,
    train: Callable[..., Any],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    train(replay, drift_data(), 3, tmp_path)
    next((tmp_path / "replay").iterdir()).unlink()

    with caplog.at_level(logging.WARNING):
        train(replay, drift_data(), 5, tmp_path, resume=True)

    assert "the replay buffer of the checkpoint is gone (1 of its files are missing)" in caplog.text
    assert "filled anew by random actions" in caplog.text


def test_without_keeping_it_the_buffer_is_filled_anew(
    replay: Replay,
    train: Callable[..., Any],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    train(replay, drift_data(keep_replay=False), 3, tmp_path)
    assert not (tmp_path / "replay").exists()

    train(replay, drift_data(keep_replay=False), 5, tmp_path, resume=True)

    assert "data.keep_replay=true keeps it" in caplog.text


def test_the_state_is_plain_and_the_best_checkpoint_small(
    replay: Replay, train: Callable[..., Any], tmp_path: Path
) -> None:
    train(replay, drift_data(), 4, tmp_path)

    last = torch.load(tmp_path / "last.ckpt", weights_only=True)
    state = last["WorldData"]
    assert sorted(state) == ["beginnings", "collector", "generators", "replay", "seed"]
    assert all((tmp_path / "replay" / name).is_file() for name, *_ in state["replay"])
    for path in tmp_path.glob("*.ckpt"):
        assert path.stat().st_size < 60_000  # bytes
