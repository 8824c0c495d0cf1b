"""The arena of one agent, seen from above."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from labloom_robotics.worlds.navigate.layout import PERSON_RADIUS
from labloom_robotics.worlds.navigate.options import NavigateOptions
from labloom_robotics.worlds.navigate.sensing import ray_directions, scan
from labloom_robotics.worlds.navigate.state import NavigateState
from labloom_robotics.worlds.pictures import Box, Canvas, turned

MARGIN = 0.25  # m around the arena
WALL = 0.1  # m, as thick as walls are drawn; to the LiDAR they are thin

BORDER, FLOOR, TILE = (58, 65, 77), (250, 250, 247), (238, 239, 236)
BLOCK, BLOCK_EDGE = (122, 134, 150), (84, 95, 111)
RAY, HIT = (196, 221, 240), (66, 133, 190)
PERSON, PERSON_EDGE, WAY = (238, 150, 62), (190, 104, 22), (246, 214, 178)
GOAL, GOAL_FILL = (38, 152, 92), (190, 230, 206)
ROBOT, NOSE, TRAIL = (32, 92, 168), (255, 255, 255), (96, 146, 204)
CRASHED = (200, 40, 48)


def extent(options: NavigateOptions) -> Box:
    """Left, right, bottom and top edge of the picture, m."""
    return (-MARGIN, options.size + MARGIN, -MARGIN, options.size + MARGIN)


def draw(
    state: NavigateState, agent: int, trail: NDArray, options: NavigateOptions
) -> NDArray[np.uint8]:
    """Picture of one agent's arena, RGB [400, 400, 3].

    Args:
        state: of all agents.
        agent: whose arena.
        trail: where the robot has been, [k, 2] in m; what is not known is not a number.
        options: of the world.
    """
    one = state.take(np.array([agent]))
    canvas = Canvas(extent(options), background=BORDER)
    _draw_floor(canvas, options.size)
    for start, end in zip(one.walk_starts[0], one.walk_ends[0], strict=True):
        canvas.dashes([start, end], colour=WAY)
    _draw_rays(canvas, one, options)
    canvas.circle(one.goals[0], options.goal_radius, fill=GOAL_FILL, edge=GOAL, thickness=0.07)
    canvas.circle(one.goals[0], 0.25 * options.goal_radius, fill=GOAL)
    _draw_blocks(canvas, one)
    canvas.polyline(trail, colour=TRAIL, thickness=0.06)
    _draw_people(canvas, one)
    _draw_robot(canvas, one, options)
    return canvas.pixels()


def _draw_floor(canvas: Canvas, size: float) -> None:
    canvas.polygon([(0, 0), (size, 0), (size, size), (0, size)], fill=FLOOR)
    for metre in range(1, int(np.ceil(size))):
        canvas.polyline([(metre, 0), (metre, size)], colour=TILE, thickness=0.02)
        canvas.polyline([(0, metre), (size, metre)], colour=TILE, thickness=0.02)


def _draw_rays(canvas: Canvas, one: NavigateState, options: NavigateOptions) -> None:
    blocks = tuple(block.astype(np.float32) for block in one.blocks)
    distances = scan(one.poses, blocks, one.people(), options)[0][0]  # [r]
    directions = ray_directions(one.poses[:, 2], options.rays)[0]  # [r, 2]
    origin = one.poses[0, :2]
    canvas.rays(origin, directions, distances, colour=RAY, thickness=0.03)
    seen = distances < options.scan_range
    canvas.dots(origin + directions[seen] * distances[seen, None], 0.06, colour=HIT)


def _draw_blocks(canvas: Canvas, one: NavigateState) -> None:
    for centre, radius in zip(one.pillars[0], one.radii[0], strict=True):
        canvas.circle(centre, radius, fill=BLOCK, edge=BLOCK_EDGE)
    for start, end in zip(one.wall_starts[0], one.wall_ends[0], strict=True):
        canvas.polyline([start, end], colour=BLOCK_EDGE, thickness=WALL)


def _draw_people(canvas: Canvas, one: NavigateState) -> None:
    places, velocities = one.people()
    for place, (x, y) in zip(places[0], velocities[0], strict=True):
        canvas.circle(place, PERSON_RADIUS, fill=PERSON, edge=PERSON_EDGE)
        nose = np.array([(0.2, 0), (-0.08, 0.12), (-0.08, -0.12)])
        canvas.polygon(turned(nose, place, float(np.arctan2(y, x))), fill=PERSON_EDGE)


def _draw_robot(canvas: Canvas, one: NavigateState, options: NavigateOptions) -> None:
    x, y, heading = one.poses[0]
    radius = options.robot_radius
    crashed = bool(one.clearances(options)[0] <= 0)
    canvas.circle((x, y), radius, fill=CRASHED if crashed else ROBOT)
    nose = radius * np.array([(0.85, 0), (-0.35, 0.55), (-0.1, 0), (-0.35, -0.55)])
    canvas.polygon(turned(nose, (x, y), heading), fill=NOSE)
