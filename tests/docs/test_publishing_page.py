"""docs/publishing.md: its project makes a wheel that carries the option files."""

import shutil
import subprocess
import sys
import tomllib
import zipfile

import pytest

from labloom.hookspecs import ENTRY_POINT_GROUP
from labloom.testing import TaskContract


@pytest.fixture(scope="module")
def page(pages):
    return pages["publishing"]


@pytest.fixture(scope="module")
def wheel(page, pages, tmp_path_factory, write_files):
    """Path of the wheel, built as the page says from the plugin of docs/hooks.md."""
    package = "src/labloom_iris"
    files = {
        f"{package}/{path}" if path.startswith("conf/") else path: text
        for path, text in pages["hooks"].files().items()
    }
    empty = dict.fromkeys((f"{package}/__init__.py", f"{package}/conf/__init__.py"), "")
    everything = {**files, **empty, "pyproject.toml": page.blocks("toml")[0]}
    folder = write_files(tmp_path_factory.mktemp("iris"), everything)
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    yield next((folder / "dist").glob("*.whl"))
    shutil.rmtree(folder)


def test_the_wheel_has_the_name_that_the_page_installs(page, wheel):
    assert any(f"dist/{wheel.name}" in words for words in page.commands())


def test_the_wheel_carries_code_option_files_and_entry_point(wheel):
    with zipfile.ZipFile(wheel) as opened:
        names = opened.namelist()
        entry_points = opened.read("labloom_iris-0.1.0.dist-info/entry_points.txt").decode()
    assert {
        f"labloom_iris/{name}"
        for name in (
            "plugin.py",
            "species.py",
            "figures.py",
            "conf/__init__.py",
            "conf/task/iris_species.yaml",
            "conf/data/iris_flowers.yaml",
        )
    } <= set(names)
    assert f"[{ENTRY_POINT_GROUP}]\niris = labloom_iris.plugin" in entry_points


def test_the_range_is_the_one_that_the_page_explains(page):
    project = tomllib.loads(page.blocks("toml")[0])["project"]
    wanted = project["dependencies"][0].removeprefix("labloom")
    assert f"`{wanted}`" in page.text


def test_the_line_for_the_authors_own_tests_is_one(page):
    code = {}
    exec(page.blocks("python")[0], code)
    assert issubclass(code["TestIris"], TaskContract)
    assert code["TestIris"].plugin == "iris"
