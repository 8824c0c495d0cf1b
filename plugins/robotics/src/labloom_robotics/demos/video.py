"""Frames of an mp4, for data sets whose cameras were stored as video; needs the package ``av``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from labloom.errors import DataError
from labloom_robotics.demos.files import broken, require_file


def read_frames(file: Path, start: float = 0.0, frames: int | None = None) -> NDArray[np.uint8]:
    """Frames of a video, RGB [t, h, w, 3].

    Args:
        file: the mp4.
        start: time of the first frame that is wanted, s.
        frames: how many; None: all from there.

    Raises:
        DataError: ``av`` is not installed, or the file is missing or corrupt.
    """
    try:
        import av
    except ImportError as error:
        raise DataError(
            f"{file} needs the package 'av' to be decoded",
            expected="av, which brings FFmpeg",
            got="not installed",
            fix="pip install 'labloom-robotics[video]', or observations without video: "
            "data.keys=[state]",
        ) from error
    try:
        with av.open(str(require_file(file))) as container:
            stream = container.streams.video[0]
            half = 0.5 / float(stream.average_rate or 1)  # time stamps are rounded
            kept = []
            for frame in container.decode(stream):
                if frames is not None and len(kept) == frames:
                    break
                if frame.time is None or frame.time >= start - half:
                    kept.append(frame.to_ndarray(format="rgb24"))
    except (av.FFmpegError, IndexError) as error:
        raise broken(file, "a whole mp4", error) from error
    return np.stack(kept) if kept else np.empty((0, 0, 0, 3), np.uint8)
