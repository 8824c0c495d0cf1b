"""Distributions of actions beside torch's own, which are slow and right."""

from __future__ import annotations

import torch
from torch import distributions as reference

from labloom_robotics.nets import distributions


def test_log_probability_and_entropy_of_a_choice_are_those_of_torch():
    logits, actions = torch.randn(5, 3), torch.tensor([0, 1, 2, 2, 0])
    wanted = reference.Categorical(logits=logits)
    log_probs = logits.log_softmax(-1)
    got = distributions.categorical_log_prob(log_probs, actions)
    torch.testing.assert_close(got, wanted.log_prob(actions))
    torch.testing.assert_close(distributions.categorical_entropy(log_probs), wanted.entropy())


def test_choices_come_as_often_as_their_probability_says():
    generator = torch.Generator().manual_seed(0)
    log_probs = torch.tensor([0.7, 0.2, 0.1]).log().expand(20_000, 3)
    drawn = distributions.categorical_sample(log_probs, generator)
    shares = torch.bincount(drawn, minlength=3) / 20_000
    torch.testing.assert_close(shares, torch.tensor([0.7, 0.2, 0.1]), atol=0.012, rtol=0)


def test_an_impossible_action_is_never_drawn():
    log_probs = torch.tensor([0.0, -torch.inf]).expand(1000, 2)
    drawn = distributions.categorical_sample(log_probs, torch.Generator().manual_seed(0))
    assert drawn.max() == 0


def test_the_same_generator_draws_the_same():
    log_probs = torch.zeros(50, 4).log_softmax(-1)
    first, second = (
        distributions.categorical_sample(log_probs, torch.Generator().manual_seed(1))
        for _ in range(2)
    )
    assert torch.equal(first, second)


def test_log_density_and_entropy_of_a_gaussian_are_those_of_torch():
    mean, log_std, x = torch.randn(6, 2), torch.tensor([0.3, -1.0]), torch.randn(6, 2)
    wanted = reference.Independent(reference.Normal(mean, log_std.exp().expand(6, 2)), 1)
    got = distributions.gaussian_log_prob(mean, log_std, x)
    torch.testing.assert_close(got, wanted.log_prob(x))
    entropy = distributions.gaussian_entropy(log_std)
    torch.testing.assert_close(entropy.expand(6), wanted.entropy())


def test_gaussian_numbers_have_the_mean_and_the_spread_asked_for():
    generator = torch.Generator().manual_seed(0)
    mean = torch.tensor([2.0, -1.0]).expand(20_000, 2)
    drawn = distributions.gaussian_sample(mean, torch.tensor([0.5, 0.1]).log(), generator)
    torch.testing.assert_close(drawn.mean(0), torch.tensor([2.0, -1.0]), atol=0.02, rtol=0)
    torch.testing.assert_close(drawn.std(0), torch.tensor([0.5, 0.1]), atol=0.01, rtol=0)


def test_log_density_through_tanh_is_that_of_torch():
    mean, log_std, x = torch.randn(6, 2), 0.3 * torch.randn(6, 2), torch.randn(6, 2)
    normal = reference.Normal(mean, log_std.exp())
    wanted = reference.TransformedDistribution(
        reference.Independent(normal, 1), [reference.transforms.TanhTransform(cache_size=1)]
    )
    got = distributions.squashed_log_prob(mean, log_std, x)
    torch.testing.assert_close(got, wanted.log_prob(x.tanh()), atol=1e-4, rtol=1e-4)


def test_log_density_through_tanh_is_finite_where_tanh_is_1():
    x = torch.tensor([[40.0]])
    assert torch.tanh(x).item() == 1.0
    assert distributions.squashed_log_prob(x, torch.zeros(1, 1), x).isfinite().all()
