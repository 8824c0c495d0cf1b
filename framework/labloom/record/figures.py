"""Figures that MLflow shows: drawn without pyplot, so that no window and no global state is left.

Matplotlib is imported when a figure is drawn, not before.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DPI = 150
INK = "#1f2933"
MUTED = "#7b8794"
MAX_ANNOTATED = 25
MAX_NAMED = 60
MAX_NAME = 24


def save_figure(figure: Any, path: Path) -> Path:
    """Write a figure of matplotlib as PNG, or of plotly as an HTML page that needs no network.

    Args:
        figure: a ``matplotlib.figure.Figure`` or a plotly figure.
        path: without extension.

    Returns:
        The file, put in place whole.

    Raises:
        TypeError: it is neither.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if hasattr(figure, "savefig"):
        from matplotlib.backends.backend_agg import FigureCanvasAgg

        target = path.with_name(path.name + ".png")
        draft = target.with_name("." + target.name)
        FigureCanvasAgg(figure)
        figure.savefig(draft, format="png", dpi=DPI, facecolor="white")
        figure.clear()
    elif hasattr(figure, "write_html"):
        target = path.with_name(path.name + ".html")
        draft = target.with_name("." + target.name)
        figure.write_html(draft, include_plotlyjs=True, full_html=True)
    else:
        raise TypeError(f"expected a matplotlib or plotly figure, got {type(figure).__name__}")
    draft.replace(target)
    return target


def confusion_matrix_figure(
    counts: Any,
    class_names: Sequence[str] | None = None,
    normalized: bool = True,
    title: str = "Confusion matrix",
) -> Figure:
    """Draw a confusion matrix of any number of classes.

    Args:
        counts: [c, c], row: true class, column: predicted class.
        class_names: one for each class; None: their numbers.
        normalized: colours show the share of the row (recall), so that rare classes count as much
            as frequent ones. The numbers in the cells are always counts.
        title: above the figure.

    Raises:
        ValueError: counts are not square, or names do not go with them.
    """
    import numpy as np
    from matplotlib.colors import PowerNorm
    from matplotlib.figure import Figure

    table = np.asarray(counts, dtype=float)
    if table.ndim != 2 or table.shape[0] != table.shape[1]:
        raise ValueError(f"expected counts [c, c], got shape {list(table.shape)}")
    size = table.shape[0]
    names = [_short(str(name)) for name in (class_names or range(size))]
    if len(names) != size:
        raise ValueError(f"expected {size} class names, got {len(names)}")
    rows = table.sum(axis=1, keepdims=True)
    shares = np.divide(table, rows, out=np.zeros_like(table), where=rows > 0)
    shown = shares if normalized else table

    side = min(13.0, max(4.2, 0.46 * size + 1.6))
    figure = Figure(figsize=(side + 1.1, side), layout="constrained")
    axes = figure.add_subplot()
    # The square root lets rare confusions be seen beside a full diagonal.
    norm = PowerNorm(0.5, vmin=0.0, vmax=1.0 if normalized else max(1.0, shown.max()))
    image = axes.imshow(shown, cmap="Blues", norm=norm)
    _title(axes, title, _overall(table))
    axes.set_xlabel("predicted", color=INK)
    axes.set_ylabel("true", color=INK)
    _name_classes(axes, names)
    if size <= MAX_ANNOTATED:
        _annotate(axes, table, norm(shown))
    bar = figure.colorbar(image, ax=axes, shrink=0.82, pad=0.02)
    bar.set_label("share of the true class" if normalized else "count", color=INK)
    bar.outline.set_visible(False)
    return figure


def image_grid_figure(
    images: Sequence[Any], captions: Sequence[str], columns: int = 6, title: str | None = None
) -> Figure:
    """Draw images in a grid, each under its caption.

    Args:
        images: each [h, w], [h, w, 1], [h, w, 3] or [h, w, 4]; floats in [0, 1] or bytes.
        captions: one for each image; lines are kept.
        columns: images in a row.
        title: above the grid.

    Raises:
        ValueError: captions do not go with the images, or there are no images.
    """
    import numpy as np
    from matplotlib.figure import Figure

    if len(images) != len(captions) or not images:
        raise ValueError(f"got {len(images)} images and {len(captions)} captions")
    columns = min(columns, len(images))
    rows = math.ceil(len(images) / columns)
    lines = max(caption.count("\n") + 1 for caption in captions)
    height = rows * (1.6 + 0.17 * lines) + (0.4 if title else 0.0)
    figure = Figure(figsize=(1.75 * columns, height), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    for axes, image, caption in zip(grid.flat, images, captions, strict=False):
        pixels = np.asarray(image)
        if pixels.ndim == 3 and pixels.shape[-1] == 1:
            pixels = pixels[..., 0]
        if pixels.dtype.kind == "f":
            pixels = np.clip(pixels, 0.0, 1.0)
        limit = 255 if pixels.dtype.kind in "ui" else 1.0
        axes.imshow(pixels, cmap="gray", vmin=0, vmax=limit, interpolation="nearest")
        text = "\n".join(_short(line) for line in caption.splitlines())
        axes.set_title(text, fontsize=8, color=INK, linespacing=1.25)
    if title:
        figure.suptitle(title, fontsize=12, color=INK)
    return figure


def _title(axes: Any, title: str, remark: str) -> None:
    axes.set_title(title, loc="left", fontsize=12, color=INK)
    axes.set_title(remark, loc="right", fontsize=9, color=MUTED)


def _overall(table: Any) -> str:
    total = table.sum()
    return f"{table.trace() / total:.1%} of {int(total)} right" if total else "nothing counted"


def _name_classes(axes: Any, names: Sequence[str]) -> None:
    step = max(1, math.ceil(len(names) / MAX_NAMED))
    places = range(0, len(names), step)
    size = 9 if len(names) <= 20 else 7 if len(names) <= 40 else 6
    chosen = [names[place] for place in places]
    long = max(len(name) for name in chosen) > 3 or len(names) > 20
    axes.set_xticks(list(places), chosen, fontsize=size, rotation=90 if long else 0, color=INK)
    axes.set_yticks(list(places), chosen, fontsize=size, color=INK)
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _annotate(axes: Any, table: Any, darkness: Any) -> None:
    size = 9 if len(table) <= 12 else 6.5
    for row in range(len(table)):
        for column in range(len(table)):
            count = table[row, column]
            if count == 0 and row != column:
                continue
            colour = "white" if darkness[row, column] > 0.55 else INK
            text = f"{int(count)}" if count == int(count) else f"{count:.2g}"
            axes.text(column, row, text, ha="center", va="center", fontsize=size, color=colour)


def _short(name: str) -> str:
    return name if len(name) <= MAX_NAME else name[: MAX_NAME - 1] + "…"
