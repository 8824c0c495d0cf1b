"""The physics of the road, against numbers worked out elsewhere."""

import math

import numpy as np
import pytest

from labloom_robotics.worlds.drive import Drive
from labloom_robotics.worlds.drive.bicycle import bicycle_step, steering_limit
from labloom_robotics.worlds.drive.boxes import scan, touching
from labloom_robotics.worlds.drive.expert import pure_pursuit
from labloom_robotics.worlds.drive.flow import move_cars
from labloom_robotics.worlds.drive.idm import Driver, idm_acceleration
from labloom_robotics.worlds.drive.mobil import Manners, is_safe, lane_change_incentive
from labloom_robotics.worlds.drive.road import Traffic, lane_middle, nearest_lane, neighbours


def road(cars, own=(0.0, 0.0, 0.0, 20.0), desired=25.0):
    """One agent at (x, y, heading, speed) and cars (x, lane of 3, speed)."""
    x, lane, speed = (np.array([column]) for column in zip(*cars, strict=True))
    return Traffic(
        *(np.array([value]) for value in own),
        path_length=np.zeros(1),
        cars_x=x.astype(float),
        cars_y=lane_middle(lane, 3),
        cars_speed=speed.astype(float),
        cars_desired=np.full(x.shape, float(desired)),
        cars_lane=lane.astype(np.int64),
        ticks=np.zeros(1, dtype=np.int64),
    )


def drive(traffic, seconds, changing=False):
    for _ in range(round(seconds / 0.1)):
        move_cars(traffic, 3, changing, 0.1)
        traffic.ticks = traffic.ticks + 1


def test_followers_settle_at_the_equilibrium_gap_of_the_paper():
    # (2 m + 15 m/s * 1.5 s) / sqrt(1 - (15/25)^4) = 24.5 m / 0.932952 = 26.2607 m
    traffic = road([(0, 1, 15), (60, 1, 15)], own=(-5000.0, 0.0, 0.0, 0.0))
    traffic.cars_desired = np.array([[25.0, 15.0]])
    traffic.cars_x[:, 1] = 60
    for _ in range(3000):
        traffic.cars_speed[:, 1] = 15
        move_cars(traffic, 3, False, 0.1)
    gap = traffic.cars_x[0, 1] - traffic.cars_x[0, 0] - 4.8
    assert gap == pytest.approx(26.2607, abs=0.01)
    assert traffic.cars_speed[0, 0] == pytest.approx(15, abs=1e-3)


@pytest.mark.parametrize(
    ("speed", "gap", "ahead", "expected"),
    [
        (0.0, np.inf, 0.0, 1.5),  # the start: the largest acceleration
        (25.0, np.inf, 25.0, 0.0),  # a free road at the desired speed
        (0.0, 2.0, 0.0, 0.0),  # at rest, 2 m behind another
        # s* = 2 + 30 + 20 * 5 / (2 sqrt(3)) = 60.8675; 1.5 (1 - 0.8^4 - (60.8675/100)^2)
        (20.0, 100.0, 15.0, 0.329872),
        (30.0, 1.0, 0.0, -8.0),  # the hardest braking
    ],
)
def test_idm_gives_what_its_formula_gives_by_hand(speed, gap, ahead, expected):
    chosen = idm_acceleration(np.array(speed), 25.0, np.array(gap), np.array(ahead), Driver())
    assert chosen == pytest.approx(expected, abs=1e-5)


def test_a_platoon_behind_a_car_that_stops_stops_without_touching():
    traffic = road([(0, 1, 20), (30, 1, 20), (60, 1, 20)], own=(-5000.0, 0.0, 0.0, 0.0))
    for _ in range(600):
        traffic.cars_speed[:, 2] = np.maximum(traffic.cars_speed[:, 2] - 0.4, 0)
        traffic.cars_desired[:, 2] = 1e-6
        move_cars(traffic, 3, False, 0.1)
    traffic.cars_speed[:, 2] = 0
    drive(traffic, 10)
    gaps = np.diff(traffic.cars_x[0]) - 4.8
    assert traffic.cars_speed.max() < 0.2  # they tremble a little, in steps of 0.1 s
    assert (gaps > 1.5).all()


def test_a_car_that_wins_by_it_changes_lanes_and_passes():
    traffic = road([(0, 0, 22), (40, 0, 10)], own=(-5000.0, 0.0, 0.0, 0.0))
    traffic.cars_desired = np.array([[25.0, 10.0]])
    drive(traffic, 20, changing=True)
    assert traffic.cars_x[0, 0] > traffic.cars_x[0, 1] + 50
    assert traffic.cars_lane[0, 1] == 0
    without = road([(0, 0, 22), (40, 0, 10)], own=(-5000.0, 0.0, 0.0, 0.0))
    without.cars_desired = np.array([[25.0, 10.0]])
    drive(without, 20, changing=False)
    assert without.cars_x[0, 0] < without.cars_x[0, 1]


def test_nobody_changes_to_where_the_agent_drives():
    # The agent is beside the car that would like to go left, in the only lane there is to the left.
    traffic = road([(0, 1, 15), (25, 1, 8)], own=(2.0, float(lane_middle(2, 3)), 0.0, 15.0))
    traffic.cars_desired = np.array([[25.0, 8.0]])
    traffic.ticks = np.array([0])  # this decision is about the left
    move_cars(traffic, 3, True, 0.1)
    assert traffic.cars_lane[0, 0] == 1
    free = road([(0, 1, 15), (25, 1, 8)], own=(-300.0, float(lane_middle(2, 3)), 0.0, 15.0))
    free.cars_desired = np.array([[25.0, 8.0]])
    move_cars(free, 3, True, 0.1)
    assert free.cars_lane[0, 0] == 2


def test_cars_slow_down_behind_the_agent():
    traffic = road([(-80, 1, 20)], own=(0.0, 0.0, 0.0, 0.0))
    drive(traffic, 60)
    assert -traffic.cars_x[0, 0] - 4.8 == pytest.approx(2.0, abs=0.2)  # the gap at rest


def test_mobil_weighs_what_others_lose():
    # Wins 1.0; the new follower loses 2.0, the old one wins 0.5: 1.0 + 0.2 (-1.5) - 0.3 = 0.4
    incentive = lane_change_incentive((-0.5, 0.5), (1.0, -1.0), (0.0, 0.5), Manners())
    assert incentive == pytest.approx(0.4)
    assert is_safe(np.array([-2.9, -3.1]), Manners()).tolist() == [True, False]


def circle(steering, speed, steps):
    pose, places = (np.zeros(1), np.zeros(1), np.zeros(1)), []
    for _ in range(steps):
        pose, _, _ = bicycle_step(pose, np.array([speed]), np.zeros(1), np.array([steering]), 0.1)
        places.append([pose[0][0], pose[1][0]])
    return np.array(places), pose


def test_a_turning_car_drives_the_circle_of_its_wheelbase():
    # Rear axle: 2.8 m / tan(0.3) = 9.05161 m; the middle, 1.4 m ahead of it: 9.15924 m
    radius = math.hypot(2.8 / math.tan(0.3), 1.4)
    assert radius == pytest.approx(9.15924, abs=1e-4)
    steps = 1000
    places, pose = circle(0.3, 2 * math.pi * radius / (steps * 0.1), steps)
    assert pose[2] == pytest.approx(2 * math.pi)
    assert np.hypot(*places[-1]) == pytest.approx(0, abs=1e-9)
    across = np.hypot(*(places[steps // 2 - 1] - places[-1]))
    assert across == pytest.approx(2 * radius)


def test_the_arc_does_not_depend_on_the_length_of_the_step():
    def after(steps):
        pose = (np.zeros(1), np.zeros(1), np.zeros(1))
        for _ in range(steps):
            pose, _, _ = bicycle_step(
                pose, np.array([8.0]), np.zeros(1), np.array([0.2]), 2 / steps
            )
        return np.concatenate(pose)

    assert after(1) == pytest.approx(after(500))


def test_at_the_largest_steering_the_lateral_acceleration_is_four():
    speed = np.array([10.0, 20.0, 30.0])
    assert speed**2 * np.tan(steering_limit(speed)) / 2.8 == pytest.approx(4.0)
    assert steering_limit(np.array([0.0, 3.0])) == pytest.approx(0.3)


def test_full_braking_from_20_m_s_takes_33_m():
    world = Drive(1, cars=0)
    world.reset([0])
    world.state.speed[:] = 20
    for _ in range(60):
        world.step(np.float32([[-1, 0]]))
    assert world.state.speed[0] == 0
    assert world.state.x[0] == pytest.approx(20**2 / (2 * 6), abs=0.05)


@pytest.mark.parametrize(
    ("place", "heading", "expected"),
    [
        ((4.79, 0.0), 0.0, True),
        ((4.81, 0.0), 0.0, False),
        ((0.0, 1.89), 0.0, True),
        ((0.0, 1.91), 0.0, False),
        ((3.34, 0.0), math.pi / 2, True),  # 2.4 m + 0.95 m
        ((3.36, 0.0), math.pi / 2, False),
        ((4.6, 3.2), math.pi / 4, False),  # the upright boxes around them overlap
        ((4.6, -3.2), -math.pi / 4, False),
        ((3.0, 2.0), math.pi / 4, True),
    ],
)
def test_cars_touch_where_their_rectangles_do(place, heading, expected):
    traffic = road([(place[0], 1, 0)], own=(0.0, -place[1], heading, 0.0))
    assert touching(traffic).tolist() == [[expected]]


def test_a_scan_measures_bumpers_sides_and_closing_speeds():
    traffic = road([(30, 1, 15), (0, 2, 15), (-20, 1, 24)])
    ranges, closing = scan(traffic, np.array([0, 0.5, 1, 1.5]) * np.pi, 100.0)
    assert ranges[0] == pytest.approx([30 - 2.4, 3.75 - 0.95, 20 - 2.4, 100])
    assert closing[0] == pytest.approx([5, 0, 4, 0], abs=1e-9)


def test_a_scan_turns_with_the_car():
    traffic = road([(30, 1, 15)], own=(0.0, 0.0, 0.4, 20.0))
    ranges, closing = scan(traffic, np.array([-0.4, 0.0]), 100.0)
    assert ranges[0] == pytest.approx([27.6, 100])
    assert closing[0, 0] == pytest.approx(20 * math.cos(0.4) - 15)


def test_neighbours_are_the_nearest_of_each_lane_with_gaps_between_bumpers():
    cars = [(30, 0, 15), (50, 0, 16), (-20, 1, 17), (2, 2, 18), (300, 1, 19)]
    around = neighbours(road(cars), 3, 100.0)
    assert around.ahead_gap[0] == pytest.approx([25.2, np.inf, -2.8])
    assert around.behind_gap[0] == pytest.approx([np.inf, 15.2, np.inf])
    assert around.ahead_speed[0] == pytest.approx([15, 20, 18])
    assert around.behind_speed[0] == pytest.approx([20, 17, 20])


def test_a_car_between_two_lanes_is_in_both():
    traffic = road([(30, 0, 15)])
    traffic.cars_y[:] = (lane_middle(0, 3) + lane_middle(1, 3)) / 2
    assert neighbours(traffic, 3, 100.0).ahead_gap[0] == pytest.approx([25.2, 25.2, np.inf])


def test_lanes_count_from_the_right():
    assert lane_middle(np.arange(3), 3).tolist() == [-3.75, 0, 3.75]
    assert nearest_lane(np.array([-9.0, -1.8, 1.9, 9.0]), 3).tolist() == [0, 1, 2, 2]


def test_pure_pursuit_brings_the_car_to_the_line():
    world = Drive(1, cars=0, lanes=3)
    world.reset([0])
    world.state.y[:], world.state.speed[:] = -3.75, 20
    for _ in range(80):
        steering = pure_pursuit(world.state, np.array([0.0]))
        wheel = steering / steering_limit(world.state.speed)
        world.step(np.stack([np.zeros(1), wheel], axis=1))
    assert world.state.y[0] == pytest.approx(0, abs=0.02)
    assert world.state.heading[0] == pytest.approx(0, abs=0.005)
