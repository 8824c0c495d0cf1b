"""The replay buffer beside last.ckpt: what is written, deleted, and safe at any moment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytorch_lightning as pl
import torch

from labloom.callbacks.checkpoints import LastCheckpoint
from labloom_robotics.experience.replay import ReplayBuffer
from labloom_robotics.experience.sidecar import ReplaySidecar, sidecar_beside


class Run:
    """A buffer that fills, and a last.ckpt that is written after each save, if nothing happens."""

    def __init__(self, world: Any, folder: Path, capacity: int = 30) -> None:
        self.world = world
        self.buffer = ReplayBuffer(world, capacity)
        self.last = folder / "last.ckpt"
        self.sidecar = ReplaySidecar(self.last)
        self.writes = 0

    def step(self, rows: int) -> None:
        for _ in range(rows):
            seen = self.world.observe()
            actions = np.arange(self.world.num_agents) % 2
            self.buffer.add(seen, actions, self.world.step(actions))

    def save(self, *, killed: bool = False) -> list[list[Any]]:
        listing = self.sidecar.save(self.buffer)
        if not killed:
            self.writes += 1
            partial = self.last.with_suffix(".part")
            partial.write_text("x" * self.writes)
            partial.replace(self.last)
        return listing

    @property
    def files(self) -> set[str]:
        return {path.name for path in self.sidecar.folder.iterdir()}


@pytest.fixture
def run(drift: Any, tmp_path: Path) -> Run:
    return Run(drift(3), tmp_path)


def loaded(run: Run, listing: list[list[Any]]) -> ReplayBuffer:
    buffer = ReplayBuffer(run.world, 30)
    ReplaySidecar(run.last).load(buffer, listing, run.last.parent)
    return buffer


def equal(one: ReplayBuffer, other: ReplayBuffer) -> bool:
    batches = [b.sample(300, np.random.default_rng(1), n_step=3) for b in (one, other)]
    return all(torch.equal(batches[0][name], batches[1][name]) for name in batches[0])


def test_a_save_writes_the_new_rows_only(run: Run) -> None:
    run.step(4)
    first = run.save()
    before = {name: (run.sidecar.folder / name).stat().st_mtime_ns for name in run.files}
    run.step(2)
    second = run.save()

    assert [entry[1:3] for entry in second] == [[0, 4], [4, 6]]
    assert second[0] == first[0]
    assert (run.sidecar.folder / first[0][0]).stat().st_mtime_ns == before[first[0][0]]
    assert run.save() == second
    assert len(run.files) == 2


def test_what_is_read_again_is_the_buffer(run: Run) -> None:
    for rows in (4, 3, 5, 1, 6):  # 19 rows, of which 10 fit
        run.step(rows)
        listing = run.save()

    assert equal(run.buffer, loaded(run, listing))


def test_files_whose_rows_are_all_overwritten_are_deleted(run: Run) -> None:
    for _ in range(12):
        run.step(4)
        listing = run.save()

    assert [entry[1:3] for entry in listing] == [[36, 40], [40, 44], [44, 48]]
    assert len(run.files) <= 4  # with those that the last.ckpt before this one listed


def test_a_process_that_is_killed_before_last_ckpt_leaves_all_that_the_old_one_lists(
    run: Run,
) -> None:
    run.step(9)
    run.save()
    run.step(9)
    listing = run.save()
    expected = loaded(run, listing)
    for _ in range(3):  # saves whose checkpoint never came to the disk, or is not the last one
        run.step(9)
        run.save(killed=True)

    assert {name for name, *_ in listing} <= run.files
    assert equal(expected, loaded(run, listing))


def test_what_a_killed_save_left_is_deleted_by_the_next_run(run: Run) -> None:
    run.step(5)
    listing = run.save()
    run.step(5)
    run.save(killed=True)
    left = run.files - {name for name, *_ in listing}
    (run.sidecar.folder / "rows-0-1-abc.pt.part").touch()

    again = Run(run.world, run.last.parent)
    again.sidecar.load(again.buffer, listing, run.last.parent)
    again.step(2)
    again.save()

    assert left
    assert not left & again.files
    assert [entry[1:3] for entry in again.save()] == [[0, 5], [5, 7]]


def test_rows_are_written_again_in_another_folder(run: Run, tmp_path: Path) -> None:
    run.step(14)
    listing = run.save()
    other = Run(run.world, tmp_path / "other")
    other.last.parent.mkdir()

    other.sidecar.load(other.buffer, listing, run.last.parent)

    assert [entry[1:3] for entry in other.save()] == [[4, 14]]
    assert equal(run.buffer, other.buffer)


def test_a_cut_is_made_again_each_time_the_rows_are_read(run: Run) -> None:
    run.step(4)
    listing = run.save()
    again = Run(run.world, run.last.parent)
    again.sidecar.load(again.buffer, listing, run.last.parent)
    again.sidecar.cut(again.buffer)
    run.world.reset([7, 8, 9])
    again.step(3)

    third = loaded(again, again.save())

    assert third.ended.reshape(-1, 3)[3].all()
    assert equal(again.buffer, third)


def test_a_file_that_cannot_be_read_is_told_and_the_buffer_stays_empty(
    run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    run.step(4)
    run.save()
    run.step(4)
    listing = run.save()
    (run.sidecar.folder / listing[1][0]).write_bytes(b"half a file")

    buffer = loaded(run, listing)

    assert len(buffer) == 0
    assert "a file cannot be read" in caplog.text


def test_there_is_a_sidecar_only_where_last_ckpt_is_written(tmp_path: Path) -> None:
    settings = {"accelerator": "cpu", "logger": False, "enable_progress_bar": False}
    without = pl.Trainer(**settings, enable_checkpointing=False)
    beside = pl.Trainer(**settings, callbacks=[LastCheckpoint(tmp_path)])

    assert sidecar_beside(without) is None
    assert sidecar_beside(beside).folder == tmp_path / "replay"
