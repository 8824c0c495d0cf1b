"""The option files of group ``data``: what they say is what the classes take."""

import inspect
from pathlib import Path

import pytest
from hydra.utils import get_class
from omegaconf import OmegaConf

import labloom_vision.data
from labloom_vision.augment import RANGES

FILES = sorted((Path(labloom_vision.data.__file__).parents[1] / "conf" / "data").glob("*.yaml"))


def loaded(path):
    config = OmegaConf.create({"data": OmegaConf.load(path), "paths": {"data": "somewhere"}})
    if path.stem == "vision_folder":
        config.data.folder = "photos"
    return OmegaConf.to_container(config.data, resolve=True, throw_on_missing=True)


def test_there_is_a_file_for_every_data_module():
    targets = {loaded(path)["_target_"].rpartition(".")[2] for path in FILES}
    assert targets == set(labloom_vision.data.__all__)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_file_names_every_argument_with_the_default_of_the_class(path):
    values = loaded(path)
    kind = get_class(values.pop("_target_"))
    parameters = inspect.signature(kind).parameters
    assert set(values) == set(parameters)
    assert set(values.pop("strengths")) == set(RANGES)
    for key in set(values) - {"root", "folder"}:
        assert values[key] == parameters[key].default, key


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_file_builds_its_data_module(path):
    values = loaded(path)
    data = get_class(values.pop("_target_"))(**values)
    assert data.batch_size == values["batch_size"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_file_has_its_command_in_the_header_and_a_comment_on_every_line(path):
    lines = path.read_text().splitlines()
    header = [line for line in lines if line.startswith("#")]
    assert any(f"data={path.stem}" in line for line in header)
    settings = [line for line in lines if not line.startswith(("#", "_target_"))]
    assert all(" # " in line for line in settings)
