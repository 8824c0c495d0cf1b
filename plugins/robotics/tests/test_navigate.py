from dataclasses import asdict
from importlib.resources import files

import numpy as np
import pytest
from omegaconf import OmegaConf

from labloom.errors import ConfigError, DataError
from labloom_robotics.worlds.navigate import Navigate, NavigateOptions
from labloom_robotics.worlds.navigate.layout import OUTSIDE, PERSON_RADIUS
from labloom_robotics.worlds.navigate.state import space_around


def same(first, second):
    for key in ("scan", "motion", "state"):
        np.testing.assert_array_equal(first[key], second[key])


def drive(world, steps, seed=0):
    rng = np.random.default_rng(seed)
    return [
        world.step(rng.uniform(-1, 1, (world.num_agents, 2)).astype(np.float32))
        for _ in range(steps)
    ]


def empty(num_agents=1, **options):
    """A world without obstacles and people."""
    return Navigate(num_agents, **{"pillars": 0, "walls": 0, "people": 0, **options})


def place(world, x, y, heading, goal=(9.0, 9.0)):
    """Put the first robot somewhere, standing."""
    world.state.poses[0], world.state.speeds[0] = (x, y, heading), 0
    world.state.goals[0] = goal


def test_observations_lie_in_their_space_and_all_is_finite():
    world = Navigate(16)
    for told in drive(world, 120):
        for observations in (told.observations, told.final_observations):
            for i in range(16):
                assert world.observation_space.contains({k: v[i] for k, v in observations.items()})
        assert np.isfinite(told.rewards).all()
        assert told.rewards.dtype == told.costs.dtype == np.float32
        assert told.costs.shape == (16, 2)
        assert not (told.terminated & told.truncated).any()


def test_the_same_seed_is_the_same_episode_whatever_the_number_of_agents():
    many, one = Navigate(9), Navigate(1)
    first, alone = many.reset(range(20, 29)), one.reset([24])
    rng = np.random.default_rng(0)
    for _ in range(160):
        same({k: v[4:5] for k, v in first.items()}, alone)
        actions = rng.uniform(-1, 1, (9, 2)).astype(np.float32)
        told, told_alone = many.step(actions), one.step(actions[4:5])
        assert told.rewards[4] == told_alone.rewards[0]
        assert told.ended[4] == told_alone.ended[0]
        first, alone = told.observations, told_alone.observations


def test_other_seeds_and_later_episodes_are_others():
    world = Navigate(2)
    first = world.reset([1, 2])["state"].copy()
    assert not np.array_equal(first[0], first[1])
    starts = [first]
    for told in drive(world, 200):
        if told.ended[0]:
            starts.append(told.observations["state"].copy())
    assert len({start[0].tobytes() for start in starts}) == len(starts) > 2


def test_a_world_that_goes_on_from_its_state_repeats_the_other_bit_for_bit():
    world = Navigate(12)
    world.reset(range(12))
    drive(world, 70)
    state = world.state_dict()
    rest = drive(world, 120, seed=1)
    other = Navigate(12)
    other.reset(range(100, 112))
    drive(other, 30)
    other.load_state_dict(state)
    again = drive(other, 120, seed=1)
    assert sum(told.ended.sum() for told in rest) > 12
    for told, repeated in zip(rest, again, strict=True):
        same(told.observations, repeated.observations)
        same(told.final_observations, repeated.final_observations)
        np.testing.assert_array_equal(told.rewards, repeated.rewards)
        for key, values in told.info.items():
            np.testing.assert_array_equal(values, repeated.info[key])


def test_taking_and_loading_a_state_changes_neither_world():
    world = Navigate(3)
    before = world.observe()
    state = world.state_dict()
    world.load_state_dict(state)
    same(world.observe(), before)
    drive(world, 20)
    world.load_state_dict(state)
    same(world.observe(), before)


def test_only_final_observations_belong_to_an_episode_that_ended():
    world = Navigate(32)
    for told in drive(world, 60):
        going = ~told.ended
        same(
            {k: v[going] for k, v in told.observations.items()},
            {k: v[going] for k, v in told.final_observations.items()},
        )
        if not told.ended.any():
            assert told.observations is told.final_observations
            continue
        # A robot that begins stands; one that ended most often moved.
        assert (told.observations["state"][told.ended, 3] == 0).all()


def test_the_lidar_measures_the_walls_of_an_empty_arena():
    world = empty(rays=4, scan_range=8.0)
    place(world, 2.0, 3.0, 0.0)
    np.testing.assert_allclose(world.observe()["scan"], [[1, 7 / 8, 2 / 8, 3 / 8]], rtol=1e-6)
    place(world, 2.0, 3.0, np.pi / 2)
    np.testing.assert_allclose(world.observe()["scan"], [[7 / 8, 2 / 8, 3 / 8, 1]], rtol=1e-6)


def test_the_lidar_tells_how_fast_people_come_nearer():
    world = Navigate(1, pillars=0, walls=0, people=1, people_speed=1.0, rays=4)
    place(world, 2.0, 5.0, 0.0)
    state = world.state
    state.walk_starts[0], state.walk_ends[0] = (6.0, 5.0), (3.0, 5.0)
    state.walk_speeds[0], state.walked[0] = 0.8, 1.0
    seen = world.observe()
    np.testing.assert_allclose(seen["scan"][0, 0], (5 - 2 - PERSON_RADIUS) / 5, rtol=1e-5)
    np.testing.assert_allclose(seen["motion"], [[-0.8, 0, 0, 0]], atol=1e-6)
    state.walked[0] = 4.0  # on the way back
    np.testing.assert_allclose(world.observe()["motion"], [[0.8, 0, 0, 0]], atol=1e-6)


def test_people_turn_back_at_the_ends_of_their_ways():
    world = Navigate(1, pillars=0, walls=0, people=1)
    state = world.state
    state.walk_starts[0], state.walk_ends[0] = (2.0, 2.0), (4.0, 2.0)
    state.walk_speeds[0], state.walked[0] = 1.0, 1.5
    places = []
    for _ in range(5):
        state.walk(1.0)
        places.append(state.people()[0][0, 0, 0])
    np.testing.assert_allclose(places, [3.5, 2.5, 2.5, 3.5, 3.5])


def test_the_goal_is_told_in_the_frame_of_the_robot():
    world = empty()
    place(world, 5.0, 5.0, np.pi / 2, goal=(5.0, 8.0))
    expected = [3 / (10 * np.sqrt(2)), 1, 0, 0, 0]
    np.testing.assert_allclose(world.observe()["state"][0], expected, atol=1e-6)
    place(world, 5.0, 5.0, 0.0, goal=(5.0, 8.0))
    np.testing.assert_allclose(world.observe()["state"][0, 1:3], [0, 1], atol=1e-6)


def test_the_robot_speeds_up_no_faster_than_it_can():
    world = empty()
    place(world, 2.0, 5.0, 0.0)
    speeds = []
    for _ in range(4):
        world.step(np.array([[1.0, 0.0]], dtype=np.float32))
        speeds.append(world.state.speeds[0, 0])
    np.testing.assert_allclose(speeds, [0.4, 0.8, 1.0, 1.0])
    np.testing.assert_allclose(world.state.poses[0], [2 + 0.2 * 3.2, 5, 0], atol=1e-9)


def test_a_turn_to_the_left_is_counter_clockwise_and_actions_are_clipped():
    world = empty()
    place(world, 5.0, 5.0, 0.0)
    world.step(np.array([[-7.0, 9.0]], dtype=np.float32))
    np.testing.assert_allclose(world.state.speeds[0], [0, 1.6])
    np.testing.assert_allclose(world.state.poses[0], [5, 5, 0.32])


def test_a_crash_ends_the_episode_and_costs():
    world = empty()
    place(world, 9.7, 5.0, 0.0)
    told = world.step(np.array([[1.0, 0.0]], dtype=np.float32))
    assert not told.ended[0]
    np.testing.assert_array_equal(told.costs, [[0, 1]])
    told = world.step(np.array([[1.0, 0.0]], dtype=np.float32))
    assert told.terminated[0]
    assert told.info["collision"][0]
    assert not told.info["success"][0]
    np.testing.assert_array_equal(told.costs, [[1, 1]])
    assert told.rewards[0] < -9


def test_the_goal_ends_the_episode_with_a_reward():
    world = empty()
    place(world, 5.0, 5.0, 0.0, goal=(5.35, 5.0))
    told = world.step(np.array([[1.0, 0.0]], dtype=np.float32))
    assert told.terminated[0]
    assert told.info["success"][0]
    assert told.rewards[0] > 4
    np.testing.assert_array_equal(told.costs, [[0, 0]])


def test_an_episode_is_truncated_when_its_time_is_over():
    world = empty(max_episode_steps=5)
    stand = np.array([[-1.0, 0.0]], dtype=np.float32)
    ends = [world.step(stand) for _ in range(10)]
    assert [bool(told.truncated[0]) for told in ends] == [False] * 4 + [True] + [False] * 4 + [True]
    assert not any(told.terminated[0] for told in ends)


def test_progress_is_rewarded_by_the_metre():
    world = empty(8, step_penalty=0.0, success_reward=0.0)
    world.reset(range(8))
    total, going = np.zeros(8), np.ones(8, dtype=bool)
    length = world.state.shortest.copy()
    for _ in range(150):
        told = world.step(world.straight())
        total += going * told.rewards
        going &= ~told.ended
    assert not going.any()
    np.testing.assert_allclose(total, length, atol=0.35)


def test_no_way_is_shorter_than_the_shortest():
    world = Navigate(100)
    world.reset(range(100))
    going, ratios = np.ones(100, dtype=bool), []
    for _ in range(150):
        told = world.step(world.expert())
        won = going & told.ended & told.info["success"]
        ratios += (told.info["shortest_path"][won] / told.info["path_length"][won]).tolist()
        going &= ~told.ended
    # The map of distances errs by a part of its cells, 0.5 m.
    assert 0.9 < np.mean(ratios) < 1
    assert max(ratios) < 1.4


def test_every_episode_begins_with_room_around_start_and_goal():
    world = Navigate(300)
    state, options = world.state, world.options
    people = state.people()[0]
    assert space_around(state.poses[:, :2], state.blocks, people, options).min() > 0.45
    assert space_around(state.goals, state.blocks, people[:, :0], options).min() > 0.45
    straight = np.linalg.norm(state.goals - state.poses[:, :2], axis=1)
    assert straight.min() > 0.5 * options.size - 0.5
    for placed in (state.pillars, state.walk_starts):
        assert (placed[..., 0] == OUTSIDE).mean() < 0.05


def test_the_robot_fits_between_all_obstacles():
    world = Navigate(200)
    pillars, radii = world.state.pillars[:, :6], world.state.radii[:, :6]
    apart = np.linalg.norm(pillars[:, :, None] - pillars[:, None], axis=-1)
    apart -= radii[:, :, None] + radii[:, None]
    placed = pillars[..., 0] != OUTSIDE
    pairs = placed[:, :, None] & placed[:, None] & ~np.eye(6, dtype=bool)
    assert apart[pairs].min() > 0.9 - 1e-9


def test_nobody_walks_through_an_obstacle():
    world = empty(64, pillars=6, walls=2, people=4)
    for _ in range(40):
        world.state.walk(0.5)
        places = world.state.people()[0].reshape(64, -1, 2)
        room = space_around(places, world.state.blocks, np.zeros((64, 0, 2)), world.options)
        inside = places[..., 0] != OUTSIDE
        assert (room[inside] + world.options.robot_radius >= PERSON_RADIUS - 1e-9).all()


@pytest.mark.parametrize("discrete", [False, True])
def test_scripted_drivers_act_within_the_action_space(discrete):
    world = Navigate(5, discrete=discrete)
    for _ in range(30):
        for actions in (world.straight(), world.expert()):
            assert all(world.action_space.contains(action) for action in actions)
        world.step(actions)


@pytest.mark.parametrize("name", ["expert", "straight"])
def test_the_frozen_difficulty_holds(name):
    """100 of the 500 episodes of benchmarks/navigate_difficulty.py, with room for the fewer."""
    world = Navigate(100)
    world.reset(range(10_000, 10_100))
    going, success = np.ones(100, dtype=bool), np.zeros(100, dtype=bool)
    while going.any():
        told = world.step(getattr(world, name)())
        success |= going & told.ended & told.info["success"]
        going &= ~told.ended
    assert success.mean() >= 0.85 if name == "expert" else success.mean() <= 0.5


def test_the_picture_shows_the_robot_where_it_is():
    world = empty()
    place(world, 2.0, 8.0, 0.0)
    picture = world.picture()
    left, right, bottom, top = world.extent()
    assert picture.shape == (400, 400, 3)
    column = round((2.0 - 0.13 - left) / (right - left) * 400)
    row = round((top - 8.0) / (top - bottom) * 400)
    blue = picture[row, column].astype(int)
    assert blue[2] > blue[0] + 60


def test_a_trail_is_drawn_and_forgotten_at_the_next_episode():
    world = empty(max_episode_steps=30)
    place(world, 2.0, 5.0, 0.0)
    for _ in range(20):
        world.step(np.array([[1.0, 0.0]], dtype=np.float32))
    left, right, _, top = world.extent()
    row, column = (round(v / (right - left) * 400) for v in (top - 5.0, 3.0 - left))
    before = world.picture()[row - 3 : row + 4, column].astype(int)
    assert (before[:, 2] - before[:, 0]).max() > 50
    world.reset([0])
    assert not np.array_equal(world.picture(), before)


def test_positions_are_those_of_the_robots():
    world = Navigate(3)
    np.testing.assert_allclose(world.positions(), world.state.poses[:, :2], atol=1e-6)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"rays": 3}, "4 to 720 rays"),
        ({"rays": 10.0}, "whole number"),
        ({"people": -1}, "0 to 32 people"),
        ({"size": True}, "at least 6 and at most 40 m"),
        ({"discrete": 1}, "true or false"),
        ({"goal_radius": 0.01}, "at least 0.1 and at most 0.8 m"),
        ({"max_speed": 3.0}, "through a wall"),
        ({"pillars": 20}, "a way is left"),
    ],
)
def test_options_without_sense_are_refused(options, expected):
    with pytest.raises(ConfigError, match=next(iter(options))) as refusal:
        Navigate(2, **options)
    assert expected in str(refusal.value)


def test_an_unknown_option_is_refused_with_the_nearest_known():
    with pytest.raises(ConfigError, match=r"data\.options\.pilars is not known") as refusal:
        Navigate(2, pilars=3)
    assert "pillars" in refusal.value.fix


@pytest.mark.parametrize(
    "actions", [np.array([0.0, 1.0]), np.array([0, 11]), np.array([-1, 0]), np.array([1])]
)
def test_wrong_numbers_of_discrete_actions_are_refused(actions):
    with pytest.raises(DataError, match="cannot be taken in Navigate"):
        Navigate(2, discrete=True).step(actions)


def test_the_config_shows_every_option_with_its_default():
    shown = OmegaConf.load(files("labloom_robotics") / "conf/data/robotics_navigate.yaml").options
    assert OmegaConf.to_container(shown) == asdict(NavigateOptions())
