"""The wheels, built and installed into an empty environment, work from an unrelated folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

from labloom.scaffold import Names, write_plugin
from labloom.scaffold.writing import TEMPLATE, template_files

SOURCES = {
    "core": ("pyproject.toml", "README.md", "LICENSE", "framework", "conf", "experiments"),
    "vision": ("pyproject.toml", "README.md", "src"),
}
OURS = ("labloom", "__editable__")


@pytest.fixture(scope="module")
def wheels(checkout, tmp_path_factory):
    """The wheels of the core and of the vision plugin, built from copies of their sources.

    And that of a plugin as ``labloom new`` writes it.
    """
    folder = tmp_path_factory.mktemp("wheels")
    write_plugin(Names(plugin="speech", task="detect"), folder).rename(folder / "speech")
    projects = {"core": checkout, "vision": checkout / "plugins" / "vision"}
    for name, project in projects.items():
        (folder / name).mkdir()
        for source in SOURCES[name]:
            copy(project / source, folder / name / source)
    return {name: build(folder / name, folder / f"{name}-wheel") for name in (*projects, "speech")}


@pytest.fixture(scope="module")
def installed(wheels, tmp_path_factory):
    """Folder of an environment that has everything else from ours, and labloom from the wheels."""
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder / "venv", with_pip=True)
    python = folder / "venv" / "bin" / "python"
    run(
        python,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
        "--no-index",
        *wheels.values(),
    )
    others = folder / "others"
    others.mkdir()
    for entry in Path(sysconfig.get_paths()["purelib"]).iterdir():
        if not entry.name.lower().startswith(OURS):
            (others / entry.name).symlink_to(entry)
    (own_packages,) = (folder / "venv" / "lib").glob("python*/site-packages")
    (own_packages / "others.pth").write_text(f"{others}\n")
    return folder / "venv"


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory):
    """A working directory that has nothing to do with the checkout."""
    return tmp_path_factory.mktemp("elsewhere")


def copy(source: Path, target: Path) -> None:
    if source.is_dir():
        ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
        shutil.copytree(source, target, ignore=ignored)
    else:
        shutil.copy(source, target)


def build(project: Path, target: Path) -> Path:
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", target, project)
    (wheel,) = target.glob("*.whl")
    return wheel


def run(*words: object, cwd: Path | None = None) -> str:
    """What a command prints; it has to end well."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name != "PYTHONPATH" and not name.startswith(("LABLOOM_", "MLFLOW_"))
    }
    done = subprocess.run(
        [str(word) for word in words],
        cwd=cwd,
        env={**kept, "OMP_NUM_THREADS": "1", "COLUMNS": "120"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def yaml_files(folder: Path) -> set[str]:
    return {str(file.relative_to(folder)) for file in folder.rglob("*.yaml")}


def yaml_in(wheel: Path, package: str) -> set[str]:
    with zipfile.ZipFile(wheel) as content:
        names = [name for name in content.namelist() if name.startswith(f"{package}/")]
    return {name.removeprefix(f"{package}/") for name in names if name.endswith(".yaml")}


def test_the_wheel_of_the_core_holds_its_option_files_and_the_experiments(checkout, wheels):
    assert yaml_in(wheels["core"], "labloom/conf") == yaml_files(checkout / "conf")
    assert yaml_in(wheels["core"], "labloom/experiments") == yaml_files(checkout / "experiments")


def test_the_wheel_of_the_plugin_holds_its_option_files(checkout, wheels):
    conf = checkout / "plugins" / "vision" / "src" / "labloom_vision" / "conf"
    assert yaml_in(wheels["vision"], "labloom_vision/conf") == yaml_files(conf)


@pytest.mark.parametrize(("name", "package"), [("core", "labloom"), ("vision", "labloom_vision")])
def test_a_wheel_puts_one_package_and_all_its_modules_into_site_packages(
    checkout, wheels, name, package
):
    source = {"core": "framework/labloom", "vision": "plugins/vision/src/labloom_vision"}[name]
    modules = {
        str(file.relative_to(checkout / source)) for file in (checkout / source).rglob("*.py")
    }
    with zipfile.ZipFile(wheels[name]) as content:
        names = content.namelist()
    assert {entry.partition("/")[0] for entry in names if ".dist-info/" not in entry} == {package}
    assert {f"{package}/{module}" for module in modules} <= set(names)


def test_the_wheel_of_the_core_holds_the_whole_template_and_nothing_else_of_it(wheels):
    with zipfile.ZipFile(wheels["core"]) as content:
        held = {name for name in content.namelist() if name.startswith("labloom/template/")}
        texts = {name: content.read(name) for name in held}
    assert texts == {
        f"labloom/template/{file.as_posix()}": (TEMPLATE / file).read_bytes()
        for file in template_files()
    }


def test_the_wheel_of_a_new_plugin_holds_its_option_files(wheels):
    assert yaml_in(wheels["speech"], "labloom_speech/conf") == {
        "data/speech_tumours.yaml",
        "experiment/speech_first.yaml",
        "model/speech_mlp.yaml",
        "task/speech_detect.yaml",
    }


def test_everything_is_imported_from_the_wheels(installed, elsewhere):
    program = (
        "import labloom, labloom.conf, labloom.experiments, labloom_vision, labloom_vision.conf;"
        "print(*(module.__file__ for module in (labloom, labloom.conf, labloom.experiments,"
        " labloom_vision, labloom_vision.conf)), sep='\\n')"
    )
    files = run(installed / "bin" / "python", "-c", program, cwd=elsewhere).splitlines()
    assert all(Path(file).is_relative_to(installed) for file in files), files


def test_the_plugin_is_found_as_an_installed_distribution(installed, elsewhere):
    printed = run(installed / "bin" / "labloom", "doctor", cwd=elsewhere)
    (line,) = [line for line in printed.splitlines() if "labloom-vision" in line]
    assert " in /" not in line


def test_list_shows_tasks_options_and_experiments(installed, elsewhere):
    printed = run(installed / "bin" / "labloom", "list", cwd=elsewhere)
    for name in ("vision_classify", "vision_cnn", "vision_digits", "custom"):
        assert name in printed
    assert "vision_digits" in printed.partition("Experiments")[2]


def test_an_experiment_composes(installed, elsewhere):
    labloom = installed / "bin" / "labloom"
    printed = run(labloom, "run", "experiment=vision_digits", "--cfg", "job", cwd=elsewhere)
    assert "name: vision_classify" in printed
    assert "_target_: labloom_vision.data." in printed


def test_a_run_trains_and_is_recorded(installed, elsewhere):
    labloom = installed / "bin" / "labloom"
    printed = run(labloom, "run", "task=vision_classify", "debug=fast", cwd=elsewhere)
    assert "labloom show" in printed
    assert (elsewhere / "mlflow.db").exists()
    assert "FINISHED" in run(labloom, "show", "last", cwd=elsewhere)


def test_a_new_plugin_trains_from_its_wheel(installed, elsewhere):
    labloom = installed / "bin" / "labloom"
    assert "speech_detect" in run(labloom, "list", cwd=elsewhere)
    printed = run(labloom, "run", "task=speech_detect", "debug=fast", cwd=elsewhere)
    assert "labloom show" in printed
    assert "speech_detect" in run(labloom, "show", "last", cwd=elsewhere)


def test_a_new_plugin_passes_every_check_from_its_wheel(installed, elsewhere):
    printed = run(installed / "bin" / "labloom", "check", "speech", cwd=elsewhere)
    assert "speech keeps the contract" in printed
    assert " 0 failed" in printed


def test_an_installed_core_writes_the_plugin_that_the_checkout_writes(installed, elsewhere):
    printed = run(installed / "bin" / "labloom", "new", "sounds", cwd=elsewhere)
    folder = elsewhere / "labloom-sounds"
    assert f"export LABLOOM_PLUGINS={folder}" in printed
    (elsewhere / "ours").mkdir()
    ours = write_plugin(Names(plugin="sounds", task="classify"), elsewhere / "ours")
    assert contents(folder) == contents(ours)


def contents(folder: Path) -> dict[str, bytes]:
    """Path and content of every file."""
    files = [file for file in folder.rglob("*") if file.is_file()]
    return {str(file.relative_to(folder)): file.read_bytes() for file in files}
