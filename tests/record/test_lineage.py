import subprocess

import pytest

from labloom.record import lineage
from labloom.record.lineage import collect_lineage, process_tags, read_repository


@pytest.fixture
def checkout(folder, monkeypatch):
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{name}_NAME", "ann")
        monkeypatch.setenv(f"GIT_{name}_EMAIL", "ann@example.org")
    root = folder / "checkout"
    root.mkdir()
    (root / "train.py").write_text("lr = 1\n")
    for words in (["init", "-q", "-b", "trunk"], ["add", "."], ["commit", "-qm", "first"]):
        subprocess.run(["git", "-C", str(root), *words], check=True)
    return root


def test_clean_checkout_is_described(checkout):
    repository = read_repository(checkout)

    assert len(repository.commit) == 40
    assert (repository.branch, repository.dirty, repository.diff) == ("trunk", False, "")


def test_uncommitted_changes_are_kept_as_a_diff(checkout):
    (checkout / "train.py").write_text("lr = 2\n")
    (checkout / "new.py").write_text("")

    found = collect_lineage([checkout, checkout])

    assert found.tags()["mlflow.source.git.dirty"] == "true"
    assert "-lr = 1\n+lr = 2" in found.diff_text()
    assert "# untracked: new.py" in found.diff_text()


def test_long_diff_is_cut_visibly(checkout, monkeypatch):
    monkeypatch.setattr(lineage, "MAX_DIFF", 100)
    (checkout / "train.py").write_text("lr = 2\n" * 1000)

    assert "[cut: the diff has" in read_repository(checkout).diff


def test_folder_outside_of_a_checkout_has_no_repository(folder):
    assert read_repository(folder) is None
    assert collect_lineage([folder]).tags() == {}


def test_plugin_in_another_checkout_is_named(checkout, folder):
    other = folder / "other"
    subprocess.run(["git", "clone", "-q", str(checkout), str(other)], check=True)

    tags = collect_lineage([checkout, other]).tags()

    assert tags["labloom.plugin.git"].startswith("other ")


def test_only_listed_environment_variables_are_recorded(folder, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://ann:pw@host")
    monkeypatch.setenv("MY_OWN", "x")

    environment = collect_lineage([folder]).environment

    assert environment["OMP_NUM_THREADS"] == "3"
    assert environment["MLFLOW_TRACKING_URI"] == "http://***@host"
    assert "MY_OWN" not in environment


def test_versions_name_what_a_run_depends_on(folder):
    text = collect_lineage([folder], ["pluggy"]).versions_text()

    for name in ("python ", "torch ", "mlflow ", "hydra-core ", "pluggy "):
        assert f"\n{name}" in text


def test_host_and_process_are_known():
    assert process_tags()["labloom.pid"].isdigit()
