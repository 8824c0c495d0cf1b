"""What a plugin's constructor refuses, and how it says so."""

import math

import pytest

from labloom.arguments import (
    require,
    require_choice,
    require_known,
    require_number,
    require_parts,
    require_share,
    require_switch,
    require_whole,
    under,
)
from labloom.errors import ConfigError


def test_a_refusal_names_the_key_and_what_to_do():
    with pytest.raises(ConfigError) as caught:
        require(False, "data.channels", expected="1 or 3", got=2, fix="data.channels=3")
    assert str(caught.value) == (
        "data.channels cannot be used\n"
        "  expected: 1 or 3\n"
        "  got:      2\n"
        "  fix:      data.channels=3"
    )


def test_what_can_be_used_passes():
    require(True, "data.channels", expected="1 or 3", got=3, fix="data.channels=3")
    require_whole("data.limit", 1, at_least=1)
    require_whole("data.limit", 7, at_least=1, at_most=7)
    require_number("model.clip", 0, at_least=0)
    require_number("model.clip", math.inf, above=0)
    require_number("model.clip", -3.5, at_most=2)
    require_share("model.dropout", 0)
    require_share("model.dropout", 0.999)
    require_parts("data", val_fraction=0.5, test_fraction=0.499)
    require_choice("model.norm", "batch", ("none", "batch"))
    require_switch("data.grid", False)
    require_known("data.options", {"size": 3}, ("size", "walls"))


@pytest.mark.parametrize("value", [0, -1, 1.0, True, "3", None, 8])
def test_a_whole_number_is_in_its_range_and_neither_true_nor_a_float(value):
    with pytest.raises(ConfigError) as caught:
        require_whole("model.depth", value, at_least=1, at_most=7, unit="layers")
    assert caught.value.expected == "a whole number, 1 to 7 layers"
    assert caught.value.got == repr(value)
    assert caught.value.fix == f"set model.depth={7 if value == 8 else 1}"


def test_a_whole_number_may_have_no_largest():
    with pytest.raises(ConfigError) as caught:
        require_whole("data.limit", 0, at_least=1, fix="or null: all of them")
    assert caught.value.expected == "a whole number, 1 or more"
    assert caught.value.fix == "or null: all of them"


@pytest.mark.parametrize("value", [0, -0.5, 35.1, math.nan, math.inf, True, "4", None])
def test_a_number_is_in_its_range_and_no_nan(value):
    with pytest.raises(ConfigError) as caught:
        require_number("data.speed", value, above=0, at_most=35, unit="m/s")
    assert caught.value.expected == "a number above 0 and at most 35 m/s"
    assert caught.value.fix == "set data.speed=35"


@pytest.mark.parametrize(
    ("bounds", "value", "expected", "fix"),
    [
        ({"at_least": 0, "at_most": 1}, 1.5, "a number of at least 0 and at most 1", "=1"),
        ({"at_least": 0, "at_most": 1}, -1, "a number of at least 0 and at most 1", "=0"),
        ({"above": 0}, 0, "a number above 0", " to such a number"),
        ({"at_least": 0.5, "fix": "0.5 is little"}, 0.4, "a number of at least 0.5", None),
        ({}, math.nan, "a number", " to such a number"),
    ],
)
def test_the_range_of_a_number_is_told_and_its_nearer_end_is_the_remedy(
    bounds, value, expected, fix
):
    with pytest.raises(ConfigError) as caught:
        require_number("model.gamma", value, **bounds)
    assert caught.value.expected == expected
    assert caught.value.fix == (f"set model.gamma{fix}" if fix else bounds["fix"])


@pytest.mark.parametrize("value", [1, 1.0, -0.1, math.nan, True, "half"])
def test_a_share_is_never_the_whole(value):
    with pytest.raises(ConfigError, match=r"model\.dropout cannot be used") as caught:
        require_share("model.dropout", value)
    assert caught.value.expected == "a number of at least 0 and below 1"
    assert caught.value.fix == "set model.dropout to 0 (off) or e.g. 0.1"


def test_parts_of_a_split_leave_something_to_train_on():
    with pytest.raises(ConfigError) as caught:
        require_parts("data", val_fraction=0.5, test_fraction=0.5)
    assert caught.value.problem == "data.val_fraction + data.test_fraction cannot be used"
    assert caught.value.expected == "a sum below 1, so that something is left for training"
    assert caught.value.got == "1.0"
    with pytest.raises(ConfigError, match=r"^data\.test_fraction cannot be used") as caught:
        require_parts("data", val_fraction=0.5, test_fraction=1)
    assert caught.value.fix.startswith("data.test_fraction=0.15 sets 15 % aside")


def test_a_mistyped_choice_is_answered_with_the_nearest():
    with pytest.raises(ConfigError, match=r"model\.norm cannot be used") as caught:
        require_choice("model.norm", "bacth", ("none", "batch", "layer"))
    assert caught.value.expected == "one of batch, layer, none"
    assert caught.value.fix == "set model.norm=batch"


@pytest.mark.parametrize("value", ["qqqq", 3, None])
def test_a_choice_that_is_like_nothing_is_answered_with_the_first(value):
    with pytest.raises(ConfigError) as caught:
        require_choice("model.norm", value, ("none", "batch"))
    assert caught.value.fix == "set model.norm=none"


@pytest.mark.parametrize("value", [0, 1, "false", None])
def test_a_switch_is_true_or_false_and_nothing_like_it(value):
    with pytest.raises(ConfigError, match=r"data\.grid cannot be used") as caught:
        require_switch("data.grid", value)
    assert caught.value.expected == "true or false"
    assert caught.value.fix == "set data.grid=true or data.grid=false"


def test_several_arguments_get_their_full_keys_in_order():
    assert list(under("model", width=64, depth=2)) == [("model.width", 64), ("model.depth", 2)]


def test_a_mistyped_setting_is_answered_with_the_one_that_was_meant():
    with pytest.raises(ConfigError) as caught:
        require_known("data.options", {"size": 3, "wals": 2}, ("size", "walls"))
    assert str(caught.value) == (
        "data.options.wals is not known\n"
        "  expected: one of size, walls\n"
        "  got:      'wals'\n"
        "  fix:      set data.options.walls, or leave it out"
    )


def test_a_setting_that_is_like_none_is_to_be_left_out():
    with pytest.raises(ConfigError) as caught:
        require_known("data.options", ["colour"], ("size", "walls"))
    assert caught.value.fix == "leave it out"
