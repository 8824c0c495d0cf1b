"""How far a mean over a few episodes can be from the truth: 95 % confidence intervals.

Pure functions of numbers; what is not known (no episodes, one episode) is as wide as it can be.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri, stdtrit

CONFIDENCE = 0.95


def wilson_interval(hits: float, total: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Where the true share lies when ``hits`` of ``total`` were seen.

    The score interval stays inside [0, 1] and is honest at 0 and 100 %, where the usual
    ``p +- 1.96 sqrt(p (1 - p) / n)`` has no width (Wilson 1927, JASA 22:209; Brown, Cai, DasGupta
    2001, Statistical Science 16:101). No continuity correction.

    Args:
        hits: 0 to ``total``.
        total: how many were tried; 0 tells nothing: the interval is (0, 1).
        confidence: share of such intervals that hold the truth.

    Raises:
        ValueError: more hits than tries, or fewer than none.
    """
    if not 0 <= hits <= total:
        raise ValueError(f"expected hits from 0 to total={total}, got {hits}")
    if total == 0:
        return 0.0, 1.0
    z = float(ndtri(0.5 + confidence / 2))
    share, slack = hits / total, z * z / total
    centre = (share + slack / 2) / (1 + slack)
    half = z * math.sqrt(share * (1 - share) / total + slack / (4 * total)) / (1 + slack)
    # At the ends the formula gives 0 and 1 but for rounding.
    low = 0.0 if hits == 0 else centre - half
    high = 1.0 if hits == total else centre + half
    return low, high


def mean_interval(values: ArrayLike, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Where the true mean lies, by Student's t (Student 1908, Biometrika 6:1).

    Returns of episodes are seldom normal, but their mean over the usual 20 to 100 is nearly so.

    Args:
        values: one for each episode.
        confidence: share of such intervals that hold the truth.

    Returns:
        ``(low, high)``; both NaN with fewer than 2 values, which say nothing about their spread.
    """
    numbers = np.asarray(values, dtype=np.float64)
    if numbers.size < 2:
        return math.nan, math.nan
    error = numbers.std(ddof=1) / math.sqrt(numbers.size)
    half = float(stdtrit(numbers.size - 1, 0.5 + confidence / 2)) * error
    mean = float(numbers.mean())
    return mean - half, mean + half
