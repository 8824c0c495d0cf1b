import labloom.errors
from labloom.errors import (
    ConfigError,
    ExitStatus,
    LabloomError,
    PluginError,
    Stopped,
    listing,
    nearest,
)


def test_a_message_says_expected_got_and_fix_and_leaves_out_what_it_does_not_know():
    error = LabloomError("it is wrong", expected="this", fix="do that")
    assert str(error) == "it is wrong\n  expected: this\n  fix:      do that"


def test_every_class_of_the_tree_is_drawn_in_the_docstring():
    classes = [
        name
        for name, value in vars(labloom.errors).items()
        if isinstance(value, type) and issubclass(value, BaseException)
    ]
    assert all(name in labloom.errors.__doc__ for name in classes)


def test_config_errors_are_the_users_and_exit_with_2():
    assert PluginError("x").exit_status == ConfigError("x").exit_status == ExitStatus.WRONG_USAGE


def test_stopped_is_no_exception_so_that_nothing_swallows_it():
    assert not issubclass(Stopped, Exception)
    assert str(Stopped(ExitStatus.TERMINATED)) == "stopped by SIGTERM"


def test_nearest_finds_a_typo_and_nothing_for_a_stranger():
    assert nearest("optimizer.lrr", ["optimizer.lr", "seed"]) == "optimizer.lr"
    assert nearest("zzz", ["optimizer.lr", "seed"]) is None


def test_a_long_listing_is_cut_with_the_number_left_out():
    assert listing("abcd", limit=2) == "a, b and 2 more"
    assert listing([]) == "(none)"
