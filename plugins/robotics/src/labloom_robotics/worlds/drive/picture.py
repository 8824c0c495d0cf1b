"""The road around an agent, drawn from above: x to the right, the left lane at the top."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from labloom_robotics.worlds.drive.boxes import scan
from labloom_robotics.worlds.drive.road import (
    CAR_LENGTH,
    CAR_WIDTH,
    LANE_WIDTH,
    Traffic,
    nearest_lane,
    neighbours,
)
from labloom_robotics.worlds.pictures import FINE, Canvas, turned

WIDTH = 800  # pixels
BEHIND, AHEAD = 35.0, 85.0  # m that are shown behind and ahead of the agent
SHOULDER = 3.0  # m that are shown beside the road
PANEL = 40  # pixels for what is written above it
DASH, PERIOD = 4.0, 12.0  # m, of the lines between lanes
SIGHT = 100.0  # m

GRASS, ASPHALT, PAINT = (172, 191, 155), (82, 86, 92), (236, 236, 230)
PAPER, INK, EMPTY = (250, 250, 247), (45, 48, 54), (214, 214, 208)
AGENT, CAR, GLASS = (226, 110, 38), (92, 143, 199), (34, 40, 49)
RAY, HIT = (126, 150, 126), (255, 214, 82)


def draw_road(
    traffic: Traffic, lanes: int, road_length: float, angles: NDArray | None
) -> NDArray[np.uint8]:
    """A picture, RGB [h, 800, 3]; its height follows from the number of lanes.

    Args:
        traffic: of one agent.
        lanes: lanes of the road.
        road_length: m.
        angles: directions of LiDAR rays that are drawn too, rad; None: none.
    """
    top = lanes * LANE_WIDTH / 2 + SHOULDER
    x, y, heading = (float(value[0]) for value in (traffic.x, traffic.y, traffic.heading))
    canvas = Canvas((x - BEHIND, x + AHEAD, -top, top), WIDTH, GRASS)
    _draw_asphalt(canvas, x, lanes, road_length)
    rays = None if angles is None else _draw_rays(canvas, traffic, angles)
    for place in np.stack([traffic.cars_x[0], traffic.cars_y[0]], axis=1):
        _draw_car(canvas, place, 0.0, CAR)
    _draw_car(canvas, np.array([x, y]), heading, AGENT)
    if rays is not None:
        canvas.dots(rays, 0.4, colour=HIT)
    return np.concatenate([_panel(traffic, lanes, road_length), canvas.pixels()])


def _draw_asphalt(canvas: Canvas, x: float, lanes: int, road_length: float) -> None:
    edge = lanes * LANE_WIDTH / 2
    left, right = x - BEHIND, x + AHEAD
    canvas.polygon(_box(left, right, -edge - 0.5, edge + 0.5), fill=ASPHALT)
    for side in (-edge, edge):
        canvas.polyline([(left, side), (right, side)], colour=PAINT, thickness=0.25)
    for lane in range(1, lanes):
        y = lane * LANE_WIDTH - edge
        for start in np.arange(math.floor(left / PERIOD) * PERIOD, right, PERIOD):
            canvas.polygon(_box(start, start + DASH, y - 0.1, y + 0.1), fill=PAINT)
    _draw_finish(canvas, edge, road_length)


def _draw_finish(canvas: Canvas, edge: float, road_length: float) -> None:
    """A chequered band behind the end of the road."""
    rows = max(2, round(2 * edge / 1.25))
    side = 2 * edge / rows
    for row in range(rows):
        for column in range(2):
            x, y = road_length + column * side, row * side - edge
            colour = PAINT if (row + column) % 2 else GLASS
            canvas.polygon(_box(x, x + side, y, y + side), fill=colour)


def _draw_car(canvas: Canvas, middle: NDArray, heading: float, colour: tuple) -> None:
    half, wide = CAR_LENGTH / 2, CAR_WIDTH / 2
    canvas.polygon(turned(_box(-half, half, -wide, wide), middle, heading), fill=colour)
    for back, front in ((0.4, 1.1), (-1.8, -1.35)):  # m: windscreen, rear window
        window = _box(back, front, -0.8 * wide, 0.8 * wide)
        canvas.polygon(turned(window, middle, heading), fill=GLASS)


def _draw_rays(canvas: Canvas, traffic: Traffic, angles: NDArray) -> NDArray:
    """Draws the rays; returns where they met a car, [hits, 2]."""
    ranges = scan(traffic, angles, SIGHT)[0][0]
    bearings = traffic.heading[0] + angles
    directions = np.stack([np.cos(bearings), np.sin(bearings)], axis=1)
    origin = np.array([traffic.x[0], traffic.y[0]])
    canvas.rays(origin, directions, ranges, colour=RAY, thickness=0.08)
    return (origin + directions * ranges[:, None])[ranges < SIGHT]


def _panel(traffic: Traffic, lanes: int, road_length: float) -> NDArray[np.uint8]:
    """Speed, gap ahead and what is driven of the road, RGB [40, 800, 3]."""
    speed, x = float(traffic.speed[0]), float(traffic.x[0])
    image = Image.new("RGB", (WIDTH * FINE, PANEL * FINE), PAPER)
    pen = ImageDraw.Draw(image)
    font = ImageFont.load_default(size=15 * FINE)
    for column, text in (
        (14, f"{speed:4.1f} m/s"),
        (150, f"ahead: {_gap_ahead(traffic, lanes)}"),
        (WIDTH - 290, f"{min(x, road_length):3.0f} of {road_length:.0f} m"),
    ):
        pen.text((column * FINE, PANEL * FINE / 2), text, INK, font, anchor="lm")
    left, right = WIDTH - 150, WIDTH - 14
    driven = left + min(max(x / road_length, 0.0), 1.0) * (right - left)
    for end, colour in ((right, EMPTY), (driven, AGENT)):
        corners = (left, PANEL / 2 - 4, end, PANEL / 2 + 4)
        pen.rectangle([corner * FINE for corner in corners], fill=colour)
    return np.asarray(image.reduce(FINE))


def _gap_ahead(traffic: Traffic, lanes: int) -> str:
    lane = nearest_lane(traffic.y, lanes)[0]
    gap = max(float(neighbours(traffic, lanes, SIGHT).ahead_gap[0, lane]), 0.0)
    if gap >= SIGHT:
        return "free"
    return f"{gap:.0f} m = {gap / max(float(traffic.speed[0]), 0.1):.1f} s"


def _box(left: float, right: float, bottom: float, top: float) -> list[tuple[float, float]]:
    return [(left, bottom), (right, bottom), (right, top), (left, top)]
