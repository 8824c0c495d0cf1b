"""docs/own_module.md: a stranger's classes in place, and as a plugin of at most 30 lines."""

import json

import pytest

from labloom import arguments
from labloom.errors import ConfigError

LINES = 30
HEADER = """
import hashlib

import pytorch_lightning as pl
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

"""


@pytest.fixture(scope="module")
def page(pages):
    return pages["own_module"]


@pytest.fixture
def own_code(checkout, tmp_path):
    """The folder of a stranger's file, under the names that the page uses."""
    folder = tmp_path / "own"
    folder.mkdir()
    text = (checkout / "tests/stranger/stranger_code.py").read_text(encoding="utf-8")
    text = text.replace("StockData", "Data").replace("StockNet", "Net")
    (folder / "my_code.py").write_text(text)
    return folder


@pytest.fixture
def letters(page, tmp_path, write_files):
    """The folder of the page's plugin."""
    package = "src/labloom_letters"
    empty = dict.fromkeys((f"{package}/__init__.py", f"{package}/conf/__init__.py"), "")
    return write_files(tmp_path / "labloom-letters", {**page.files(), **empty})


def last_line(text):
    return json.loads(text.strip().splitlines()[-1])


def test_the_plugin_is_at_most_30_lines_and_subclasses_nothing(page):
    files = page.files()
    lines = [line for text in files.values() for line in text.splitlines() if line.strip()]
    assert len(files) == 4
    assert len(lines) <= LINES
    assert not any(line.startswith("class ") for line in lines)


def test_the_plugin_trains_the_strangers_classes(page, letters, own_code, in_folder):
    words = next(w for w in page.labloom_commands() if w[:2] == ["run", "task=letters_read"])
    code = (f"paths.code={own_code}", "debug=fast", "tracking.log_model=false", "--json")
    run = last_line(in_folder(*words, *code, plugins=[letters]))
    assert run["status"] == "FINISHED"
    assert run["objective"] == pytest.approx(run["metrics"]["val/acc"])
    params = last_line(in_folder("show", "last", "--json", plugins=[letters]))["params"]
    assert (params["module.hidden"], params["module.lr"]) == ("64", "0.01")
    assert params["data.batch_size"] == "64"


def test_the_plugin_keeps_the_contract(letters, own_code, in_folder, monkeypatch):
    monkeypatch.syspath_prepend(own_code)
    monkeypatch.setenv("PYTHONPATH", str(own_code))  # for the fresh process of one check
    assert "letters keeps the contract" in in_folder("check", "letters", plugins=[letters])


def test_the_classes_run_in_place_with_a_metric(page, own_code, in_folder):
    words = next(w for w in page.labloom_commands() if "task.monitor=val/acc" in w)
    fast = ("debug=fast", "tracking.log_model=false", "--json")
    assert last_line(in_folder(*words, *fast, cwd=own_code))["objective"] is not None


def test_every_optional_part_is_used(page, tmp_path, in_folder):
    parts = next(block for block in page.blocks("python") if "postprocess" in block)
    (tmp_path / "all_parts.py").write_text(HEADER + parts)
    targets = ("module._target_=all_parts.Net", "data._target_=all_parts.Data")
    fast = ("debug=fast", "tracking.log_model=true", "--json")
    in_folder("run", "task=custom", "paths.code=.", *targets, *fast)
    assert '"digit"' in in_folder("predict", "last", "--json", *example_inputs(parts))
    params = last_line(in_folder("show", "last", "--json"))["params"]
    assert params["optimizer._target_"] == "torch.optim.Adam"


def example_inputs(parts):
    """What the page's datamodule answers."""
    code = {}
    exec(HEADER + parts, code)
    return code["Data"]().example_inputs()


def test_an_argument_out_of_range_is_told_as_the_page_says(page):
    checked = next(block for block in page.blocks("python") if "require_whole" in block)
    shown = next(block for block in page.blocks("text") if "cannot be used" in block)
    code = {}
    exec(HEADER + checked, code)
    code["MLP"](width=8, depth=1)
    with pytest.raises(ConfigError) as caught:
        code["MLP"](width=8, depth=0)
    assert str(caught.value) == shown.strip()


def test_the_page_lists_every_check(page):
    table = page.text[page.text.index("| check | refuses |") :]
    for name, value in vars(arguments).items():
        if name.startswith("require"):
            assert f"`{name}`" in table, value
