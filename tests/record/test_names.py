import pytest

from labloom.record.names import Names, cut, valid_name


@pytest.mark.parametrize("name", ["val/acc", "a b", "x.y-z_1", "lr:0"])
def test_valid_name_stays_as_it_is(name):
    assert valid_name(name) == name


@pytest.mark.parametrize(
    ("name", "valid"), [("acc@5", "acc_5"), ("a//b", "a/b"), ("/a", "a"), ("../a", "_a"), ("", "_")]
)
def test_name_that_mlflow_refuses_is_replaced(name, valid):
    assert valid_name(name) == valid


def test_two_names_never_become_one():
    names = Names()

    assert len({names["acc@5"], names["acc#5"], names["acc_5"]}) == 3


def test_name_keeps_its_valid_form():
    names = Names()

    assert names["acc@5"] == names["acc@5"]


def test_long_names_stay_apart():
    names = Names()

    assert names["a" * 300 + "x"] != names["a" * 300 + "y"]
    assert len(names["a" * 300 + "x"]) == 250


def test_long_text_is_cut_visibly():
    text = cut("x" * 7000, 6000)

    assert len(text) == 6000
    assert text.endswith("[cut, 7000 characters in all]")
