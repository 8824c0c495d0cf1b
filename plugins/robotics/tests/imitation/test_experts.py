"""Demonstrations of scripted experts: what is written down, noise, and successes."""

from __future__ import annotations

import numpy as np
import pytest

from labloom.errors import ConfigError, DataError
from labloom_robotics.demos.experts import roll_out
from labloom_robotics.worlds import World


def test_an_episode_can_be_repeated_from_its_seed_and_actions(reach, demonstrations):
    for episode in demonstrations.episodes[:3]:
        world = reach(1)
        observed = [world.reset([episode.seed])[0]]
        for action, reward in zip(episode.actions, episode.rewards, strict=True):
            step = world.step(action[None])
            observed.append(step.final_observations[0])
            assert step.rewards[0] == reward
        assert step.terminated[0] == episode.terminated
        np.testing.assert_array_equal(np.stack(observed), episode.observations)


def test_seeds_count_up_and_the_number_of_agents_does_not_matter_without_noise(reach):
    few, many = (roll_out(reach(n), 7, first_seed=100) for n in (2, 7))
    assert [e.seed for e in many.episodes] == list(range(100, 107))
    for a, b in zip(few.episodes, many.episodes, strict=True):
        np.testing.assert_array_equal(a.observations, b.observations)
        np.testing.assert_array_equal(a.costs, b.costs)


def test_noise_goes_to_the_world_and_clean_labels_to_the_learner(reach):
    noisy = roll_out(reach(4), 8, first_seed=0, noise=0.5)
    for episode in noisy.episodes:
        way = episode.observations[:-1, 2:] - episode.observations[:-1, :2]
        np.testing.assert_allclose(episode.actions, np.clip(way / 0.1, -1.5, 1.5), atol=1e-5)
    executed = roll_out(reach(4), 8, first_seed=0, noise=0.5, clean_labels=False)
    differences = []
    for clean, done in zip(noisy.episodes, executed.episodes, strict=True):
        np.testing.assert_array_equal(clean.observations, done.observations)  # the same noise
        differences.append((clean.actions - done.actions).ravel())
    spread = np.concatenate(differences).std()
    assert 0.7 < spread < 1.1  # half the range is 2, and the bounds cut


def test_choices_are_disturbed_by_chance(reach):
    clean = roll_out(reach(4, choices=True), 20, first_seed=0, noise=0.4)
    done = roll_out(reach(4, choices=True), 20, first_seed=0, noise=0.4, clean_labels=False)
    pairs = zip(clean.episodes, done.episodes, strict=True)
    differs = np.concatenate([a.actions != b.actions for a, b in pairs])
    assert abs(differs.mean() - 0.4 * 3 / 4) < 0.05


class Clumsy(World):
    """The expert succeeds in every third episode; or never, or does not tell."""

    def __init__(self, reach, told=True, luck=3):
        self.inner = reach(2)
        self.num_agents, self.told, self.luck = 2, told, luck
        self.observation_space = self.inner.observation_space
        self.action_space = self.inner.action_space

    def reset(self, seeds):
        self.seeds = np.array(seeds)
        return self.inner.reset(seeds)

    def step(self, actions):
        step = self.inner.step(actions)
        success = step.terminated & (self.seeds % self.luck == 0) & (self.luck < 100)
        info = {"success": success} if self.told else {}
        return type(step)(
            observations=step.observations,
            final_observations=step.final_observations,
            rewards=step.rewards,
            costs=step.costs[:, :0],
            terminated=step.terminated,
            truncated=step.truncated,
            info=info,
        )

    def observe(self):
        return self.inner.observe()

    def expert(self):
        return self.inner.expert()


def test_only_successes_are_kept_if_asked(reach):
    kept = roll_out(Clumsy(reach), 4, first_seed=0, only_successes=True)
    assert [e.seed for e in kept.episodes] == [0, 3, 6, 9]
    with pytest.raises(ConfigError, match="does not tell"):
        roll_out(Clumsy(reach, told=False), 4, first_seed=0, only_successes=True)
    with pytest.raises(DataError, match="too rarely"):
        roll_out(Clumsy(reach, luck=100), 2, first_seed=0, only_successes=True)


def test_a_world_without_an_expert_is_refused(reach):
    world = Clumsy(reach)
    world.expert = lambda: World.expert(world)
    with pytest.raises(ConfigError, match="no scripted expert"):
        roll_out(world, 1, first_seed=0)


@pytest.mark.parametrize(("choices", "noise"), [(True, 1.5), (False, -0.1)])
def test_noise_out_of_range_is_refused(reach, choices, noise):
    with pytest.raises(ConfigError, match=r"data\.noise"):
        roll_out(reach(1, choices=choices), 1, first_seed=0, noise=noise)


def test_an_episode_that_never_ends_is_told(reach, monkeypatch):
    from labloom_robotics.demos import experts

    monkeypatch.setattr(experts, "LONGEST_EPISODE", 3)
    with pytest.raises(DataError, match="does not end"):
        roll_out(reach(3), 3, first_seed=0)
