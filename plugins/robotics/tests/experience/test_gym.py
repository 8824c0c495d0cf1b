"""Environments of Gymnasium as worlds: same-step autoreset, spaces, facts, costs, pictures."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from labloom.errors import ConfigError, DataError
from labloom_robotics.worlds import World
from labloom_robotics.worlds.make import make_world

KINDS = ["sync", "async"]


class Countdown(gymnasium.Env):
    """Counts from a random number to 0, seen as a dict; ``risk`` is a cost."""

    def __init__(self, told: bool = True) -> None:
        self.observation_space = spaces.Dict(
            {
                "left": spaces.Box(-np.inf, np.inf, (1,), np.float64),
                "image": spaces.Box(0, 255, (2, 3), np.uint8),
            }
        )
        self.action_space = spaces.Box(-1, 1, (2,), np.float32)
        self.told = told

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self.left = int(self.np_random.integers(2, 6))
        return self._see(), {}

    def step(self, action: Any) -> Any:
        assert self.action_space.contains(action), action
        self.left -= 1
        over = self.left == 0
        info = {"risk": float(action[0]), "is_success": bool(action[1] > 0)} if self.told else {}
        return self._see(), float(self.left), over, over, info

    def _see(self) -> Any:
        image = np.full((2, 3), self.left, dtype=np.uint8)
        return {"left": np.array([self.left], dtype=np.float64), "image": image}


@pytest.fixture(autouse=True)
def countdown() -> Iterator[None]:
    gymnasium.register("Countdown-v0", Countdown)
    yield
    del gymnasium.registry["Countdown-v0"]


@pytest.fixture
def registered() -> Iterator[Any]:
    """Registers an environment until the end of the test."""
    names: list[str] = []

    def register(name: str, maker: Any) -> None:
        gymnasium.register(name, maker)
        names.append(name)

    yield register
    for name in names:
        del gymnasium.registry[name]


@pytest.fixture
def world_of() -> Iterator[Any]:
    made: list[World] = []

    def make(*arguments: Any, **settings: Any) -> World:
        made.append(make_world(*arguments, **settings))
        return made[-1]

    yield make
    for world in made:
        world.close()


@pytest.mark.parametrize("kind", KINDS)
def test_cartpole_is_stepped_as_gymnasium_steps_it_with_same_step_autoreset(
    world_of: Any, kind: str
) -> None:
    options = {"env_options": {"max_episode_steps": 30}, "vectorization": kind}
    world = world_of("CartPole-v1", 3, options)
    theirs = SyncVectorEnv(
        [lambda: gymnasium.make("CartPole-v1", max_episode_steps=30)] * 3,
        autoreset_mode=AutoresetMode.SAME_STEP,
    )
    seen = world.reset([4, 5, 6])
    expected, _ = theirs.reset(seed=[4, 5, 6])
    assert np.array_equal(seen, expected)
    rng, ends = np.random.default_rng(0), 0
    for _ in range(150):
        actions = rng.integers(2, size=3) if ends < 12 else np.zeros(3, dtype=np.int64)
        step = world.step(actions)
        observations, rewards, terminated, truncated, info = theirs.step(actions)
        assert np.array_equal(step.observations, observations)
        assert np.array_equal(step.rewards, rewards)
        assert np.array_equal(step.terminated, terminated)
        assert np.array_equal(step.truncated, truncated & ~terminated)
        for agent in range(3):
            final = observations[agent]
            if step.ended[agent]:
                final, ends = info["final_obs"][agent], ends + 1
            assert np.array_equal(step.final_observations[agent], final)
        assert world.observe() is step.observations
    theirs.close()
    assert ends > 10


@pytest.mark.parametrize("kind", KINDS)
def test_dicts_facts_and_costs_are_read(world_of: Any, kind: str) -> None:
    world = world_of("Countdown-v0", 2, {"costs": ["risk"], "vectorization": kind})
    seen = world.reset([1, 2])
    assert (seen["left"].dtype, seen["image"].dtype) == (np.float32, np.uint8)
    assert seen["left"].shape == (2, 1)
    assert world.cost_names == ("risk",)
    ends = 0
    for _ in range(20):
        left = seen["left"][:, 0]
        step = world.step(np.array([[0.25, 1.0], [7.0, -1.0]], dtype=np.float32))
        seen = step.observations
        assert step.costs.tolist() == [[0.25], [1.0]]  # actions are clipped to the space
        assert np.array_equal(step.final_observations["left"][:, 0], left - 1)
        assert np.array_equal(step.terminated, left == 1)
        assert not step.truncated.any()  # terminated counts where both are told
        if step.ended.any():
            ends += 1
            assert step.info["success"].tolist() == [bool(step.ended[0]), False]
            assert (step.observations["left"][step.ended] >= 2).all()
            assert np.array_equal(
                step.final_observations["image"][:, 0, 0], step.final_observations["left"][:, 0]
            )
        else:
            assert step.info == {}
    assert ends > 5


@pytest.mark.parametrize("kind", KINDS)
def test_a_cost_that_is_not_told_is_refused(world_of: Any, kind: str) -> None:
    world = world_of("Countdown-v0", 2, {"costs": ["rsk"], "vectorization": kind})
    world.reset([1, 2])

    with pytest.raises(DataError, match="tells no cost 'rsk'") as caught:
        world.step(np.zeros((2, 2), dtype=np.float32))

    assert "data.costs=[risk]" in str(caught.value)
    assert "is_success" in str(caught.value)


def test_the_same_seed_is_the_same_episode_in_a_larger_world(world_of: Any) -> None:
    one, many = world_of("CartPole-v1", 1), world_of("CartPole-v1", 5)

    assert np.array_equal(one.reset([3])[0], many.reset([1, 2, 3, 4, 5])[2])


def test_what_a_world_says_about_itself(world_of: Any) -> None:
    world = world_of("Pendulum-v1", 2, {"env_options": {"g": 5.0}})

    assert world.max_episode_steps == 200
    assert world.frames_per_second == 30
    assert not world.resumable
    assert world.observation_space.dtype == np.float32
    assert world.action_space.shape == (1,)
    world.reset([0, 1])
    assert world.step(np.array([[9.0], [-9.0]], dtype=np.float32)).rewards.shape == (2,)


@pytest.mark.parametrize("kind", KINDS)
def test_pictures_are_there_when_they_were_asked_for(world_of: Any, kind: str) -> None:
    pytest.importorskip("pygame")
    world = world_of("CartPole-v1", 2, {"vectorization": kind}, pictures=True)
    world.reset([0, 1])

    picture = world.picture(1)

    assert picture.dtype == np.uint8
    assert picture.shape == (400, 600, 3)
    assert picture.min() < picture.max()


DRAW = """
import os
from labloom_robotics.worlds.make import make_world

world = make_world("CartPole-v1", 1, pictures=True)
world.reset([0])
world.picture()
print(os.environ["SDL_VIDEODRIVER"])
"""


@pytest.mark.parametrize(
    ("chosen", "used"), [({}, "dummy"), ({"SDL_VIDEODRIVER": "offscreen"}, "offscreen")]
)
def test_a_picture_needs_no_screen_and_a_driver_of_ones_own_stays(
    chosen: dict[str, str], used: str
) -> None:
    pytest.importorskip("pygame")
    ours = {"XDG_RUNTIME_DIR", "SDL_VIDEODRIVER"}
    environment = {name: value for name, value in os.environ.items() if name not in ours}
    done = subprocess.run(
        [sys.executable, "-c", DRAW],
        env=environment | chosen,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.splitlines()[-1] == used
    if not chosen:
        assert done.stderr == ""


def test_a_picture_without_pygame_names_what_to_install(
    world_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pygame", None)
    world = world_of("CartPole-v1", 1, pictures=True)
    world.reset([0])

    with pytest.raises(ConfigError, match="CartPoleEnv cannot be drawn") as caught:
        world.picture()

    assert "labloom-robotics[classic]" in str(caught.value)


def test_an_environment_that_draws_nothing_says_so(world_of: Any) -> None:
    world = world_of("Countdown-v0", 1, pictures=True)
    world.reset([0])

    with pytest.raises(NotImplementedError):
        world.picture()


@pytest.mark.parametrize("kind", KINDS)
def test_actions_that_are_not_finite_are_refused(world_of: Any, kind: str) -> None:
    world = world_of("Countdown-v0", 2, {"vectorization": kind})
    world.reset([1, 2])

    with pytest.raises(DataError, match="cannot be taken in Countdown-v0") as caught:
        world.step(np.array([[0, 0], [np.nan, 0]], dtype=np.float32))

    assert "not finite" in str(caught.value.got)
    assert "diverged" in str(caught.value.fix)


@pytest.mark.parametrize("kind", KINDS)
def test_a_reward_may_be_an_array_of_one_number(world_of: Any, registered: Any, kind: str) -> None:
    registered("Rewarding-v0", Rewarding)
    world = world_of("Rewarding-v0", 3, {"vectorization": kind})
    left = world.reset([1, 2, 3])["left"][:, 0]

    rewards = world.step(np.zeros((3, 2), dtype=np.float32)).rewards

    assert rewards.dtype == np.float32
    assert np.array_equal(rewards, left - 1)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("wrapped", [False, True])
def test_an_environment_that_takes_no_seed_is_refused(
    world_of: Any, registered: Any, kind: str, wrapped: bool
) -> None:
    registered("Seedless-v0", (lambda: NoSeeds(Countdown())) if wrapped else Seedless)

    with pytest.raises(ConfigError, match=r"Seedless-v0: reset\(seed=...\) is needed") as caught:
        world_of("Seedless-v0", 2, {"vectorization": kind})

    assert str(caught.value.got) == ("NoSeeds.reset()" if wrapped else "Seedless.reset()")


def test_a_space_that_no_policy_acts_in_is_refused(world_of: Any) -> None:
    gymnasium.register("Many-v0", Many)
    try:
        with pytest.raises(DataError, match="MultiDiscrete is an action space"):
            world_of("Many-v0", 1)
    finally:
        del gymnasium.registry["Many-v0"]


class Rewarding(Countdown):
    """Rewards by an array."""

    def step(self, action: Any) -> Any:
        observation, reward, *rest = super().step(action)
        return observation, np.array([reward]), *rest


class Seedless(Countdown):
    """Starts anew as Gym's environments of old do."""

    def reset(self) -> Any:
        return super().reset()


class NoSeeds(gymnasium.Wrapper):
    """Hides the seed of the environment inside."""

    def reset(self) -> Any:
        return self.env.reset()


class Many(Countdown):
    """Acts in a space that is not supported."""

    def __init__(self) -> None:
        super().__init__()
        self.action_space = spaces.MultiDiscrete([2, 3])
