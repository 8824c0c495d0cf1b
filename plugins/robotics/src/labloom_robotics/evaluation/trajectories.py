"""Figures of episodes: the ways that were taken, seen from above, and how the episodes went.

Legend of shapes: ``t`` steps of an episode.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from labloom.record.figures import INK, MUTED
from labloom_robotics.evaluation.intervals import mean_interval, wilson_interval
from labloom_robotics.evaluation.metrics import SHARES, Row
from labloom_robotics.evaluation.recorder import (
    COLLISION,
    ENDED,
    OUTCOME_COLOURS,
    SUCCESS,
    Recording,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMNS = 3
PANEL = 3.1  # inches
ELONGATED = 4.0  # ways that are so much longer than wide are not drawn to scale
MOST_BINS = 24


def trajectory_figure(recordings: Sequence[Recording], title: str) -> Figure:
    """Draw the way of each episode, in the colour of how it ended.

    Where the world has a picture and says where its edges are, every episode has a panel of its
    own: the picture of the start, with what the range sensor saw then if the world draws it, and
    the way on it. Else all ways share one panel.

    Args:
        recordings: with paths.
        title: above the figure.

    Raises:
        ValueError: an episode has no path.
    """
    if not recordings or any(recording.path is None for recording in recordings):
        raise ValueError("expected recordings with paths, got one of a world without places")
    on_maps = all(_fits(recording) for recording in recordings)
    return _maps(recordings, title) if on_maps else _shared(recordings, title)


def episode_figure(rows: Sequence[Row], title: str) -> Figure:
    """Draw how episodes went: returns as a histogram, and shares with 95 % intervals if known.

    Args:
        rows: as of ``EpisodeMetrics.rows``, at least one.
        title: above the figure.
    """
    from matplotlib.figure import Figure

    shares = [name for name in SHARES if name in rows[0]]
    figure = Figure(figsize=(9.0 if shares else 6.4, 3.6), layout="constrained")
    figure.suptitle(title, x=0.01, ha="left", fontsize=12, color=INK)
    if not shares:
        _histogram(figure.subplots(), rows)
        return figure
    left, right = figure.subplots(1, 2, width_ratios=[2, 3])
    _shares(left, rows, shares)
    _histogram(right, rows)
    return figure


def row_outcome(row: Row) -> str:
    """How the episode of a row ended, as far as the row tells."""
    return COLLISION if row.get("collision") else SUCCESS if row.get("success") else ENDED


def _fits(recording: Recording) -> bool:
    """Whether the picture of the start shows the whole way."""
    if recording.scene is None or recording.extent is None:
        return False
    left, right, bottom, top = recording.extent
    low, high = recording.path.min(axis=0), recording.path.max(axis=0)
    return bool(left <= low[0] and high[0] <= right and bottom <= low[1] and high[1] <= top)


def _maps(recordings: Sequence[Recording], title: str) -> Figure:
    from matplotlib.figure import Figure

    columns = min(COLUMNS, len(recordings))
    rows = math.ceil(len(recordings) / columns)
    height, width = recordings[0].scene.shape[:2]
    size = (PANEL * columns, (PANEL * height / width + 0.35) * rows + 0.7)
    figure = Figure(figsize=size, layout="constrained")
    figure.suptitle(title, x=0.01, ha="left", fontsize=12, color=INK)
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in panels:
        axes.set_axis_off()
    for axes, recording in zip(panels, recordings, strict=False):
        axes.imshow(recording.scene, extent=recording.extent, interpolation="antialiased")
        _way(axes, recording.path, recording.outcome)
        left, right, bottom, top = recording.extent
        axes.set(xlim=(left, right), ylim=(bottom, top))
        axes.set_title(f"seed {recording.seed}", loc="left", fontsize=8, color=MUTED)
        axes.set_title(
            f"{recording.outcome}, {recording.returns[-1]:.1f}",
            loc="right",
            fontsize=8,
            color=OUTCOME_COLOURS[recording.outcome],
        )
    _legend(figure, recordings)
    return figure


def _shared(recordings: Sequence[Recording], title: str) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.0, 5.0), layout="constrained")
    axes = figure.subplots()
    figure.suptitle(title, x=0.01, ha="left", fontsize=12, color=INK)
    for recording in recordings:
        _way(axes, recording.path, recording.outcome)
    places = np.concatenate([recording.path for recording in recordings])
    width, height = np.maximum(np.ptp(places, axis=0), 1e-6)
    if 1 / ELONGATED < width / height < ELONGATED:
        axes.set_aspect("equal", adjustable="datalim")
    _plain(axes, "x (m)", "y (m)")
    axes.grid(color="#e4e8ec", linewidth=0.6)
    _legend(figure, recordings)
    return figure


def _way(axes: Axes, path: NDArray, outcome: str) -> None:
    colour = OUTCOME_COLOURS[outcome]
    # The white rim keeps a way visible on whatever picture it crosses.
    axes.plot(*path.T, color="white", linewidth=3.4, alpha=0.8, solid_capstyle="round")
    axes.plot(*path.T, color=colour, linewidth=1.7, solid_capstyle="round")
    axes.plot(*path[0], "o", color="white", markeredgecolor=colour, markersize=6)
    mark = "X" if outcome == COLLISION else "o"
    axes.plot(*path[-1], mark, color=colour, markeredgecolor="white", markersize=7)


def _legend(figure: Figure, recordings: Sequence[Recording]) -> None:
    from matplotlib.lines import Line2D

    counts = dict.fromkeys(OUTCOME_COLOURS, 0)
    for recording in recordings:
        counts[recording.outcome] += 1
    lines = [
        Line2D([], [], color=OUTCOME_COLOURS[name], linewidth=2.5, label=f"{name} ({count})")
        for name, count in counts.items()
        if count
    ]
    lines.append(
        Line2D([], [], color="white", marker="o", markeredgecolor=INK, linewidth=0, label="start")
    )
    figure.legend(
        handles=lines, loc="outside lower left", ncols=5, frameon=False, fontsize=8, labelcolor=INK
    )


def _shares(axes: Axes, rows: Sequence[Row], names: Sequence[str]) -> None:
    colours = {"success": OUTCOME_COLOURS[SUCCESS], "collision": OUTCOME_COLOURS[COLLISION]}
    for place, name in enumerate(names):
        hits = sum(bool(row[name]) for row in rows)
        share = hits / len(rows)
        low, high = wilson_interval(hits, len(rows))
        axes.barh(place, share, height=0.55, color=colours[name], alpha=0.85)
        axes.plot([low, high], [place, place], color=INK, linewidth=1.4, marker="|", markersize=9)
        axes.text(
            0.0, place - 0.36, f"{name}  {share:.0%}  ({low:.0%} to {high:.0%})",
            fontsize=9, color=INK, va="bottom",
        )  # fmt: skip
    axes.set(xlim=(0, 1), ylim=(len(names) - 0.5, -0.75), yticks=[])
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    _plain(axes, "share of episodes, with 95 % interval", "")
    axes.spines["left"].set_visible(False)


def _histogram(axes: Axes, rows: Sequence[Row]) -> None:
    returns = np.array([row["return"] for row in rows], dtype=float)
    outcomes = np.array([row_outcome(row) for row in rows])
    present = [name for name in OUTCOME_COLOURS if (outcomes == name).any()]
    axes.hist(
        [returns[outcomes == name] for name in present],
        bins=_bins(returns),
        stacked=True,
        color=[OUTCOME_COLOURS[name] for name in present],
        label=["neither" if name == ENDED else name for name in present],
        edgecolor="white",
        linewidth=0.6,
    )
    low, high = mean_interval(returns)
    if np.isfinite(low):
        axes.axvspan(low, high, color=INK, alpha=0.12, linewidth=0, zorder=0)
    axes.axvline(returns.mean(), color=INK, linewidth=1.4)
    remark = f"mean {returns.mean():.4g}, median {np.median(returns):.4g}, {len(rows)} episodes"
    axes.set_title(remark, loc="left", fontsize=9, color=MUTED)
    axes.yaxis.get_major_locator().set_params(integer=True)
    _plain(axes, "return of an episode", "episodes")
    if len(present) > 1:
        axes.figure.legend(
            loc="outside lower right", ncols=len(present), frameon=False, fontsize=8, labelcolor=INK
        )


def _bins(returns: NDArray) -> NDArray:
    """Edges of the bars; returns that are all the same stand in the middle of one."""
    low, high = returns.min(), returns.max()
    # What differs only by rounding is the same.
    if high - low <= 1e-6 * max(1.0, abs(high)):
        half = max(1.0, 0.05 * abs(high))
        return np.array([low - 3 * half, low - half, low + half, low + 3 * half])
    return np.linspace(low, high, min(MOST_BINS, max(5, round(2 * math.sqrt(len(returns))))) + 1)


def _plain(axes: Any, x: str, y: str) -> None:
    axes.set_xlabel(x, fontsize=9, color=INK)
    axes.set_ylabel(y, fontsize=9, color=INK)
    axes.tick_params(labelsize=8, colors=MUTED)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
