from dataclasses import dataclass
from typing import Literal

from labloom.compose.typed import describe, known_keys, limited, problems_in, unknown_keys


@dataclass
class Inner:
    patience: int = limited(min=0)


@dataclass
class Outer:
    rate: float = limited(above=0)
    steps: int | None = limited(min=-1)
    share: int | float = limited(min=0)
    mode: Literal["min", "max"] | None = None
    inner: Inner | None = None
    batches: int | float | None = limited(min=0, max_fraction=1)
    devices: Literal[-1] | int | str = limited(min=1)
    on: bool = False


def keys(values):
    return [problem.key for problem in problems_in(values, Outer)]


def test_fitting_values_have_no_problems():
    values = {"rate": 1, "steps": None, "share": 0.5, "mode": "min", "inner": {"patience": 3}}
    assert problems_in(values, Outer) == []


def test_a_truth_value_is_no_number():
    assert keys({"rate": True, "steps": False}) == ["rate", "steps"]


def test_a_number_is_no_truth_value():
    assert keys({"on": 1}) == ["on"]


def test_bounds_hold():
    assert keys({"rate": 0, "steps": -2, "share": -0.1}) == ["rate", "steps", "share"]


def test_not_a_number_is_out_of_every_bound():
    assert keys({"rate": float("nan"), "share": float("nan")}) == ["rate", "share"]


def test_a_fraction_is_no_whole_number():
    assert keys({"steps": 1.5}) == ["steps"]


def test_a_share_is_at_most_1_and_a_number_of_batches_is_not():
    assert keys({"batches": 1.0}) == keys({"batches": 7}) == keys({"batches": None}) == []
    assert keys({"batches": 1.5}) == keys({"batches": -1}) == keys({"batches": -0.1}) == ["batches"]


def test_a_named_number_may_be_out_of_bounds():
    assert keys({"devices": -1}) == keys({"devices": 2}) == keys({"devices": "auto"}) == []
    assert keys({"devices": 0}) == keys({"devices": -2}) == ["devices"]


def test_choices_hold():
    assert keys({"mode": "big"}) == ["mode"]


def test_nested_values_are_checked_under_their_dotted_name():
    assert keys({"inner": {"patience": -1}}) == ["inner.patience"]
    assert unknown_keys({"inner": {"patienc": 1}}, Outer) == ["inner.patienc"]
    assert "inner.patience" in known_keys(Outer)


def test_types_are_described_in_words():
    assert describe(int | None, {"min": -1}) == "a whole number, at least -1 or null"
    assert describe(int | float, {}) == "a number"
    assert describe(Literal["min", "max"] | None, {}) == "min or max or null"
