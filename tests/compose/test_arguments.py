import pytest

from labloom.compose.arguments import (
    free_custom_nodes,
    parse,
    parse_overrides,
    quoted,
    trusted_packages,
)
from labloom.errors import ConfigError


def test_flags_may_stand_behind_overrides():
    line = parse(["task=custom", "-m", "seed=1,2", "--cfg", "job", "--resolve"])
    assert line.flags == ("--multirun", "--cfg", "job", "--resolve")
    assert line.overrides == ("task=custom", "seed=1,2")
    assert line.multirun
    assert line.shows_only


def test_labloom_flags_are_taken_off():
    line = parse(["--json", "resume=abc", "trainer.max_epochs=3", "--config-dir", "mine"])
    assert (line.json, line.resume, line.config_dir) == (True, "abc", "mine")
    assert line.flags == ()
    assert line.overrides == ("trainer.max_epochs=3",)


def test_hydras_mode_override_is_a_multirun():
    assert parse(["hydra.mode=MULTIRUN"]).multirun
    assert not parse(["hydra.mode=RUN"]).multirun


def test_a_word_that_is_no_override_is_refused():
    with pytest.raises(ConfigError, match="cannot read 'digits'"):
        parse(["digits"])


def test_a_flag_without_its_value_is_refused():
    with pytest.raises(ConfigError, match="--cfg needs a value"):
        parse(["--cfg"])


def test_a_broken_override_is_refused_with_the_grammar():
    with pytest.raises(ConfigError) as caught:
        parse_overrides(["seed=[1"])
    assert "cannot read the override 'seed=[1'" in str(caught.value)
    assert "key=value" in str(caught.value)


def test_task_custom_takes_new_keys_without_a_plus():
    typed = ["task=custom", "module.hidden=64", "data.root=x", "seed=1"]
    assert free_custom_nodes(typed) == (
        "task=custom",
        "++module.hidden=64",
        "++data.root=x",
        "seed=1",
    )


def test_other_tasks_do_not():
    assert free_custom_nodes(["task=vision_classify", "model.depht=3"])[1] == "model.depht=3"


def test_only_typed_targets_are_trusted():
    typed = parse_overrides(["module._target_=mine.Net", "targets=[yours]", "seed=1"])
    assert trusted_packages(typed) == ("mine", "yours")


def test_targets_inside_typed_mappings_and_lists_are_trusted():
    typed = parse_overrides(["+callbacks.extra.e={_target_: mine.E, parts: [{_target_: yours.P}]}"])
    assert trusted_packages(typed) == ("mine", "yours")


def test_an_experiment_that_chooses_task_custom_takes_new_keys_too(tmp_path, monkeypatch):
    (tmp_path / "experiments").mkdir()
    (tmp_path / "experiments" / "mine.yaml").write_text(
        "# @package _global_\ndefaults: [{override /task: custom}]\n"
    )
    monkeypatch.chdir(tmp_path)
    typed = ("experiment=mine", "module.hidden=64")
    assert free_custom_nodes(typed) == ("experiment=mine", "++module.hidden=64")
    other = (*typed, "task=vision_classify")
    assert free_custom_nodes(other) == other


@pytest.mark.parametrize(
    "text",
    [
        "plain",
        "",
        "a folder, with (parentheses) [brackets] {braces}",
        'it\'s "quoted"',
        "C:\\runs\\new\\",
        "\\'",
        "\\\\''\\",
        "null",
        "1e-3",
        "a=b",
        " ",
    ],
)
def test_a_quoted_text_comes_back_as_it_was(text):
    (override,) = parse_overrides([quoted("hydra.sweep.dir", text)])
    assert (override.key_or_group, override.value()) == ("hydra.sweep.dir", text)


def test_info_takes_a_topic_or_none():
    assert parse(["--info", "searchpath", "task=custom"]).flags == ("--info=searchpath",)
    assert parse(["--info", "task=custom"]).flags == ("--info",)


def test_an_unknown_flag_brings_the_nearest():
    with pytest.raises(ConfigError) as caught:
        parse(["--multrun"])
    assert "did you mean --multirun?" in str(caught.value)


def test_a_wrong_topic_of_cfg_is_refused():
    with pytest.raises(ConfigError, match="--cfg cannot be 'jb'"):
        parse(["--cfg", "jb"])
