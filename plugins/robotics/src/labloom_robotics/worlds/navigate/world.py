"""The navigation world: a robot with a LiDAR crosses an arena of obstacles and moving people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labloom.errors import DataError
from labloom_robotics.worlds.base import Observations
from labloom_robotics.worlds.drawn import DrawnWorld, Outcome
from labloom_robotics.worlds.navigate import drawing, scripted
from labloom_robotics.worlds.navigate.options import read_options
from labloom_robotics.worlds.navigate.robot import PAIRS, action_space, commands, drive
from labloom_robotics.worlds.navigate.routes import look_up
from labloom_robotics.worlds.navigate.sensing import goal_state, observation_space, scan
from labloom_robotics.worlds.navigate.shapes import length
from labloom_robotics.worlds.navigate.state import NavigateState, begin


class Navigate(DrawnWorld):
    """A differential-drive robot finds its way to a goal, without touching anything.

    Observations, float32, all scaled: ``scan`` [rays] in [0, 1], the distance that each ray of the
    LiDAR measures as a part of ``scan_range``; ``motion`` [rays] in [-1, 1], how fast what the ray
    meets moves along it (a Doppler LiDAR, its own motion taken out), -1 for ``people_speed``
    towards the robot; ``state`` [5] in [-1, 1]: distance to the goal as a part of the arena's
    diagonal, cosine and sine of the goal's bearing from the robot's heading, forward speed as a
    part of ``max_speed``, turn rate as a part of ``max_turn``.

    Actions: float32 [2] in [-1, 1], forward speed (-1 stands, 1 is ``max_speed`` m/s) and turn rate
    (1 is ``max_turn`` rad/s to the left); or the number of such a pair (``discrete``).

    An episode terminates at the goal (``info["success"]``) or with a crash into an obstacle, a
    person or the arena's wall (``info["collision"]``). The reward is the progress on the shortest
    way around the obstacles, 1 for each m; ``success_reward`` at the goal; less
    ``collision_penalty`` at a crash and ``step_penalty`` in every step. Costs: ``collision``, 1 at
    a crash; ``clearance``, 1 for a step closer than ``clearance`` m to anything. ``path_length``
    and ``shortest_path`` (m, to where the goal counts as reached) are in ``info``. The shortest
    path is found on a grid of 0.5 m and so is an upper bound, which makes success weighted by path
    length read somewhat high: of 243 successful episodes of the expert 37 % were shorter than it,
    at most by 18 %.

    People walk to and fro on a straight way at a steady speed and do not look where they go.

    Frozen difficulty, over 500 episodes (``benchmarks/navigate_difficulty.py``, seeds from 10,000;
    Wilson intervals at 95 %): the scripted expert succeeds in 93.4 % [90.9, 95.3] and crashes in
    6.6 %; heading straight for the goal succeeds in 20.4 % [17.1, 24.2]. Changing a default, the
    order in which layouts are drawn or the expert means measuring and telling them anew.

    Args:
        num_agents: agents that act at the same time, each in an arena of its own.
        options: see ``NavigateOptions``; what is not given has its default.

    Raises:
        ConfigError: an option is unknown or out of range.
    """

    cost_names = ("collision", "clearance")
    state: NavigateState

    def __init__(self, num_agents: int = 1, **options: Any) -> None:
        self.options = read_options(options)
        self.observation_space = observation_space(self.options)
        self.action_space = action_space(self.options)
        self.frames_per_second = 1 / self.options.seconds_per_step
        self._prepared: NavigateState | None = None
        self._numbers = np.full(num_agents, -1)  # of the episodes that lie prepared
        self._trails = np.full((num_agents, self.options.max_episode_steps + 1, 2), np.nan)
        super().__init__(num_agents, self.options.max_episode_steps)

    def reset(self, seeds: Sequence[int]) -> Observations:
        """Start the first episode of each seed; see ``World.reset``."""
        self._prepared = None
        return super().reset(seeds)

    def draw(self, generators: Sequence[np.random.Generator]) -> NavigateState:
        """The beginnings of episodes."""
        return begin(generators, self.options)

    def advance(self, actions: NDArray) -> Outcome:
        """Drive and walk for ``seconds_per_step`` s."""
        state, options = self.state, self.options
        before = state.poses
        wanted = commands(actions, options)
        state.poses, state.speeds = drive(before, state.speeds, wanted, options)
        state.driven = state.driven + length(state.poses[:, :2] - before[:, :2])
        state.walk(options.seconds_per_step)
        self._trails[np.arange(self.num_agents), self._steps + 1] = state.poses[:, :2]
        space = state.clearances(options)
        collision = space <= 0
        success = ~collision & (state.goal_distances() <= options.goal_radius)
        ahead = look_up(state.routes, state.poses[:, :2], options.size)
        rewards = state.ahead - ahead - options.step_penalty
        rewards += options.success_reward * success - options.collision_penalty * collision
        state.ahead = ahead
        return Outcome(
            rewards=rewards,
            costs=np.stack([collision, space < options.clearance], axis=1),
            terminated=collision | success,
            info={
                "success": success,
                "collision": collision,
                "path_length": state.driven.astype(np.float32),
                "shortest_path": state.shortest.astype(np.float32),
            },
        )

    def observe_state(self, state: NavigateState) -> Observations:
        """``scan``, ``motion`` and ``state`` of the agents in ``state``."""
        options = self.options
        blocks = tuple(block.astype(np.float32) for block in state.blocks)
        distances, moving = scan(state.poses, blocks, state.people(), options)
        distances /= np.float32(options.scan_range)
        moving /= np.float32(max(options.people_speed, 1e-6))
        return {
            "scan": distances,
            "motion": np.clip(moving, -1, 1, out=moving),
            "state": goal_state(state.poses, state.speeds, state.goals, options),
        }

    def expert(self) -> NDArray:
        """Actions of the dynamic window approach; see ``scripted.dynamic_window``."""
        return scripted.dynamic_window(self.state, self.options)

    def straight(self) -> NDArray:
        """Actions that head straight for the goal, whatever stands there."""
        return scripted.straight(self.state, self.options)

    def picture(self, agent: int = 0) -> NDArray[np.uint8]:
        """Arena, robot with its rays and its trail, people, obstacles and goal, [400, 400, 3]."""
        trail = self._trails[agent, : self._steps[agent] + 1]
        return drawing.draw(self.state, agent, trail, self.options)

    def extent(self, agent: int = 0) -> tuple[float, float, float, float]:
        """Edges of the picture: the arena's, with a margin; m."""
        return drawing.extent(self.options)

    def positions(self) -> NDArray[np.float32]:
        """Centres of the robots, [n, 2] in m."""
        return self.state.poses[:, :2].astype(np.float32)

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where ``state_dict`` was taken; the trails of pictures begin anew."""
        super().load_state_dict(state)
        self._prepared = None
        self._trails[:] = np.nan

    def _drawn(self, rows: NDArray) -> NavigateState:
        """The present episodes of some agents; the next ones of all are prepared together.

        Drawing a hundred episodes takes not much longer than drawing one, so when an agent needs
        one that is not prepared, those that the other agents need next are drawn with it. What is
        prepared follows from seeds and numbers, so it is no part of the state.
        """
        if self._prepared is None and len(rows) == self.num_agents:
            begun = super()._drawn(rows)
            self._prepared, self._numbers[:] = begun.take(rows), -1
        else:
            self._prepare(rows)
            begun = self._prepared.take(rows)
        self._trails[rows, 0] = begun.poses[:, :2]
        return begun

    def _prepare(self, rows: NDArray) -> None:
        """Have the present episodes of ``rows`` prepared, and then the next of all others."""
        if self._prepared is None:
            self._prepared, self._numbers[:] = self.state.take(np.arange(self.num_agents)), -1
        if (self._numbers[rows] == self._episodes[rows]).all():
            return
        needed = self._episodes + 1
        needed[rows] -= 1
        lacking = np.flatnonzero(self._numbers != needed)
        present = self._episodes
        self._episodes = needed
        self._prepared.put(lacking, super()._drawn(lacking))
        self._episodes = present
        self._numbers[lacking] = needed[lacking]

    def _within_space(self, actions: NDArray) -> NDArray:
        if not self.options.discrete:
            return super()._within_space(actions)
        actions = np.asarray(actions)
        whole = actions.shape == (self.num_agents,) and np.issubdtype(actions.dtype, np.integer)
        if not whole or actions.min() < 0 or actions.max() >= len(PAIRS):
            raise DataError(
                "these actions cannot be taken in Navigate",
                expected=f"whole numbers ({self.num_agents},) from 0 to {len(PAIRS) - 1}",
                got=f"{actions.dtype} {actions.shape}: {actions.reshape(-1)[:8].tolist()}",
                fix="give one action for each agent",
            )
        return actions
