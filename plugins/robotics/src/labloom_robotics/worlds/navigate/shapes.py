"""Distances in the plane, for arrays of points, segments and discs. Lengths in m.

All functions broadcast: the last axis of a point is x, y; the axes before it are free.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def length(vectors: NDArray) -> NDArray:
    """Euclidean length of [..., 2]: [...]."""
    x, y = vectors[..., 0], vectors[..., 1]
    return np.sqrt(x * x + y * y)


def to_segment(points: NDArray, starts: NDArray, ends: NDArray) -> NDArray:
    """Distance of points from segments, [...]."""
    span = ends - starts
    offset = points - starts
    along = span[..., 0] * offset[..., 0] + span[..., 1] * offset[..., 1]
    squared = span[..., 0] ** 2 + span[..., 1] ** 2
    share = np.clip(along / np.maximum(squared, 1e-12), 0, 1)
    return length(offset - share[..., None] * span)


def between_segments(starts: NDArray, ends: NDArray, starts2: NDArray, ends2: NDArray) -> NDArray:
    """Distance between segments, 0 where they cross, [...]."""
    apart = np.minimum(to_segment(starts, starts2, ends2), to_segment(ends, starts2, ends2))
    apart = np.minimum(apart, to_segment(starts2, starts, ends))
    apart = np.minimum(apart, to_segment(ends2, starts, ends))
    crossing = (_side(starts, starts2, ends2) * _side(ends, starts2, ends2) < 0) & (
        _side(starts2, starts, ends) * _side(ends2, starts, ends) < 0
    )
    return np.where(crossing, 0, apart)


def _side(points: NDArray, starts: NDArray, ends: NDArray) -> NDArray:
    """Above 0 to the left of the line from start to end, below 0 to its right."""
    span, offset = ends - starts, points - starts
    return span[..., 0] * offset[..., 1] - span[..., 1] * offset[..., 0]
