"""Keys and simple values of a node against its class's constructor."""

from __future__ import annotations

from typing import Literal

import pytest
import torch

from labloom.build.bindings import check_arguments, describe, fits
from labloom.errors import ConfigError


class Net:
    def __init__(self, depth: int, dropout: float = 0.0, kind: Literal["a", "b"] = "a"):
        pass


class Anything:
    def __init__(self, depth: int, **options: float):
        pass


class Unresolvable:
    def __init__(self, depth: NotImported = 1):  # noqa: F821
        pass


def test_arguments_that_bind_pass():
    check_arguments(Net, {"_target_": "x.Net", "depth": 2, "dropout": 1}, "model")


def test_unknown_argument_gets_the_nearest():
    with pytest.raises(ConfigError) as caught:
        check_arguments(Net, {"depth": 1, "droput": 0.1}, "model")
    assert "Net takes no argument 'droput' (model.droput)" in str(caught.value)
    assert caught.value.fix == "did you mean model.dropout?"


def test_missing_argument_is_named():
    with pytest.raises(ConfigError, match=r"Net lacks 'depth' \(model\)"):
        check_arguments(Net, {}, "model")


def test_argument_that_somebody_supplies_is_not_missing():
    check_arguments(Net, {}, "model", supplied={"depth"})


def test_missing_argument_is_no_matter_while_the_data_is_unknown():
    check_arguments(Net, {}, "model", demand_all=False)


def test_value_that_repeats_the_default_fits_whatever_is_annotated():
    class Careless:
        def __init__(self, head: torch.nn.Module = None):
            pass

    check_arguments(Careless, {"head": None}, "module")


def test_class_that_takes_anything_takes_anything():
    check_arguments(Anything, {"depth": 1, "whatever": 2}, "model")


def test_annotations_that_cannot_be_resolved_are_not_judged():
    check_arguments(Unresolvable, {"depth": "high"}, "model")


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("dropout", "high", "a number"),
        ("depth", 2.5, "a whole number"),
        ("depth", True, "a whole number"),
        ("depth", None, "a whole number"),
        ("kind", "c", "'a' or 'b'"),
    ],
)
def test_value_of_the_wrong_type_is_refused(name, value, expected):
    with pytest.raises(ConfigError) as caught:
        check_arguments(Net, {"depth": 1, name: value}, "model")
    assert f"model.{name} does not fit Net" in str(caught.value)
    assert caught.value.expected == expected


def test_number_where_a_text_is_wanted_says_how_to_quote():
    class Named:
        def __init__(self, name: str):
            pass

    with pytest.raises(ConfigError) as caught:
        check_arguments(Named, {"name": 7}, "data")
    assert caught.value.fix == "'data.name=\"7\"'"


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        (1, float),
        (None, int | None),
        ([0.9, 0.999], tuple[float, float]),
        ([1, 2, 3], tuple[int, ...]),
        ({"a": 1}, dict[str, int]),
        ("x", "anything that is no type"),
        ({"_target_": "torch.nn.ReLU"}, int),
    ],
)
def test_fitting_values_fit(value, hint):
    assert fits(value, hint)


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        ([0.9], tuple[float, float]),
        (["a"], list[int]),
        ("ab", list[str]),
        (1, str),
        (1, Literal[True]),
        ("fast", float | torch.Tensor),
        (3, torch.nn.Module),
    ],
)
def test_other_values_do_not_fit(value, hint):
    assert not fits(value, hint)


def test_types_are_told_in_words():
    assert describe(list[int] | None) == "a list of a whole number or null"
