"""Folders in LABLOOM_PLUGINS that hold no plugin: each is named with what to do about it."""

from __future__ import annotations

import json

import pytest

FOLDERS = {
    "no folder": (None, "there is no folder ", "mend LABLOOM_PLUGINS ("),
    "no pyproject": ("", "has no pyproject.toml", "labloom new writes a whole plugin"),
    "an empty pyproject": ("\n", "has no [project]", "write [project] with name and version"),
    "no TOML": ("[project", "pyproject.toml is no TOML: ", "mend "),
    "a project that is a text": ("project = 'x'", "'project' is no table", "write [project]"),
    "no entry point": (
        "[project]\nname = 'far'\n",
        "declares no plugin",
        '[project.entry-points."labloom.plugins"]',
    ),
    "a misspelt group": (
        "[project]\nname = 'far'\n[project.entry-points.'labloom.plugin']\nfar = 'far.plugin'\n",
        "declares no plugin",
        'got: [project.entry-points."labloom.plugin"]',
    ),
    "no name": (
        "[project]\n[project.entry-points.'labloom.plugins']\nfar = 'far.plugin'\n",
        "is no project with entry points",
        "a name under [project]",
    ),
}


@pytest.mark.parametrize(("project", "says", "fix"), FOLDERS.values(), ids=FOLDERS.keys())
def test_a_folder_without_plugin_is_named_with_remedy(light_labloom, tmp_path, project, says, fix):
    folder = tmp_path / "far"
    if project is not None:
        folder.mkdir()
    if project:
        (folder / "pyproject.toml").write_text(project)
    listed = light_labloom("list", LABLOOM_PLUGINS=folder)
    assert listed.returncode == 0
    assert "vision_classify" in listed.stdout
    assert f"BROKEN  far ({folder}) at discover" in listed.stdout
    done = light_labloom("doctor", "far", LABLOOM_PLUGINS=folder)
    assert done.returncode == 1
    one_line = " ".join(done.stdout.split())
    assert says in one_line
    assert fix in one_line
    assert str(folder) in one_line


def test_a_project_beside_plugins_is_left_alone(
    light_labloom, tmp_path, plugin_folder, good_plugin
):
    root = plugin_folder("bad", good_plugin.format(id="bad")).parent
    (root / "website").mkdir()
    (root / "website" / "pyproject.toml").write_text("[project]\nname = 'website'\n")
    listed = light_labloom("list", LABLOOM_PLUGINS=root)
    assert "bad_task" in listed.stdout
    assert "website" not in listed.stdout


def test_two_broken_folders_of_one_name_are_both_told(light_labloom, tmp_path):
    folders = [tmp_path / "one" / "far", tmp_path / "two" / "far"]
    for folder in folders:
        folder.mkdir(parents=True)
        (folder / "pyproject.toml").write_text("[project")
    listed = light_labloom("list", "--json", LABLOOM_PLUGINS=":".join(map(str, folders)))
    assert [found["from"] for found in json.loads(listed.stdout)["broken"]] == [
        [str(folder)] for folder in folders
    ]


def test_a_task_of_a_folder_that_cannot_be_read_names_the_folder(light_labloom, tmp_path):
    (tmp_path / "pyproject.toml").write_text("[project")
    done = light_labloom("run", "task=far_task", LABLOOM_PLUGINS=tmp_path)
    assert done.returncode == 2
    said = " ".join(done.stderr.split())
    assert "there is no task 'far_task'" in said
    assert f"got: plugin not read: {tmp_path}/pyproject.toml is no TOML" in said
