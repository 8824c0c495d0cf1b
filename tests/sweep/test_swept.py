from labloom.sweep.swept import swept_values


def test_the_values_of_the_swept_keys_are_taken_in_the_order_of_the_keys():
    overrides = ["task=custom", "optimizer.lr=0.1", "++module.hidden=4"]
    assert list(swept_values(overrides, ["module.hidden", "optimizer.lr"]).items()) == [
        ("module.hidden", "4"),
        ("optimizer.lr", "0.1"),
    ]


def test_a_value_that_holds_an_equals_sign_is_whole():
    assert swept_values(["model.name='a=b'"], ["model.name"]) == {"model.name": "'a=b'"}


def test_a_swept_secret_is_hidden():
    assert swept_values(["+data.api_key=hunter2"], ["data.api_key"]) == {"data.api_key": "***"}


def test_an_override_that_cannot_be_read_is_left_out():
    assert swept_values(["a=[1,", "b=2"], ["a", "b"]) == {"b": "2"}
