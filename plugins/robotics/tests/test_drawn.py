"""Seeds, clocks and checkpoints of drawn worlds, as those of cars and arms share them."""

import io

import numpy as np
import pytest
import torch

from labloom.errors import CheckpointError, DataError
from labloom_robotics.worlds.arm import Arm
from labloom_robotics.worlds.drive import Drive

WORLDS = {
    "drive": lambda n: Drive(n, max_episode_steps=120),
    "drive_lidar": lambda n: Drive(n, observation="lidar", max_episode_steps=120),
    "reach": lambda n: Arm(n, goal="reach"),
    "push": lambda n: Arm(n, goal="push", links=2, max_episode_steps=80),
    "push_camera": lambda n: Arm(n, goal="push", camera=True, max_episode_steps=60),
}
every_world = pytest.mark.parametrize("make", WORLDS.values(), ids=WORLDS)


def flat(observations):
    """Observations as one list of arrays."""
    return list(observations.values()) if isinstance(observations, dict) else [observations]


def noisy_expert(world, step):
    """The expert's actions, shaken by the same noise for every agent."""
    noise = np.random.default_rng(step).normal(0, 0.3, world.action_space.shape)
    return world.expert() + noise.astype(np.float32)


def parts(t):
    """All arrays of a transition."""
    arrays = [*flat(t.observations), *flat(t.final_observations), t.rewards, t.costs]
    return [*arrays, t.terminated, t.truncated, *t.info.values()]


def told(world, actions):
    """All that happens to all agents, as bytes."""
    return [[part.tobytes() for part in parts(world.step(action))] for action in actions]


def lived(world, agent, steps):
    """All that an agent lives through, as bytes."""
    story = []
    for step in range(steps):
        transition = world.step(noisy_expert(world, step))
        story.append([part[agent].tobytes() for part in parts(transition)])
    return story


@every_world
def test_an_episode_and_those_after_it_depend_on_the_seed_alone(make):
    alone, among = make(1), make(7)
    first, firsts = alone.reset([42]), among.reset([3, 4, 5, 42, 6, 7, 8])
    for own, all_of_them in zip(flat(first), flat(firsts), strict=True):
        assert np.array_equal(own[0], all_of_them[3])
    assert lived(alone, 0, 150) == lived(among, 3, 150)


@every_world
def test_the_next_episode_is_another_one(make):
    world = make(2)
    first = flat(world.reset([5, 6]))[0].copy()
    for step in range(world.max_episode_steps):
        transition = world.step(noisy_expert(world, step))
        if transition.ended[0]:
            break
    assert transition.ended[0]
    assert not np.array_equal(flat(transition.observations)[0][0], first[0])
    assert not np.array_equal(first[0], first[1])


@every_world
def test_a_continued_run_repeats_an_uninterrupted_one_bit_for_bit(make):
    whole, again = make(6), make(6)
    whole.reset(range(6))
    for step in range(50):
        whole.step(noisy_expert(whole, step))
    file = io.BytesIO()
    torch.save(whole.state_dict(), file)
    file.seek(0)
    again.load_state_dict(torch.load(file, weights_only=True))
    assert [p.tobytes() for p in flat(whole.observe())] == [
        p.tobytes() for p in flat(again.observe())
    ]
    actions = [noisy_expert(whole, step) for step in range(50)]
    assert told(whole, actions) == told(again, actions)


def test_a_state_that_was_taken_does_not_change_with_the_world():
    world = Drive(2)
    state = world.state_dict()
    before = {name: tensor.clone() for name, tensor in state.items()}
    for _ in range(30):
        world.step(world.expert())
    assert all(torch.equal(before[name], state[name]) for name in state)


@every_world
def test_observations_and_actions_lie_in_their_spaces(make):
    world = make(4)
    observations = world.reset([0, 1, 2, 3])
    for step in range(130):
        actions = noisy_expert(world, step)
        assert all(world.action_space.contains(row) for row in world.expert())
        for agent in range(4):
            one = (
                {name: part[agent] for name, part in observations.items()}
                if isinstance(observations, dict)
                else observations[agent]
            )
            assert world.observation_space.contains(one)
        observations = world.step(actions).observations


def test_an_episode_that_the_clock_ends_is_truncated_and_the_next_one_has_begun():
    world = Drive(3, cars=0, max_episode_steps=20)
    world.reset([0, 1, 2])
    standing = np.tile(np.float32([-1, 0]), (3, 1))
    for _ in range(19):
        transition = world.step(standing)
        assert not transition.ended.any()
        assert transition.final_observations is transition.observations
    transition = world.step(standing)
    assert transition.truncated.all()
    assert not transition.terminated.any()
    assert (transition.final_observations[:, 0] < transition.observations[:, 0]).all()
    assert np.array_equal(world.observe(), transition.observations)


def test_what_is_told_of_an_ended_episode_is_of_that_episode():
    world = Arm(8, goal="reach")
    world.reset(range(8))
    ways = []
    for _ in range(100):
        transition = world.step(world.expert())
        ways += transition.info["path_length"][transition.terminated].tolist()
    assert len(ways) >= 8
    assert min(ways) > 0.05


def test_actions_outside_the_space_are_clipped_to_it():
    one, other = Drive(2), Drive(2)
    far = np.float32([[5, -7], [-3, 2]])
    assert np.array_equal(
        one.step(far).final_observations, other.step(far.clip(-1, 1)).final_observations
    )


@pytest.mark.parametrize("seeds", [[1], [1, 2, 3], [1, -1], [0, 2**63]])
def test_seeds_that_cannot_start_the_episodes_are_refused(seeds):
    with pytest.raises(DataError, match="seeds cannot start") as error:
        Drive(2).reset(seeds)
    assert "2 seeds" in error.value.expected


@pytest.mark.parametrize(
    ("actions", "got"),
    [(np.zeros((2, 3)), r"numbers \(2, 3\)"), (np.array([[0, np.nan], [0, 0]]), "not finite")],
)
def test_actions_that_cannot_be_taken_are_refused(actions, got):
    with pytest.raises(DataError, match="cannot be taken in Drive") as error:
        Drive(2).step(actions)
    assert "diverged" in error.value.fix
    with pytest.raises(DataError, match=got):
        Drive(2).step(actions)


def test_the_state_of_another_world_is_refused():
    with pytest.raises(CheckpointError, match="another state than Drive") as error:
        Drive(3).load_state_dict(Drive(2).state_dict())
    assert "state.x (3,)" in error.value.expected
    assert "state.x (2,)" in error.value.got
    with pytest.raises(CheckpointError, match=r"state\.cars_x absent"):
        Arm(2).load_state_dict(Drive(2).state_dict())
