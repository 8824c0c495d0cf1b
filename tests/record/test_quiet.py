import logging

import pytest

from labloom.record.quiet import loggers_at, without_advice


def test_advice_is_kept_out_and_errors_are_not(caplog):
    log = logging.getLogger("mlflow.models.model")
    with without_advice():
        log.warning("add an input example")
        log.error("the model is broken")
    assert [record.message for record in caplog.records] == ["the model is broken"]


def test_every_level_is_given_back_even_after_an_error(caplog):
    first, second = logging.getLogger("one.of.two"), logging.getLogger("two.of.two")
    first.setLevel(logging.DEBUG)
    with pytest.raises(KeyError), loggers_at(logging.ERROR, first.name, second.name):
        assert {first.level, second.level} == {logging.ERROR}
        raise KeyError
    assert (first.level, second.level) == (logging.DEBUG, logging.NOTSET)
