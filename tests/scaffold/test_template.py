"""The plugin that ``labloom new`` copies works where it lies, and its data is what it says."""

from __future__ import annotations

import importlib
import sys
import tomllib

import pytest
import torch
from packaging.requirements import Requirement

import labloom as core
from labloom.errors import ConfigError
from labloom.plugins import discover
from labloom.scaffold import choose_names
from labloom.scaffold.writing import TEMPLATE


@pytest.fixture
def template(monkeypatch):
    """The template's modules, imported from where it lies; forgotten afterwards."""
    monkeypatch.syspath_prepend(TEMPLATE / "src")
    yield lambda name: importlib.import_module(f"labloom_starter.{name}")
    for name in [name for name in sys.modules if name.startswith("labloom_starter")]:
        del sys.modules[name]


def test_the_template_is_listed_like_any_plugin(light_labloom):
    done = light_labloom("list", LABLOOM_PLUGINS=str(TEMPLATE))
    assert done.returncode == 0
    for name in ("starter_classify", "starter_mlp", "starter_tumours"):
        assert name in done.stdout
    assert "BROKEN" not in done.stdout


def test_the_template_is_not_found_by_itself(light_labloom):
    assert "starter" not in light_labloom("list").stdout


def test_the_template_and_its_experiment_run_where_they_lie(
    typed, found_by_discovery, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    with found_by_discovery(TEMPLATE):
        status, out, err = typed("run", "experiment=starter_first", "debug=fast")
    assert status == 0, err
    assert "labloom show" in out


def test_the_template_asks_for_the_core_that_brings_it():
    project = tomllib.loads((TEMPLATE / "pyproject.toml").read_text())["project"]
    (wanted,) = [text for text in project["dependencies"] if text.startswith("labloom")]
    assert Requirement(wanted).specifier.contains(core.__version__)


def test_the_splits_are_disjoint_and_keep_the_proportions(template):
    data = template("data").TumourData()
    data.setup("fit")
    rows = {name: set(map(bytes, split.tensors[0].numpy())) for name, split in data.splits.items()}
    assert {name: len(found) for name, found in rows.items()} == {
        "train": 397,
        "val": 86,
        "test": 86,
    }
    assert len(set.union(*rows.values())) == 569
    for split in data.splits.values():
        assert split.tensors[1].float().mean().item() == pytest.approx(357 / 569, abs=0.01)


def test_a_seed_draws_one_split_and_another_seed_another(template):
    def fingerprint(seed):
        data = template("data").TumourData(split_seed=seed)
        data.setup("fit")
        return data.fingerprint

    assert fingerprint(1) == fingerprint(1)
    assert not set(fingerprint(1).values()) & set(fingerprint(2).values())


def test_the_statistics_are_of_training_rows_and_standardise_them(template):
    data = template("data").TumourData()
    data.setup("fit")
    train = data.splits["train"].tensors[0]
    assert data.spec["mean"] == pytest.approx(train.mean(dim=0).tolist(), rel=1e-4)
    seen = []
    module = template("classify").Classifier(
        lambda features: seen.append(features) or features[:, :2],
        classes=data.spec["classes"],
        mean=data.spec["mean"],
        std=data.spec["std"],
    )
    module(train)
    torch.testing.assert_close(seen[0].mean(dim=0), torch.zeros(30), atol=1e-4, rtol=0)
    torch.testing.assert_close(seen[0].std(dim=0), torch.ones(30), atol=5e-3, rtol=0)


def test_an_answer_names_the_likelier_class(template):
    module = template("classify").Classifier(
        torch.nn.Identity(), classes=["malignant", "benign"], mean=[0.0, 0.0], std=[1.0, 1.0]
    )
    answers = module.postprocess(torch.tensor([[2.0, 0.0], [0.0, 1.0]]))
    assert [answer["label"] for answer in answers] == ["malignant", "benign"]
    # The logistic function of 2 and of 1.
    assert [answer["probability"] for answer in answers] == pytest.approx(
        [0.8808, 0.7311], abs=1e-4
    )


def test_example_inputs_are_raw_rows(template):
    data = template("data").TumourData()
    data.setup("fit")
    assert data.example_inputs().shape == (4, 30)
    assert data.example_inputs().max() > 100  # areas, in pixels: not standardised


def test_the_id_of_the_template_is_free_until_the_template_is_a_plugin(monkeypatch):
    assert choose_names("starter", "classify", discover()).package == "labloom_starter"
    monkeypatch.setenv("LABLOOM_PLUGINS", str(TEMPLATE))
    monkeypatch.setenv("PYTHONPATH", "")
    monkeypatch.setattr(sys, "path", list(sys.path))
    discover.cache_clear()
    try:
        with pytest.raises(ConfigError, match="there is a plugin 'starter' already"):
            choose_names("starter", "classify", discover())
    finally:
        discover.cache_clear()
        for name in [name for name in sys.modules if name.startswith("labloom_starter")]:
            del sys.modules[name]
