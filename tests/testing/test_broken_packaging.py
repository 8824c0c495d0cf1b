"""Plugins whose wheel lacks what the folder has."""

from __future__ import annotations

import json

import pytest

CHECK = "the_wheel_carries_every_option_file"


def test_forgotten_package_data_is_noticed(toy):
    toy.change("pyproject.toml", "[tool.setuptools.package-data]", "[tool.toy]")
    said = toy.failure("the_wheel_carries_every_option_file")
    assert "the wheel lacks " in said
    assert "labloom_toy/conf/model/toy_mlp.yaml" in said
    assert '[tool.setuptools.package-data] labloom_toy = ["conf/**/*.yaml"]' in said


def test_one_forgotten_group_is_noticed(toy):
    toy.change("pyproject.toml", "conf/**/*.yaml", "conf/[tm]*/*.yaml")
    said = toy.failure(CHECK)
    assert "lacks labloom_toy/conf/data/toy_big.yaml, labloom_toy/conf/data/toy_iris.yaml" in said


def test_a_wheel_that_cannot_be_built_is_told_with_the_command_that_shows_why(toy):
    toy.change("pyproject.toml", 'where = ["src"]', 'where = "src"')
    said = toy.failure(CHECK)
    assert f"the wheel of {toy.folder} cannot be built" in said
    assert f"python -m build --wheel {toy.folder}" in said
    assert "got: " in said


def test_a_build_backend_that_is_not_here_is_not_checked(toy):
    toy.change("pyproject.toml", "setuptools.build_meta", "a_missing_backend.api")
    toy.change("pyproject.toml", "setuptools>=77", "a-missing-backend>=2")
    assert toy.reason(CHECK) == (
        "the build backend is not installed: pip install a-missing-backend>=2"
    )


@pytest.fixture
def installed(toy, monkeypatch):
    """Let the plugin be found as pip leaves it, with these files beside its metadata."""

    def install(package_folder, **files):
        info = package_folder / "labloom_toy-0.1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: labloom-toy\nVersion: 0.1.0\n")
        (info / "entry_points.txt").write_text("[labloom.plugins]\ntoy = labloom_toy.plugin\n")
        for name, text in files.items():
            (info / name.replace("_json", ".json")).write_text(text)
        monkeypatch.delenv("LABLOOM_PLUGINS")
        monkeypatch.syspath_prepend(str(package_folder))
        return toy

    return install


def test_an_installed_wheel_without_its_yaml_is_noticed(toy, installed):
    came = ["__init__.py", "plugin.py", "conf/__init__.py", "conf/task/toy_iris.yaml"]
    installed(toy.folder / "src", RECORD="".join(f"labloom_toy/{file},,\n" for file in came))
    said = toy.failure(CHECK)
    assert "lacks labloom_toy/conf/data/toy_big.yaml, labloom_toy/conf/data/toy_iris.yaml" in said
    assert "conf/task" not in said
    assert "task/toy_iris.yaml" not in said


def test_the_folder_of_an_editable_installation_is_built(toy, installed):
    spaced = toy.folder.with_name("my plugin")
    toy.folder.rename(spaced)
    origin = {"url": spaced.as_uri(), "dir_info": {"editable": True}}
    installed(spaced / "src", direct_url_json=json.dumps(origin))
    toy.check(CHECK)
    project = spaced / "pyproject.toml"
    project.write_text(project.read_text().replace("[tool.setuptools.package-data]", "[tool.toy]"))
    assert "the wheel lacks " in toy.failure(CHECK)
