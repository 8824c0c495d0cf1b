"""Datamodule, spec, model and module of the stranger's code."""

from __future__ import annotations

import numpy as np
import pytest
import pytorch_lightning as pl

from labloom.build.parts import build_parts, check_bindings, declares_spec, plain_spec
from labloom.errors import ConfigError, LabloomError


@pytest.fixture
def spec_job(make_job):
    """A job whose data says its sizes."""

    def make(*typed, **choices):
        choices = {"module": "Classifier", "model": "Mlp", "data": "SpecData", **choices}
        return make_job(*typed, **choices)

    return make


def test_spec_of_the_data_reaches_model_and_module(spec_job):
    parts = build_parts(spec_job())
    assert parts.spec["num_classes"] == 10
    assert parts.module.num_classes == 10
    assert parts.module.model.layers[2].out_features == 10


def test_stock_data_without_a_spec_is_not_set_up(make_job):
    parts = build_parts(make_job())
    assert parts.spec == {}
    assert not hasattr(parts.datamodule, "train_set")


def test_value_that_contradicts_the_spec_is_refused_with_both(spec_job):
    with pytest.raises(ConfigError) as caught:
        build_parts(spec_job("model.num_classes=5"))
    assert "model.num_classes contradicts the data" in str(caught.value)
    assert "10, as the data's spec says" in caught.value.expected
    assert caught.value.got == "model.num_classes=5"


def test_value_that_repeats_the_spec_is_accepted(spec_job):
    assert build_parts(spec_job("model.num_classes=10")).module.num_classes == 10


def test_typed_model_for_a_module_without_one_is_refused(make_job):
    job = make_job("model.hidden=64", model="Mlp")
    with pytest.raises(ConfigError, match=r"takes no model, so 'model\.hidden=64' would be"):
        build_parts(job)


def test_model_that_nobody_typed_is_left_out_where_none_is_taken(make_job):
    assert not hasattr(build_parts(make_job(model="Mlp")).module, "model")


def test_argument_that_neither_config_nor_spec_has_is_missing_once_the_spec_is_known(spec_job):
    with pytest.raises(ConfigError, match=r"Deeper lacks 'depth' \(model\)"):
        build_parts(spec_job(model="Deeper"))


def test_missing_argument_is_told_before_stock_data_is_touched(make_job):
    with pytest.raises(ConfigError, match=r"Mlp lacks 'features' and 'num_classes' \(model\)"):
        check_bindings(make_job(module="Classifier", model="Mlp"))


def test_module_that_needs_a_model_says_so_when_there_is_none(make_job):
    with pytest.raises(ConfigError, match=r"lacks 'model'"):
        check_bindings(make_job(module="Failing"))


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("module.dropout=high", r"module\.dropout does not fit Annotated"),
        ("module.depth=2.5", r"module\.depth does not fit Annotated"),
        ("module.flag=2", r"module\.flag does not fit Annotated"),
        ("module.dropuot=0.1", r"did you mean module\.dropout\?"),
        ("data.batchsize=32", r"did you mean data\.batch_size\?"),
        ("model.hiden=3", r"did you mean model\.hidden\?"),
        ("optimizer.learning_rate=0.1", r"Adam takes no argument 'learning_rate'"),
        ("optimizer.lr=fast", r"optimizer\.lr does not fit Adam"),
    ],
)
def test_mistake_is_told_before_data_is_touched(spec_job, monkeypatch, typed, message):
    job = spec_job(typed, module="Annotated")
    import stranger_code

    monkeypatch.setattr(stranger_code, "load_digits", None)
    with pytest.raises(ConfigError, match=message):
        build_parts(job)


def test_error_of_the_users_constructor_keeps_its_cause(spec_job):
    with pytest.raises(LabloomError, match="smoothing must lie below 1") as caught:
        build_parts(spec_job(module="Failing"))
    assert isinstance(caught.value.__cause__, ValueError)


def test_module_that_is_no_lightning_module_is_refused(make_job):
    with pytest.raises(ConfigError, match=r"module\._target_ must be a LightningModule"):
        build_parts(make_job(module="Mlp"))


def test_function_as_module_is_refused(make_job):
    with pytest.raises(ConfigError, match="must name a class"):
        build_parts(make_job(module="not_a_class"))


def test_target_that_nobody_trusts_is_refused(make_job):
    with pytest.raises(ConfigError, match=r"data\._target_ is not allowed"):
        build_parts(make_job(trusted=()))


def test_config_without_data_says_what_to_type(make_job):
    job = make_job()
    del job.config.data
    with pytest.raises(ConfigError, match=r"data\._target_=package\.module\.Class"):
        build_parts(job)


def test_spec_is_seen_on_the_class_or_in_its_methods():
    class OnClass(pl.LightningDataModule):
        spec = None

    class InMethod(pl.LightningDataModule):
        def setup(self, stage):
            self.spec = {}

    assert declares_spec(OnClass)
    assert declares_spec(InMethod)
    assert not declares_spec(pl.LightningDataModule)


@pytest.mark.parametrize("value", [np.float64(1), np.int64(3), object(), {"a": [{1}]}, {1: 2}])
def test_spec_with_an_object_is_refused_by_its_name(value):
    with pytest.raises(LabloomError, match="an entry that is not plain: 'size'"):
        plain_spec({"size": value}, "Data")


def test_spec_that_is_no_mapping_is_refused():
    with pytest.raises(LabloomError, match="the spec of Data is no mapping"):
        plain_spec([1], "Data")
