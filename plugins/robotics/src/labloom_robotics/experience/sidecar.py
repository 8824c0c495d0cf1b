"""The replay buffer beside ``last.ckpt``: files of rows, each written once.

A buffer is large and changes little in an epoch, so a save writes only the rows that are new. What
belongs to a checkpoint is listed in the checkpoint, by name, so a process that is killed between
the two leaves a checkpoint and all of its files. The checkpoints of the best epochs list the same
files and do not keep them: they are not there to be resumed from.
"""

from __future__ import annotations

import logging
import pickle
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytorch_lightning as pl
import torch

from labloom.callbacks.checkpoints import LastCheckpoint
from labloom_robotics.experience.replay import ReplayBuffer
from labloom_robotics.experience.segments import put_rows, rows_of

FOLDER = "replay"
PATTERN = "rows-*.pt"
UNREADABLE = (OSError, RuntimeError, EOFError, KeyError, ValueError, pickle.UnpicklingError)

log = logging.getLogger(__name__)


class Segment(NamedTuple):
    """A file of rows.

    Args:
        name: of the file.
        first: number of its first row.
        end: number after its last row.
        cut: whether the run was continued after it in new episodes.
    """

    name: str
    first: int
    end: int
    cut: bool = False


class ReplaySidecar:
    """Writes and reads the files of one run.

    Args:
        last: path of ``last.ckpt``; the files go into a folder beside it.
    """

    def __init__(self, last: Path) -> None:
        self.folder = last.parent / FOLDER
        self._last = last
        self._segments: list[Segment] = []  # of the newest listing
        self._resumable: set[str] = set()  # names that the last.ckpt on the disk lists
        self._stamp = _stamp(last)

    def save(self, buffer: ReplayBuffer) -> list[list[Any]]:
        """Write the rows that are not on the disk yet.

        Returns:
            The listing for the checkpoint: plain values.
        """
        self._look_at_last()
        oldest = buffer.added - buffer.live
        kept = [segment for segment in self._segments if segment.end > oldest]
        first = max(oldest, kept[-1].end if kept else 0)
        if buffer.added > first:
            kept.append(self._write(buffer, first, buffer.added))
        self._segments = kept
        self._delete_unlisted()
        return [list(segment) for segment in kept]

    def load(self, buffer: ReplayBuffer, listing: Sequence[Sequence[Any]], beside: Path) -> None:
        """Fill ``buffer`` as it was when ``listing`` was made, or say that it begins anew.

        Args:
            buffer: empty.
            listing: of the checkpoint.
            beside: folder of the checkpoint.
        """
        segments = [Segment(*entry) for entry in listing]
        folder = beside / FOLDER
        missing = [s.name for s in segments if not (folder / s.name).is_file()]
        if missing or not segments:
            _warn_of_loss(f"{len(missing)} of its files are missing" if missing else "none is kept")
            return
        try:
            self._fill(buffer, segments, folder)
        except UNREADABLE as error:
            buffer.forget()
            _warn_of_loss(f"a file cannot be read: {error}")
            return
        if folder.resolve() == self.folder.resolve():
            self._segments = segments
            self._resumable = {segment.name for segment in segments}

    def cut(self, buffer: ReplayBuffer) -> None:
        """Note that what comes next belongs to new episodes."""
        buffer.cut()
        if self._segments:
            self._segments[-1] = self._segments[-1]._replace(cut=True)

    def _fill(self, buffer: ReplayBuffer, segments: list[Segment], folder: Path) -> None:
        buffer.forget(segments[0].first)
        for segment in segments:
            put_rows(buffer, torch.load(folder / segment.name, weights_only=True))
            if segment.cut:
                buffer.cut()
        if buffer.added != segments[-1].end:
            raise ValueError(f"{buffer.added} rows instead of {segments[-1].end}")

    def _write(self, buffer: ReplayBuffer, first: int, end: int) -> Segment:
        self.folder.mkdir(parents=True, exist_ok=True)
        name = f"rows-{first:09d}-{end:09d}-{secrets.token_hex(4)}.pt"  # never an old file's name
        partial = self.folder / f"{name}.part"
        torch.save(rows_of(buffer, first, end), partial)
        partial.replace(self.folder / name)
        return Segment(name, first, end)

    def _look_at_last(self) -> None:
        """If ``last.ckpt`` was written since the last save, it lists what that save told."""
        stamp = _stamp(self._last)
        if stamp != self._stamp:
            self._stamp = stamp
            self._resumable = {segment.name for segment in self._segments}

    def _delete_unlisted(self) -> None:
        listed = self._resumable | {segment.name for segment in self._segments}
        for path in [*self.folder.glob(PATTERN), *self.folder.glob(f"{PATTERN}.part")]:
            if path.name not in listed:
                path.unlink(missing_ok=True)


def sidecar_beside(trainer: pl.Trainer) -> ReplaySidecar | None:
    """The sidecar of the run that ``trainer`` trains; None when it writes no ``last.ckpt``."""
    if trainer.fast_dev_run:
        return None
    for callback in trainer.checkpoint_callbacks:
        if isinstance(callback, LastCheckpoint):
            return ReplaySidecar(callback.path)
    return None


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_ino, stat.st_mtime_ns


def _warn_of_loss(reason: str) -> None:
    log.warning(
        "the replay buffer of the checkpoint is gone (%s): it is filled anew by random actions, "
        "and the run does not repeat an uninterrupted one; data.keep_replay=true keeps it",
        reason,
    )
