import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import labloom_robotics.worlds
from labloom.errors import ConfigError
from labloom_robotics.worlds.navigate import Navigate
from labloom_robotics.worlds.registered import IDS, register

NAVIGATE = "labloom_robotics/Navigate-v0"


@pytest.mark.parametrize("name", IDS)
@pytest.mark.filterwarnings("error")
def test_gymnasium_finds_nothing_to_complain_of(name):
    env = gymnasium.make(name, render_mode="rgb_array")
    check_env(env.unwrapped)
    env.close()


@pytest.mark.filterwarnings("error")
def test_gymnasium_finds_nothing_to_complain_of_in_discrete_actions():
    check_env(gymnasium.make(NAVIGATE, discrete=True).unwrapped, skip_render_check=True)


def test_a_second_registration_does_nothing():
    before = gymnasium.spec(NAVIGATE)
    register()
    assert gymnasium.spec(NAVIGATE) is before
    assert labloom_robotics.worlds.register is register


def test_options_reach_the_world():
    env = gymnasium.make(NAVIGATE, rays=12)
    assert env.reset(seed=0)[0]["scan"].shape == (12,)
    with pytest.raises(ConfigError, match="rays"):
        gymnasium.make(NAVIGATE, rays=1)


def test_an_episode_is_that_of_the_world_to_its_end():
    env, world = gymnasium.make(NAVIGATE), Navigate(1)
    observation, _ = env.reset(seed=5)
    expected = world.reset([5])
    for _ in range(world.max_episode_steps):
        np.testing.assert_array_equal(observation["scan"], expected["scan"][0])
        told = world.step(world.expert())
        action = env.unwrapped.world.expert()[0]
        observation, reward, terminated, truncated, info = env.step(action)
        expected = told.final_observations
        assert (reward, terminated, truncated) == (
            told.rewards[0],
            told.terminated[0],
            told.truncated[0],
        )
        if terminated or truncated:
            break
    assert info["success"] is True
    assert info["costs"] == {"collision": 0.0, "clearance": info["costs"]["clearance"]}
    assert info["cost"] == sum(info["costs"].values())


def test_resets_without_a_seed_draw_new_episodes():
    env = gymnasium.make(NAVIGATE)
    first = env.reset(seed=1)[0]["state"]
    second, third = env.reset()[0]["state"], env.reset()[0]["state"]
    assert not np.array_equal(first, second)
    assert not np.array_equal(second, third)


def test_pictures_are_drawn_on_request_only():
    env = gymnasium.make(NAVIGATE, render_mode="rgb_array")
    env.reset(seed=0)
    assert env.render().shape == (400, 400, 3)
    assert env.unwrapped.metadata["render_fps"] == 5
    silent = gymnasium.make(NAVIGATE).unwrapped
    silent.reset(seed=0)
    assert silent.render() is None
