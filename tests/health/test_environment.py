"""Machine, packages, variables and disk."""

import os
from types import SimpleNamespace

import pytest

import labloom
from labloom.health import accelerators, disk, variables
from labloom.health.environment import look_at_machine, look_at_packages


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Put a distribution with some metadata in front of what is installed."""

    def put(name, version, *lines):
        info = tmp_path / f"{name}-{version}.dist-info"
        info.mkdir()
        texts = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", *lines]
        (info / "METADATA").write_text("\n".join(texts) + "\n")
        monkeypatch.syspath_prepend(tmp_path)

    return put


def test_the_machine_is_described():
    section = look_at_machine()
    assert dict(section.rows)["labloom"].startswith(f"{labloom.__version__} in ")
    assert section.facts["cores"] >= 1
    assert section.facts["memory_bytes"] > 1e8


def test_packages_of_this_environment_fit():
    section = look_at_packages()
    assert [found for found in section.findings if found.broken] == []
    assert section.facts["torch"]


def test_a_package_that_is_missing_or_too_old_brings_the_pip_command(installed):
    asked = ("a-missing-package>=2", "click<1,>=0.5", "torch; extra == 'more'")
    installed("labloom", "0.1.0", *(f"Requires-Dist: {text}" for text in asked))
    section = look_at_packages()
    missing, old = section.findings
    assert "a-missing-package is missing, and labloom asks for a-missing-package>=2" in missing.text
    assert missing.fix == "pip install 'a-missing-package>=2'"
    assert "labloom asks for click>=0.5,<1" in old.text
    assert "torch" not in section.facts  # only an extra asks for it


def test_another_python_is_a_problem(installed):
    installed("labloom", "0.1.0", "Requires-Python: >=9")
    (found,) = look_at_packages().findings
    assert "and labloom asks for >=9" in found.text


def test_the_other_lightning_is_a_warning(installed):
    installed("lightning", "2.6.6")
    (found,) = [f for f in look_at_packages().findings if "lightning 2.6.6" in f.text]
    assert not found.broken
    assert "their classes do not mix" in found.text
    assert found.fix == "import pytorch_lightning everywhere, or: pip uninstall lightning"


@pytest.fixture
def bare(monkeypatch):
    """An environment without any variable of labloom's or MLflow's."""
    for name in [n for n in os.environ if n.startswith(("LABLOOM_", "MLFLOW_"))]:
        monkeypatch.delenv(name)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return monkeypatch


def test_variables_in_force_are_shown_and_secrets_are_not(bare):
    bare.setenv("MLFLOW_TRACKING_PASSWORD", "hush")
    bare.setenv("MLFLOW_TRACKING_URI", "http://me:hush@host")
    bare.setenv("LABLOOM_DATA", "/data")
    section = variables.look_at_variables()
    assert section.facts == {
        "LABLOOM_DATA": "/data",
        "MLFLOW_TRACKING_PASSWORD": "***",
        "MLFLOW_TRACKING_URI": "http://***@host",
    }
    assert section.findings == []


def test_no_variable_is_told_in_words(bare):
    assert variables.look_at_variables().rows == [("none", "of LABLOOM_* and MLFLOW_* is set")]


@pytest.mark.parametrize(
    ("name", "fix"),
    [
        ("LABLOOM_PLUGIN", "did you mean LABLOOM_PLUGINS?"),
        ("LABLOOM_ZZZZZZZZZZZZZZ", "labloom reads LABLOOM_"),
    ],
)
def test_a_variable_that_nothing_reads_is_a_warning(bare, name, fix):
    bare.setenv(name, "1")
    (found,) = variables.look_at_variables().findings
    assert found.text == f"{name} is set, and nothing reads it"
    assert found.fix.startswith(fix)
    assert not found.broken


@pytest.fixture
def here(bare, tmp_path):
    """An empty working directory."""
    bare.chdir(tmp_path)
    return tmp_path


def test_folders_are_those_of_the_config_and_none_is_made(here, bare):
    bare.setenv("LABLOOM_DATA", str(here))
    section = disk.look_at_disk()
    assert section.facts["data"]["folder"] == str(here)
    assert section.facts["outputs"]["folder"] == str(here / "outputs")
    assert section.facts["artifacts"]["folder"] == str(here / "mlruns")
    assert "not there yet" in dict(section.rows)["outputs"]
    assert section.findings == []
    assert list(here.iterdir()) == []


def test_a_data_folder_that_is_not_there_is_a_warning(here, bare):
    bare.setenv("LABLOOM_DATA", "elsewhere")
    (found,) = disk.look_at_disk().findings
    assert found.text == f"LABLOOM_DATA names {here / 'elsewhere'}, which is not there"
    assert not found.broken


def test_a_full_disk_is_a_warning(here, bare):
    bare.setattr(disk.shutil, "disk_usage", lambda folder: SimpleNamespace(free=5e8))
    texts = [found.text for found in disk.look_at_disk().findings]
    assert f"only 0.5 GB are free for outputs in {here / 'outputs'}" in texts


def test_a_folder_that_cannot_be_written_is_a_problem_but_for_data(here, bare):
    bare.setattr(disk.os, "access", lambda folder, mode: False)  # root may write anywhere
    found = disk.look_at_disk().findings
    assert [entry.text for entry in found] == [
        f"nothing can be written to {here / 'outputs'}, where outputs go",
        f"nothing can be written to {here / 'mlruns'}, where artifacts go",
    ]
    assert all(entry.broken for entry in found)
    assert "paths.output=FOLDER" in found[0].fix


def test_devices_are_named_or_their_absence_is():
    import torch

    section = accelerators.look_at_accelerators()
    rows = dict(section.rows)
    assert rows["torch"].startswith(torch.__version__)
    assert len(section.facts["devices"]) >= torch.cuda.device_count()
    if not section.facts["devices"]:
        assert rows["devices"] == "none: CPU only"


def test_a_gpu_that_torch_cannot_use_is_a_warning(tmp_path, monkeypatch):
    import torch

    if torch.cuda.is_available():
        pytest.skip("torch can use the GPU here")
    device = tmp_path / "nvidia0"
    device.touch()
    monkeypatch.setattr(accelerators, "NVIDIA_DEVICE", device)
    (found,) = accelerators.look_at_accelerators().findings
    assert "there is an NVIDIA device, but torch" in found.text
    assert not found.broken
