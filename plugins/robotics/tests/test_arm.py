"""Reaching and pushing: what ends an episode, what it costs, and what the experts make of it."""

import numpy as np
import pytest

from labloom_robotics.worlds.arm import Arm
from labloom_robotics.worlds.arm.camera import camera_image
from labloom_robotics.worlds.arm.picture import DISC, TARGET, TIP

JOINT_LIMIT, SPEED = range(2)
both_goals = pytest.mark.parametrize("goal", ["reach", "push"])
both_arms = pytest.mark.parametrize("links", [2, 3])


def play(world, seeds, act):
    """Success and costs of one episode for each seed."""
    world.reset(seeds)
    waits = np.ones(len(seeds), dtype=bool)
    success, costs = np.zeros(len(seeds), dtype=bool), np.zeros((len(seeds), 2))
    while waits.any():
        transition = world.step(act(world))
        costs[waits] += transition.costs[waits]
        success |= waits & transition.info["success"] & transition.ended
        waits &= ~transition.ended
    return success, costs


@both_goals
@both_arms
def test_the_expert_succeeds_within_all_limits(goal, links):
    success, costs = play(
        Arm(200, goal=goal, links=links), range(200), lambda world: world.expert()
    )
    assert success.mean() >= 0.9
    assert costs.sum() == 0


@both_goals
def test_chance_rarely_succeeds(goal):
    random = np.random.default_rng(0)
    success, costs = play(
        Arm(100, goal=goal), range(100), lambda world: random.uniform(-1, 1, (100, 3))
    )
    assert success.mean() < 0.1
    assert costs[:, SPEED].mean() > 10


def test_an_action_of_one_turns_a_joint_by_1_5_rad_in_a_second():
    world = Arm(1, links=2)
    world.reset([0])
    before = world.state.angles.copy()
    for _ in range(10):
        world.step(np.float32([[1, -0.5]]))
    assert world.state.angles - before == pytest.approx(np.array([[0.75, -0.375]]))
    assert world.state.velocities[0] == pytest.approx([1.5, -0.75])


def test_a_joint_stops_at_its_limit_and_that_costs():
    world = Arm(1, links=2)
    world.reset([0])
    world.state.angles[:] = [[0.0, 2.55]]
    costs = [world.step(np.float32([[0, 1]])).costs[0, JOINT_LIMIT] for _ in range(3)]
    assert costs == [1, 1, 1]
    assert world.state.angles[0, 1] == 2.6
    assert world.state.velocities[0, 1] == 0
    assert world.step(np.float32([[0, -1]])).costs[0, JOINT_LIMIT] == 0


def test_a_fast_fingertip_costs():
    world = Arm(1, links=2)  # speed_limit 0.8 m/s
    world.reset([0])
    for action, expected in (([1, 0], 1), ([0, 1], 0), ([0.5, 0], 0)):
        world.state.angles[:], world.state.tip[:] = 0.0, [[1.0, 0.0]]  # stretched: 1.5, 0.75 m/s
        assert world.step(np.float32([action])).costs[0, SPEED] == expected


def test_coming_near_enough_ends_the_episode_with_success():
    world = Arm(1, links=2, tolerance=0.05)
    world.reset([0])
    world.state.target[:] = world.state.tip + np.array([0.051, 0.0])
    near = world.step(np.zeros((1, 2), dtype=np.float32))
    assert not near.ended[0]
    assert near.rewards[0] == pytest.approx(-0.051)
    world.state.target[:] = world.state.tip + np.array([0.049, 0.0])
    there = world.step(np.zeros((1, 2), dtype=np.float32))
    assert there.terminated[0]
    assert there.info["success"][0]
    assert there.rewards[0] == pytest.approx(1 - 0.049)
    assert set(there.info) == {"success", "path_length", "shortest_path"}


def test_pushing_is_rewarded_by_both_distances():
    world = Arm(1, goal="push", links=2)
    world.reset([0])
    s = world.state
    transition = world.step(np.zeros((1, 2), dtype=np.float32))
    away, apart = (np.hypot(*way[0]) for way in (s.target - s.disc, s.disc - s.tip))
    assert transition.rewards[0] == pytest.approx(-away - 0.5 * apart)
    effort = world.step(np.float32([[1, -1]])).rewards[0]
    away, apart = (np.hypot(*way[0]) for way in (s.target - s.disc, s.disc - s.tip))
    assert effort == pytest.approx(-away - 0.5 * apart - 0.01)


@both_goals
def test_no_path_is_shorter_than_the_shortest(goal):
    world = Arm(100, goal=goal)
    for _ in range(80):
        transition = world.step(world.expert())
        arrived = transition.terminated
        ways = (transition.info[name][arrived] for name in ("path_length", "shortest_path"))
        longer, shortest = ways
        assert (longer >= shortest - 1e-9).all()


def test_observations_tell_what_stands_in_the_docstring():
    world = Arm(1, goal="push", links=2)
    world.reset([3])
    world.step(np.float32([[0.5, 0.25]]))
    s = world.state
    parts = [np.cos(s.angles), np.sin(s.angles), s.angles / [2.8, 2.6], [[0.5, 0.25]], s.tip]
    parts += [s.target, s.target - s.tip, s.disc, s.disc - s.tip, s.target - s.disc]
    assert world.observe()[0] == pytest.approx(np.concatenate(parts, axis=1)[0], abs=1e-6)


def test_with_a_camera_only_the_image_tells_where_the_target_is():
    world = Arm(2, camera=True)
    world.reset([0, 0])
    world.state.target[:] = [[0.5, 0.5], [0.5, -0.5]]
    observations = world.observe()
    assert np.array_equal(observations["state"][0], observations["state"][1])
    assert observations["image"].shape == (2, 64, 64, 3)
    assert observations["image"].dtype == np.uint8
    # 0.5 m are 64 * 0.5 / 2.3 = 13.9 pixels from the middle; y points up.
    assert tuple(observations["image"][0, 32 - 14, 32 + 14]) == TARGET
    assert tuple(observations["image"][1, 32 + 14, 32 + 14]) == TARGET


def test_the_camera_sees_the_disc_and_the_fingertip():
    places = np.array([[0.0, 0.0], [0.5, 0.0], [0.9, 0.0]])
    image = camera_image(places, np.array([-0.5, 0.5]), np.array([0.0, -0.8]))
    assert tuple(image[32 - 14, 32 - 14]) == DISC
    assert tuple(image[32, 32 + 25]) == TIP
    assert not (camera_image(places, None, np.array([0.0, -0.8])) == DISC).all(axis=2).any()


@both_goals
def test_a_picture_shows_the_agent_that_was_asked_for(goal):
    world, alone = Arm(3, goal=goal), Arm(1, goal=goal)
    world.reset([4, 5, 6])
    alone.reset([6])
    assert world.picture(2).shape == (400, 400, 3)
    assert np.array_equal(world.picture(2), alone.picture())
    assert not np.array_equal(world.picture(1), world.picture(2))


@both_goals
def test_no_episode_begins_with_its_end_or_in_contact(goal):
    world = Arm(500, goal=goal)
    s = world.state
    assert (s.shortest_path > 0.14).all()
    if goal == "push":
        assert (np.hypot(*(s.disc - s.tip).T) > 0.17).all()
    assert not world.step(np.zeros((500, 3), dtype=np.float32)).ended.any()


def test_positions_are_those_of_what_has_to_arrive():
    reach, push = Arm(2), Arm(2, goal="push")
    assert reach.positions() == pytest.approx(reach.state.tip)
    assert push.positions() == pytest.approx(push.state.disc)
