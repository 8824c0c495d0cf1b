"""A planar arm that brings its fingertip, or a disc, to a target.

Legend of shapes: ``n`` agents, ``m`` of them, ``j`` joints.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from labloom.arguments import require_choice, require_number, require_switch, require_whole
from labloom_robotics.worlds.arm.camera import SIDE, camera_image
from labloom_robotics.worlds.arm.contact import push_disc
from labloom_robotics.worlds.arm.expert import joint_velocities, push_velocity, reach_velocity
from labloom_robotics.worlds.arm.kinematics import LENGTHS, joint_places
from labloom_robotics.worlds.arm.picture import draw_table
from labloom_robotics.worlds.arm.table import Table, draw_tables
from labloom_robotics.worlds.base import Observations
from labloom_robotics.worlds.drawn import DrawnWorld, Outcome

SECONDS = 0.05  # of a step
LARGEST_VELOCITY = 1.5  # rad/s, of action 1
LIMITS = {2: (2.8, 2.6), 3: (2.8, 2.4, 2.4)}  # rad, to either side, by number of links
PARTS = 6  # of a step in which the disc is pushed; the fingertip moves 2.5 cm at most in each
ARRIVAL = 1.0  # won by success
EFFORT = 0.01  # lost by squared actions, the mean over the joints


class Arm(DrawnWorld):
    """An arm of two or three links on a table, moved by joint velocities.

    Actions are numbers in [-1, 1], one for each joint: 1 is 1.5 rad/s counterclockwise. A step is
    0.05 s. The links are 1 m long together; joints stop at their limits. Only the fingertip, of
    radius 2 cm, is low enough to touch anything.

    ``reach``: the fingertip has to come to a target. ``push``: it has to push a disc of radius 6 cm
    there (see ``contact``). Coming nearer than ``tolerance`` ends the episode with success. The
    reward of a step is minus the distance to the target in m, when pushing also minus half the
    distance from the fingertip to the disc in m, and minus 0.01 times the mean squared action;
    success gains 1.

    Costs, 1 for each step in which: ``joint_limit`` a joint was stopped by its limit; ``speed`` the
    fingertip moved faster than ``speed_limit``.

    Observations: a Box, all about -1 to 1: cosines and sines of the joints; the joints in parts of
    their limits; their velocities in 1.5 rad/s; then in m: fingertip, target, way from the
    fingertip to the target; when pushing also disc, way from the fingertip to the disc, way from
    the disc to the target. With ``camera`` a Dict: ``state`` is what an arm feels, all before the
    target; ``image`` is the table from above, uint8 [64, 64, 3].

    Args:
        num_agents: agents, each at a table of its own.
        goal: ``reach`` or ``push``.
        links: 2 or 3.
        camera: whether target and disc are seen in an image only.
        tolerance: m, up to 0.2.
        speed_limit: of the fingertip, m/s; only the cost ``speed`` knows it.
        max_episode_steps: steps of 0.05 s after which an episode is truncated; None: 100 to reach,
            200 to push.

    Raises:
        ConfigError: an option is out of range.
    """

    cost_names = ("joint_limit", "speed")
    frames_per_second = 1 / SECONDS

    def __init__(
        self,
        num_agents: int,
        *,
        goal: str = "reach",
        links: int = 3,
        camera: bool = False,
        tolerance: float = 0.05,
        speed_limit: float = 0.8,
        max_episode_steps: int | None = None,
    ) -> None:
        require_choice("data.options.goal", goal, ("reach", "push"))
        require_whole("data.options.links", links, at_least=2, at_most=3)
        require_switch("data.options.camera", camera)
        require_number("data.options.tolerance", tolerance, above=0, at_most=0.2)
        require_number("data.options.speed_limit", speed_limit, above=0, at_most=10)
        if max_episode_steps is None:
            max_episode_steps = 100 if goal == "reach" else 200
        require_whole("data.options.max_episode_steps", max_episode_steps, at_least=1)
        self.goal, self.camera = goal, camera
        self.tolerance, self.speed_limit = float(tolerance), float(speed_limit)
        self.lengths, self.limits = np.array(LENGTHS[links]), np.array(LIMITS[links])
        self.observation_space = self._observation_space(links)
        self.action_space = spaces.Box(-1.0, 1.0, (links,), np.float32)
        super().__init__(num_agents, max_episode_steps)

    def draw(self, generators: Sequence[np.random.Generator]) -> Table:
        """New tables; see ``draw_tables``."""
        return draw_tables(generators, self.goal, self.lengths, self.limits, self.tolerance)

    def advance(self, actions: NDArray) -> Outcome:
        """Move for 0.05 s."""
        table = self.state
        before, disc = table.angles, table.disc
        wanted = before + actions * (LARGEST_VELOCITY * SECONDS)
        table.angles = wanted.clip(-self.limits, self.limits)
        table.velocities = (table.angles - before) / SECONDS
        tip = table.tip
        if self.goal == "push":
            for part in range(1, PARTS):
                between = before + (table.angles - before) * (part / PARTS)
                table.disc = push_disc(table.disc, joint_places(between, self.lengths)[:, -1])
        table.tip = joint_places(table.angles, self.lengths)[:, -1]
        table.disc = push_disc(table.disc, table.tip) if self.goal == "push" else table.tip
        table.path_length = table.path_length + _length(table.disc - disc)
        fast = _length(table.tip - tip) / SECONDS > self.speed_limit
        return self._judge(actions, costs=np.stack([(wanted != table.angles).any(axis=1), fast], 1))

    def observe_state(self, state: Table) -> Observations:
        """See the class."""
        felt = [
            np.cos(state.angles),
            np.sin(state.angles),
            state.angles / self.limits,
            state.velocities / LARGEST_VELOCITY,
            state.tip,
        ]
        if self.camera:
            return {
                "state": _flat(felt),
                "image": np.stack([camera_image(*seen) for seen in self._seen(state)]),
            }
        told = [state.target, state.target - state.tip]
        if self.goal == "push":
            told += [state.disc, state.disc - state.tip, state.target - state.disc]
        return _flat(felt + told)

    def expert(self) -> NDArray[np.float32]:
        """Damped least squares, and when pushing a way around the disc; see ``expert``."""
        table = self.state
        if self.goal == "reach":
            velocity = reach_velocity(table.tip, table.target)
        else:
            velocity = push_velocity(table.tip, table.disc, table.target)
        joints = joint_velocities(
            joint_places(table.angles, self.lengths),
            table.angles,
            velocity,
            self.limits,
            LARGEST_VELOCITY,
        )
        return (joints / LARGEST_VELOCITY).clip(-1, 1).astype(np.float32)

    def picture(self, agent: int = 0) -> NDArray[np.uint8]:
        """The table of an agent from above, 400 x 400."""
        return draw_table(*self._seen(self.state.take(np.array([agent])))[0], self.tolerance)

    def positions(self) -> NDArray[np.float32]:
        """Fingertips (reach) or discs (push), [n, 2] in m."""
        return self.state.disc.astype(np.float32)

    def _judge(self, actions: NDArray, costs: NDArray) -> Outcome:
        table = self.state
        distance = _length(table.target - table.disc)
        success = distance < self.tolerance
        to_disc = _length(table.disc - table.tip)  # 0 when reaching
        effort = EFFORT * (actions**2).mean(axis=1)
        return Outcome(
            rewards=ARRIVAL * success - distance - 0.5 * to_disc - effort,
            costs=costs,
            terminated=success,
            info={
                "success": success,
                "path_length": table.path_length,
                "shortest_path": np.maximum(table.shortest_path - self.tolerance, 0),
            },
        )

    def _seen(self, state: Table) -> list[tuple[NDArray, NDArray | None, NDArray]]:
        """What there is to draw, for each agent: joints, disc if any, target."""
        places = joint_places(state.angles, self.lengths)
        discs = state.disc if self.goal == "push" else [None] * len(places)
        return list(zip(places, discs, state.target, strict=True))

    def _observation_space(self, links: int) -> spaces.Space:
        felt = 4 * links + 2
        if self.camera:
            image = spaces.Box(0, 255, (SIDE, SIDE, 3), np.uint8)
            return spaces.Dict({"state": _box(felt), "image": image})
        return _box(felt + (4 if self.goal == "reach" else 10))


def _box(size: int) -> spaces.Box:
    # Ways between two places of the table are up to 2 m long; a pushed disc can lie farther out.
    return spaces.Box(-3.0, 3.0, (size,), np.float32)


def _flat(blocks: list[NDArray]) -> NDArray[np.float32]:
    return np.concatenate(blocks, axis=1).clip(-3, 3).astype(np.float32)


def _length(way: NDArray) -> NDArray:
    return np.hypot(way[:, 0], way[:, 1])
