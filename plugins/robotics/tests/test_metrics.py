"""Metrics over whole episodes, alone and among processes."""

import numpy as np
import pytest
import torch
from torch import multiprocessing

from labloom_robotics.evaluation.episodes import Episodes
from labloom_robotics.evaluation.metrics import EpisodeMetrics, success_weighted_by_path_length


def episodes(seeds, **changes):
    seeds = np.asarray(seeds, dtype=np.int64)
    facts = {
        "success": seeds % 2 == 0,
        "collision": seeds == 3,
        "path_length": seeds + 2.0,
        "shortest_path": np.full(len(seeds), 2.0),
    }
    told = {
        "returns": seeds * 1.5,
        "lengths": seeds + 10,
        "costs": {"clearance": seeds * 0.25},
        "facts": facts,
        "counts": {"interventions": seeds * 3},
    }
    return Episodes(seeds=seeds, **(told | changes))


def test_means_stand_under_the_prefix():
    metrics = EpisodeMetrics("val")
    metrics.update(episodes([0, 1]))
    metrics.update(episodes([2, 3]))
    assert metrics.compute() == pytest.approx(
        {
            "val/return": 2.25,
            "val/return_std": 1.5 * np.std([0, 1, 2, 3]),
            "val/length": 11.5,
            "val/success": 0.5,
            "val/collision": 0.25,
            "val/cost_clearance": 0.375,
            "val/interventions": 4.5,
            "val/spl": (1.0 + 2 / 4) / 4,
        }
    )


def test_what_a_world_does_not_tell_is_not_there():
    metrics = EpisodeMetrics("val", intervals=True)
    metrics.update(episodes([0, 1], costs={}, facts={}, counts={}))
    assert set(metrics.compute()) == {
        "val/return", "val/return_std", "val/length", "val/return_low", "val/return_high",
    }  # fmt: skip


def test_intervals_stand_beside_shares_and_the_return():
    metrics = EpisodeMetrics("test")
    metrics.update(episodes(range(20)))
    measured = metrics.compute()
    assert (measured["test/success_low"], measured["test/success_high"]) == pytest.approx(
        (0.2993, 0.7007), abs=1e-4
    )
    assert measured["test/return_low"] < measured["test/return"] < measured["test/return_high"]
    assert "test/collision_high" in measured


def test_one_episode_has_no_interval_of_its_return():
    metrics = EpisodeMetrics("test")
    metrics.update(episodes([4]))
    measured = metrics.compute()
    assert "test/return_low" not in measured
    assert all(np.isfinite(value) for value in measured.values())


def test_rows_are_the_episodes_by_seed():
    metrics = EpisodeMetrics("val")
    metrics.update(episodes([3, 2]))
    metrics.compute()
    assert metrics.rows[1] == {
        "seed": 3, "return": 4.5, "length": 13, "success": False, "collision": True,
        "cost_clearance": 0.75, "interventions": 9, "path_length": 5, "shortest_path": 2,
    }  # fmt: skip
    assert list(metrics.rows[0])[:3] == ["seed", "return", "length"]
    assert [row["seed"] for row in metrics.rows] == [2, 3]


def test_large_seeds_stay_whole():
    metrics = EpisodeMetrics("val")
    metrics.update(episodes([2**40 + 1], returns=np.zeros(1), facts={}, counts={}))
    metrics.compute()
    assert metrics.rows[0]["seed"] == 2**40 + 1


def test_a_reset_forgets_and_an_empty_epoch_measures_nothing():
    metrics = EpisodeMetrics("val")
    metrics.update(episodes([0, 1]))
    metrics.reset()
    assert metrics.compute() == {}
    metrics.update(episodes([2]))
    assert metrics.compute()["val/return"] == 3.0


def test_an_episode_that_was_played_twice_counts_once():
    metrics = EpisodeMetrics("val")
    metrics.update(episodes([0, 1, 2]))
    metrics.update(episodes([2, 0]))
    assert metrics.compute()["val/return"] == 1.5


def test_what_only_some_episodes_tell_is_false_or_nothing_for_the_others():
    # An environment may put success into its info only when there is one.
    metrics = EpisodeMetrics("val")
    metrics.update(episodes([1, 3], facts={}, counts={}))
    metrics.update(episodes([2, 4]))
    measured = metrics.compute()
    assert measured["val/success"] == 0.5
    assert measured["val/interventions"] == (6 + 12) / 4
    assert [row["success"] for row in metrics.rows] == [False, True, False, True]
    assert measured["val/return"] == 1.5 * 2.5


def test_spl_is_success_times_shortest_over_travelled():
    spl = success_weighted_by_path_length(
        np.array([1, 1, 0, 1, 1]),
        np.array([10.0, 20.0, 10.0, 9.0, 0.0]),  # 9 m: a goal has a size, so it can be shorter
        np.array([10.0, 10.0, 10.0, 10.0, 0.0]),
    )
    assert spl.tolist() == [1.0, 0.5, 0.0, 1.0, 1.0]


def _process(rank, folder):
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2
    )
    metrics = EpisodeMetrics("val")
    for seeds in ([[0, 1], [2]], [])[rank]:
        metrics.update(episodes(seeds))
    torch.save((metrics.compute(), metrics.rows), f"{folder}/{rank}")
    torch.distributed.destroy_process_group()


def test_processes_bring_their_episodes_together_even_if_one_played_none(tmp_path):
    multiprocessing.spawn(_process, (str(tmp_path),), nprocs=2)
    alone = EpisodeMetrics("val")
    alone.update(episodes([0, 1, 2]))
    for rank in range(2):
        measured, rows = torch.load(tmp_path / str(rank), weights_only=True)
        assert measured == alone.compute()
        assert rows == alone.rows
