"""Drive to the end of a road with several lanes, among other cars.

Legend of shapes: ``n`` agents, ``c`` cars of the traffic.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from labloom.arguments import require_choice, require_number, require_switch, require_whole
from labloom_robotics.worlds.base import Observations
from labloom_robotics.worlds.drawn import DrawnWorld, Outcome
from labloom_robotics.worlds.drive import senses
from labloom_robotics.worlds.drive.bicycle import bicycle_step, steering_limit
from labloom_robotics.worlds.drive.boxes import touching
from labloom_robotics.worlds.drive.draw import draw_traffic
from labloom_robotics.worlds.drive.expert import expert_controls
from labloom_robotics.worlds.drive.flow import move_cars
from labloom_robotics.worlds.drive.picture import draw_road
from labloom_robotics.worlds.drive.road import (
    CAR_LENGTH,
    CAR_WIDTH,
    LANE_WIDTH,
    Neighbours,
    Traffic,
    lane_middle,
    nearest_lane,
    neighbours,
    occupied_lanes,
)

SECONDS = 0.1  # of a step
ACCELERATION = 3.0  # m/s^2, of action 1
BRAKING = 6.0  # m/s^2, of action -1
SHORT_HEADWAY = 1.0  # s
CRASH = 10.0  # lost by a crash or by leaving the road
ARRIVAL = 5.0  # won at the end of the road


class Drive(DrawnWorld):
    """A kinematic bicycle among cars that follow IDM and MOBIL (see ``bicycle``, ``flow``).

    Actions are two numbers in [-1, 1]: acceleration (1 is 3 m/s^2, -1 is braking with 6 m/s^2) and
    steering (1 is the largest angle to the left at the present speed: 0.3 rad, or less where the
    lateral acceleration would pass 4 m/s^2). A step is 0.1 s.

    The episode ends at the end of the road (success), in a crash, or when the middle of the car
    leaves the road. The reward of a second is 1 at the desired speed along the road and falls with
    the square of the speed to 0 at rest (a linear fall would pay a slow drive as well as a fast
    one, as it takes longer), less 0.2 times the offset from the middle of the lane in half lanes
    and 0.05 times the squared actions. A crash or leaving the road costs 10, arriving gains 5.

    Costs, 1 for each step in which: ``collision`` the car hits another; ``offroad`` a part of it is
    over the edge; ``headway`` it is less than 1 s behind the car ahead.

    Observations: ``cars`` is a Box of the own car and the nearest cars of each lane; ``lidar`` a
    Dict of the own car (``state``) and ranges and closing speeds of rays (``lidar``), see
    ``senses``.

    Args:
        num_agents: agents, each on a road of its own.
        observation: ``cars`` or ``lidar``.
        lanes: 1 to 7.
        cars: other cars, at least 0, spread evenly over the lanes, from 60 m behind on.
        lane_changes: whether the other cars change lanes.
        desired_speed: of the agent, m/s, up to 35; the other cars like 10 to 22 m/s.
        road_length: m.
        rays: of the LiDAR, at least 4; only for ``lidar``.
        max_episode_steps: steps of 0.1 s after which an episode is truncated.

    Raises:
        ConfigError: an option is out of range.
    """

    cost_names = ("collision", "offroad", "headway")
    frames_per_second = 1 / SECONDS

    def __init__(  # noqa: PLR0913  (options of a world)
        self,
        num_agents: int,
        *,
        observation: str = "cars",
        lanes: int = 3,
        cars: int = 12,
        lane_changes: bool = True,
        desired_speed: float = 25.0,
        road_length: float = 500.0,
        rays: int = 36,
        max_episode_steps: int = 400,
    ) -> None:
        require_choice("data.options.observation", observation, ("cars", "lidar"))
        require_whole("data.options.lanes", lanes, at_least=1, at_most=7)
        require_whole("data.options.cars", cars, at_least=0)
        require_switch("data.options.lane_changes", lane_changes)
        require_number("data.options.desired_speed", desired_speed, above=0, at_most=35)
        require_number("data.options.road_length", road_length, above=0, at_most=10_000)
        require_whole("data.options.rays", rays, at_least=4)
        require_whole("data.options.max_episode_steps", max_episode_steps, at_least=1)
        self.observation, self.lanes, self.cars, self.rays = observation, lanes, cars, rays
        self.lane_changes = lane_changes
        self.desired_speed, self.road_length = float(desired_speed), float(road_length)
        self.observation_space = senses.drive_space(observation, lanes, rays)
        self.action_space = spaces.Box(-1.0, 1.0, (2,), np.float32)
        super().__init__(num_agents, max_episode_steps)

    def draw(self, generators: Sequence[np.random.Generator]) -> Traffic:
        """New roads; see ``draw_traffic``."""
        return draw_traffic(generators, self.lanes, self.cars, self.desired_speed)

    def advance(self, actions: NDArray) -> Outcome:
        """Drive on for 0.1 s."""
        traffic = self.state
        if self.cars:
            move_cars(traffic, self.lanes, self.lane_changes, SECONDS)
        pedal = actions[:, 0]
        pose, traffic.speed, way = bicycle_step(
            (traffic.x, traffic.y, traffic.heading),
            traffic.speed,
            pedal * np.where(pedal > 0, ACCELERATION, BRAKING),
            actions[:, 1] * steering_limit(traffic.speed),
            SECONDS,
        )
        traffic.x, traffic.y, traffic.heading = pose
        traffic.speed = np.minimum(traffic.speed, senses.FASTEST)
        traffic.path_length = traffic.path_length + way
        traffic.ticks = traffic.ticks + 1
        return self._judge(actions)

    def observe_state(self, state: Traffic) -> Observations:
        """See ``senses``."""
        own = senses.own_car(state, self.lanes, self.road_length)
        if self.observation == "lidar":
            return {"state": own, "lidar": senses.lidar(state, self.rays)}
        around = senses.other_cars(state, self._around(state))
        return np.concatenate([own, around], axis=1)

    def expert(self) -> NDArray[np.float32]:
        """IDM, MOBIL and pure pursuit; see ``expert``."""
        traffic = self.state
        acceleration, steering = expert_controls(traffic, self._around(traffic), self.desired_speed)
        pedal = acceleration / np.where(acceleration > 0, ACCELERATION, BRAKING)
        wheel = steering / steering_limit(traffic.speed)
        return np.stack([pedal, wheel], axis=1).clip(-1, 1).astype(np.float32)

    def picture(self, agent: int = 0) -> NDArray[np.uint8]:
        """The road around an agent, 800 x 176."""
        rays = senses.ray_angles(self.rays) if self.observation == "lidar" else None
        one = self.state.take(np.array([agent]))
        return draw_road(one, self.lanes, self.road_length, rays)

    def positions(self) -> NDArray[np.float32]:
        """Middles of the agents' cars, [n, 2] in m."""
        return np.stack([self.state.x, self.state.y], axis=1).astype(np.float32)

    def _around(self, traffic: Traffic) -> Neighbours:
        return neighbours(traffic, self.lanes, senses.SIGHT)

    def _judge(self, actions: NDArray) -> Outcome:
        traffic = self.state
        collision = touching(traffic).any(axis=1)
        turned = CAR_LENGTH * np.abs(np.sin(traffic.heading))
        half = (turned + CAR_WIDTH * np.abs(np.cos(traffic.heading))) / 2
        edge = self.lanes * LANE_WIDTH / 2
        offroad = np.abs(traffic.y) + half > edge
        failed = collision | (np.abs(traffic.y) > edge)
        success = ~failed & (traffic.x >= self.road_length)
        return Outcome(
            rewards=self._rewards(actions) - CRASH * failed + ARRIVAL * success,
            costs=np.stack([collision, offroad, self._headway() < SHORT_HEADWAY], axis=1),
            terminated=failed | success,
            info={
                "success": success,
                "collision": collision,
                "path_length": traffic.path_length,
                "shortest_path": np.full(self.num_agents, self.road_length),
            },
        )

    def _rewards(self, actions: NDArray) -> NDArray:
        traffic = self.state
        along = traffic.speed * np.cos(traffic.heading)
        near = 1 - np.abs(along - self.desired_speed) / self.desired_speed
        offset = traffic.y - lane_middle(nearest_lane(traffic.y, self.lanes), self.lanes)
        beside = np.abs(offset) / (LANE_WIDTH / 2)
        effort = (actions**2).sum(axis=1)
        return SECONDS * (np.maximum(near, 0) ** 2 - 0.2 * beside - 0.05 * effort)

    def _headway(self) -> NDArray:
        """Time until the agent is where the rear of the car ahead is now, s, [n]."""
        gap = self._around(self.state).ahead_gap
        ahead = np.where(occupied_lanes(self.state.y, self.lanes), gap, np.inf).min(axis=1)
        return ahead / np.maximum(self.state.speed, 0.1)
