"""Films of episodes: animated GIF, which every browser plays, and so does MLflow's artifact view.

Episodes run at the same time, side by side, or one above the other where pictures are wide; one
that is over shows how it ended.
"""

from __future__ import annotations

import io
import itertools
import math
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import matplotlib as mpl
from PIL import Image, ImageDraw, ImageFont

from labloom.record.figures import INK, MUTED
from labloom_robotics.evaluation.recorder import OUTCOME_COLOURS, Recording

MOST_BYTES = 3_000_000
SIDE = 288  # px, of the longer side of a picture beside others
WIDE_SIDE = 720  # px, of one above others
WIDE = 1.8  # times as wide as high
BAR = 42  # px, of the caption above it
GAP = 8  # px, between episodes
LONGEST = 20.0  # s; longer episodes are played faster than they were
HOLD = 2.0  # s, that the last page stays
COLOURS = 128
SAMPLED = 12  # pages that the palette is made from
ROOM = "#edf0f3"
# What is given up, step by step, in a film that is too large: pages, then their size.
SAVINGS = ((1, 1.0), (2, 1.0), (2, 0.7), (4, 0.7), (4, 0.5), (8, 0.5), (16, 0.35))


def write_film(
    path: Path,
    recordings: Sequence[Recording],
    titles: Sequence[str],
    frames_per_second: float,
    most_bytes: int = MOST_BYTES,
) -> Path:
    """Write a GIF that plays in real time, or faster if that would take more than 20 s.

    Args:
        path: of the file; its folder is made.
        recordings: of filmed episodes.
        titles: what stands above each.
        frames_per_second: steps of the world in one second of its own time.
        most_bytes: of the file; a larger one is written with fewer and smaller pages.

    Raises:
        ValueError: an episode was not filmed.
    """
    if not all(recording.pictures for recording in recordings):
        raise ValueError("expected filmed episodes, got one without pictures")
    steps = sorted({step for recording in recordings for step in recording.pictures})
    last = max(recording.length for recording in recordings)
    speed = max(1, math.ceil(last / frames_per_second / LONGEST))
    stacked = _is_wide(recordings[0])
    side = WIDE_SIDE if stacked else SIDE
    for every, scale in SAVINGS:
        shown = [*steps[::every], last]
        pages = [
            _arranged(
                [
                    _tile(recording, title, step, speed, round(side * scale))
                    for recording, title in zip(recordings, titles, strict=True)
                ],
                stacked,
            )
            for step in shown
        ]
        seconds = [
            (after - step) / frames_per_second / speed for step, after in itertools.pairwise(shown)
        ]
        film = _gif(pages, [*seconds, HOLD])
        if len(film) <= most_bytes:
            break
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(film)
    return path


def _is_wide(recording: Recording) -> bool:
    height, width, _ = next(iter(recording.pictures.values())).shape
    return width > WIDE * height


def _arranged(tiles: Sequence[Image.Image], stacked: bool) -> Image.Image:
    """A page of tiles, in a column or in a row."""
    widths, heights = [tile.width for tile in tiles], [tile.height for tile in tiles]
    gaps = GAP * (len(tiles) - 1)
    size = (max(widths), sum(heights) + gaps) if stacked else (sum(widths) + gaps, max(heights))
    page = Image.new("RGB", size, "white")
    place = 0
    for tile in tiles:
        page.paste(tile, (0, place) if stacked else (place, 0))
        place += GAP + (tile.height if stacked else tile.width)
    return page


def _tile(recording: Recording, title: str, step: int, speed: int, side: int) -> Image.Image:
    """One episode at one moment: title, step and return, and the picture."""
    taken = max(s for s in recording.pictures if s <= step)  # there is one of step 0
    picture = _fitted(Image.fromarray(recording.pictures[taken]), side)
    over = step >= recording.length
    done = min(step, recording.length)
    tile = Image.new("RGB", (side, BAR + picture.height), ROOM)
    tile.paste(picture, ((side - picture.width) // 2, BAR))
    draw = ImageDraw.Draw(tile)
    draw.rectangle((0, 0, side, BAR - 1), "white")
    draw.text((2, 2), title, INK, _font(13))
    total = recording.returns[done - 1] if done else 0.0
    facts = f"step {done}   return {total:.1f}" + (f"   {speed}x" if speed > 1 else "")
    draw.text((2, 21), facts, MUTED, _font(12))
    if over:
        _stamp(draw, recording.outcome, side)
    return tile


def _fitted(picture: Image.Image, side: int) -> Image.Image:
    scale = side / max(picture.size)
    size = tuple(max(1, round(edge * scale)) for edge in picture.size)
    return picture.resize(size, Image.Resampling.BOX if scale < 1 else Image.Resampling.NEAREST)


def _stamp(draw: ImageDraw.ImageDraw, outcome: str, side: int) -> None:
    font = _font(12)
    width = draw.textlength(outcome, font)
    box = (side - width - 14, 20, side - 1, BAR - 3)
    draw.rounded_rectangle(box, 5, OUTCOME_COLOURS[outcome])
    draw.text((side - width - 7, 22), outcome, "white", font)


@cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    # Matplotlib brings a font along, so that captions look the same on every machine.
    return ImageFont.truetype(str(Path(mpl.get_data_path(), "fonts/ttf/DejaVuSans.ttf")), size)


def _gif(pages: Sequence[Image.Image], seconds: Sequence[float]) -> bytes:
    """All pages with one palette: then what does not change from page to page takes no room."""
    palette = _palette(pages)
    reduced = [page.quantize(palette=palette, dither=Image.Dither.NONE) for page in pages]
    # A GIF counts in hundredths; browsers play anything below 2 of them slowly.
    durations = [10 * max(2, round(100 * duration)) for duration in seconds]
    content = io.BytesIO()
    reduced[0].save(
        content,
        format="GIF",
        save_all=True,
        append_images=reduced[1:],
        duration=durations,
        loop=0,
        optimize=False,
    )
    return content.getvalue()


def _palette(pages: Sequence[Image.Image]) -> Image.Image:
    """The palette of some pages from the whole film, the last among them."""
    every = max(1, len(pages) // SAMPLED)
    sampled = [*pages[::every], pages[-1]]
    width, height = sampled[0].size
    sheet = Image.new("RGB", (width, height * len(sampled)))
    for place, page in enumerate(sampled):
        sheet.paste(page, (0, place * height))
    return sheet.quantize(COLOURS, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
