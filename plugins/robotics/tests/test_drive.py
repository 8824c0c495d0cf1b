"""Driving: what ends an episode, what it costs, and what the expert makes of it."""

import numpy as np
import pytest

from labloom_robotics.worlds.drive import Drive
from labloom_robotics.worlds.drive.picture import AGENT

STRAIGHT, FULL, LEFT = ([0, 0], [1, 0], [0.3, 1])
COLLISION, OFFROAD, HEADWAY = range(3)


def drive(world, action, steps=400):
    """Sums of rewards and costs [k] up to the end of the first agent's episode, and the end."""
    rewards, costs = 0.0, np.zeros(3)
    for _ in range(steps):
        transition = world.step(np.tile(np.float32(action), (world.num_agents, 1)))
        rewards, costs = rewards + transition.rewards[0], costs + transition.costs[0]
        if transition.ended[0]:
            break
    return rewards, costs, transition


def play(world, seeds, act):
    """Facts of one episode for each seed, [n] each."""
    world.reset(seeds)
    waits = np.ones(len(seeds), dtype=bool)
    facts = {"success": np.zeros(len(seeds)), "collision": np.zeros(len(seeds))}
    while waits.any():
        transition = world.step(act(world))
        for name, values in facts.items():
            values[waits & transition.ended] = transition.info[name][waits & transition.ended]
        waits &= ~transition.ended
    return facts


def test_an_empty_road_ends_in_success():
    world = Drive(1, cars=0)
    world.reset([0])
    world.state.speed[:] = 25
    rewards, costs, end = drive(world, STRAIGHT)
    assert end.terminated[0]
    assert end.info["success"][0]
    assert not end.info["collision"][0]
    assert costs.tolist() == [0, 0, 0]
    # 500 m at the desired speed of 25 m/s are 20 s with a reward of 1 each; arriving gains 5.
    assert rewards == pytest.approx(25, abs=0.2)
    assert end.info["path_length"][0] == pytest.approx(500, abs=2.5)
    assert end.info["shortest_path"][0] == 500


def test_driving_fast_is_worth_more_than_driving_slowly():
    def worth(speed):
        world = Drive(1, cars=0)
        world.reset([0])
        world.state.speed[:] = speed
        return drive(world, STRAIGHT)[0]

    # 500 m at 15 m/s: 33.3 s with a reward of (15/25)^2 each, and 5 for arriving
    assert worth(15) == pytest.approx(5 + 500 / 15 * 0.36, abs=0.2)
    assert worth(25) > worth(20) > worth(15)
    assert worth(25) > worth(30)


def test_driving_into_a_car_ends_the_episode_and_costs_once():
    world = Drive(1, lanes=1, cars=2, lane_changes=False)
    world.reset([0])
    _, costs, end = drive(world, FULL)
    assert end.terminated[0]
    assert not end.truncated[0]
    assert end.info["collision"][0]
    assert not end.info["success"][0]
    assert costs[COLLISION] == 1
    assert costs[HEADWAY] > 3
    assert end.rewards[0] == pytest.approx(-10, abs=0.2)


def test_leaving_the_road_costs_from_the_edge_on_and_ends_in_its_middle():
    world = Drive(1, cars=0)
    world.reset([0])
    _, costs, end = drive(world, LEFT)
    assert end.terminated[0]
    assert not end.info["success"][0]
    assert not end.info["collision"][0]
    assert costs[OFFROAD] > 1
    assert costs[COLLISION] == 0


def test_headway_costs_below_one_second():
    world = Drive(1, lanes=1, cars=2, lane_changes=False)
    world.reset([0])
    for gap, expected in ((21.0, 0), (19.0, 1)):
        world.state.x[:], world.state.speed[:] = 100.0, 20.0
        world.state.cars_x[:] = [[0.0, 100.0 + 4.8 + gap]]
        world.state.cars_speed[:] = 20.0
        transition = world.step(np.float32([STRAIGHT]))
        assert transition.costs[0].tolist() == [0, 0, expected]


def test_observations_tell_what_stands_in_the_docstring():
    world = Drive(1, cars=3)
    world.reset([0])
    state = world.state
    state.x[:], state.y[:], state.heading[:], state.speed[:] = 100.0, 3.0, 0.1, 20.0
    state.cars_x[:] = [[150.0, 60.0, 130.0]]
    state.cars_speed[:] = [[16.0, 24.0, 20.0]]
    own, gaps, speeds, behind, their = np.split(world.observe()[0], [5, 8, 11, 14])
    assert own == pytest.approx([0.5, 3 / 5.625, -0.75 / 1.875, 0.2, 0.8])
    assert gaps == pytest.approx([0.452, 1, 0.252])
    assert speeds == pytest.approx([-0.1, 0, 0])
    assert behind == pytest.approx([1, 0.352, 1])
    assert their == pytest.approx([0, 0.1, 0])


def test_lidar_observations_are_a_dict_of_the_own_state_and_the_rays():
    world = Drive(2, observation="lidar", rays=16)
    observations = world.reset([0, 1])
    assert {name: part.shape for name, part in observations.items()} == {
        "state": (2, 5),
        "lidar": (2, 2, 16),
    }
    assert (observations["lidar"][:, 0] < 1).any()


def test_the_expert_arrives():
    facts = play(Drive(100), range(100), lambda world: world.expert())
    assert facts["success"].mean() >= 0.95
    assert facts["collision"].sum() == 0


def test_chance_does_not_arrive():
    random = np.random.default_rng(0)
    facts = play(Drive(100), range(100), lambda _: random.uniform(-1, 1, (100, 2)))
    assert facts["success"].sum() == 0


def test_the_expert_knows_no_more_than_is_observed():
    world, other = Drive(20), Drive(20)
    for _ in range(100):
        other.state.cars_desired = world.state.cars_desired + 5
        assert np.array_equal(world.expert(), other.expert())
        action = world.expert()
        world.step(action)
        other.load_state_dict(world.state_dict())


@pytest.mark.parametrize(
    "options", [{"cars": 0}, {"cars": 1}, {"lanes": 1}, {"lanes": 7, "cars": 40}]
)
@pytest.mark.parametrize("observation", ["cars", "lidar"])
def test_other_roads_can_be_driven(options, observation):
    world = Drive(4, observation=observation, **options)
    for _ in range(40):
        world.step(world.expert())
    assert np.isfinite(world.state.x).all()
    assert world.picture().shape[1:] == (800, 3)


def test_nobody_starts_in_a_crash_or_near_to_one():
    world = Drive(300)
    transition = world.step(np.zeros((300, 2), dtype=np.float32))
    assert transition.costs.sum() == 0


def test_a_picture_shows_the_agent_that_was_asked_for():
    world = Drive(3, observation="lidar")
    world.reset([4, 5, 6])
    alone = Drive(1, observation="lidar")
    alone.reset([6])
    assert world.picture(2).dtype == np.uint8
    assert np.array_equal(world.picture(2), alone.picture())
    assert not np.array_equal(world.picture(1), world.picture(2))
    assert (world.picture() == AGENT).all(axis=2).sum() > 200


def test_positions_are_those_of_the_cars():
    world = Drive(2)
    world.reset([0, 1])
    assert world.positions().tolist() == np.stack([world.state.x, world.state.y], 1).tolist()


def test_the_other_cars_change_lanes_and_do_not_crash():
    world = Drive(100)
    started, changes = world.state.cars_lane.copy(), np.zeros(100)
    for _ in range(250):
        ended = world.step(world.expert()).ended
        changes[~ended] += (world.state.cars_lane != started).any(axis=1)[~ended]
        started = world.state.cars_lane.copy()
        along = np.abs(world.state.cars_x[:, :, None] - world.state.cars_x[:, None])
        across = np.abs(world.state.cars_y[:, :, None] - world.state.cars_y[:, None])
        touch = (along < 4.8) & (across < 1.9) & ~np.eye(12, dtype=bool)
        assert not touch.any()
    assert changes.mean() > 1
