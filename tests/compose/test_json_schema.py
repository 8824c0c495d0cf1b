"""The JSON Schema accepts what labloom accepts, and flags what it refuses, key by key."""

import importlib
import inspect
import json
import textwrap
import typing
from dataclasses import fields

import pytest
from jsonschema import Draft7Validator
from omegaconf import OmegaConf

from labloom.compose import schema
from labloom.compose.composing import compose_config, hydra_ready
from labloom.compose.json_schema import schema_groups, schema_of_group
from labloom.compose.schema_sources import constructors
from labloom.compose.schema_values import value_schema
from labloom.compose.typed import problems_in
from labloom.errors import ConfigError

SHIPPED = ("conf", "plugins/vision/src/labloom_vision/conf")
DATACLASSES = [
    *schema.GROUPS.values(),
    *schema.OPTIMIZERS.values(),
    *schema.SCHEDULERS.values(),
    schema.Confirm,
    schema.Checkpoint,
    schema.EarlyStopping,
]
# 2.0 is left out: JSON knows no difference between a whole float and a whole number.
VALUES = [None, True, False, -2, -1, 0, 1, 2, 3, 16, 2**32, -0.5, 0.25, 1.5, "5", "max", "16-mixed"]
VALUES += [[], [0, 2], {}, {"days": 1}, {"patience": -1}, {"patience": 3}]


def flagged(group, text):
    """Dotted keys that the schema of a group flags in a file, with the messages."""
    content = OmegaConf.to_container(OmegaConf.create(textwrap.dedent(text)))
    errors = Draft7Validator(schema_of_group(group)).iter_errors(content)
    return [(".".join(map(str, error.path)), error.message) for error in errors]


def option_files(checkout):
    for root in SHIPPED:
        for file in (checkout / root).rglob("*.yaml"):
            group = file.parent.name
            if group in schema_groups():
                yield group, file
    for file in (checkout / "experiments").glob("*.yaml"):
        yield "experiment", file


def test_every_shipped_option_file_is_accepted(checkout):
    files = list(option_files(checkout))
    assert len(files) > 35
    assert {group for group, _ in files} == set(schema_groups())
    found = {str(file): flagged(group, file.read_text()) for group, file in files}
    assert not any(found.values()), found


@pytest.mark.parametrize("group", schema_groups())
def test_every_schema_is_itself_valid(group):
    Draft7Validator.check_schema(schema_of_group(group))


@pytest.mark.parametrize("cls", dict.fromkeys(DATACLASSES), ids=lambda cls: cls.__name__)
def test_schema_and_labloom_agree_about_every_value_of_every_core_key(cls):
    hints = typing.get_type_hints(cls)
    for entry in fields(cls):
        accepts = Draft7Validator(value_schema(hints[entry.name], entry.metadata)).is_valid
        for value in VALUES:
            refused = problems_in({entry.name: value}, cls)
            refused = refused or (
                isinstance(value, dict) and schema_refuses_key(hints[entry.name], value)
            )
            assert accepts(value) is not bool(refused), (entry.name, value)


def schema_refuses_key(hint, value):
    """Keys that a nested dataclass lacks: labloom refuses them in another check."""
    nested = next(
        (o for o in typing.get_args(hint) or (hint,) if hasattr(o, "__annotations__")), None
    )
    return nested is not None and not set(value) <= {entry.name for entry in fields(nested)}


WRONG = [
    # misspelt keys
    ("trainer", "max_epoch: 3", "", "'max_epoch' was unexpected"),
    ("callbacks", "checkpoint: {save_top: 3}", "checkpoint", "not valid under any"),
    ("optimizer", "{_target_: torch.optim.Adam, momentum: 0.9}", "", "'momentum' was unexpected"),
    ("scheduler", "{name: step, warmup: 0.1}", "", "'warmup' was unexpected"),
    ("experiment", "trainer: {max_epoch: 3}", "trainer", "'max_epoch' was unexpected"),
    ("experiment", "optimizer: {learning_rate: 1}", "optimizer", "'learning_rate' was unexpected"),
    ("experiment", "model: {widht: 3}", "model", "'widht' was unexpected"),
    ("experiment", "trainr: {max_epochs: 3}", "trainr", "not of type"),
    ("debug", "trainer: {max_epoch: 1}", "trainer", "'max_epoch' was unexpected"),
    (
        "model",
        "{_target_: labloom_vision.nets.cnn.CNN, depth: 3}",
        "",
        "'depth' was unexpected",
    ),
    # wrong types
    ("trainer", "max_epochs: '3'", "max_epochs", "'3' is not valid"),
    ("tracking", "log_model: 'yes'", "log_model", "'yes' is not valid"),
    (
        "data",
        "{_target_: labloom_vision.data.DigitsData, batch_size: many}",
        "batch_size",
        "'many' is not valid",
    ),
    (
        "task",
        "{task: {name: vision_x}, module: {_target_: labloom_vision.classify.ImageClassifier, "
        "label_smoothing: high}}",
        "module.label_smoothing",
        "'high' is not valid",
    ),
    # wrong ranges and choices
    ("optimizer", "{_target_: torch.optim.SGD, lr: 0}", "lr", "0 is not valid"),
    ("trainer", "limit_val_batches: 1.5", "limit_val_batches", "1.5 is not valid"),
    ("trainer", "gradient_clip_algorithm: big", "gradient_clip_algorithm", "'big' is not valid"),
    ("scheduler", "name: cosin", "name", "'cosin' is not one of"),
    ("experiment", "seed: -1", "seed", "-1 is not valid"),
    # what must be there, and what must not
    ("model", "width: 3", "", "not valid under any"),
    ("scheduler", "warmup: 0.1", "", "not valid under any"),
    ("model", "_target_: CNN", "_target_", "'CNN' is not valid"),
    ("task", "{task: {name: vision_x}, module: {label_smoothing: 0.1}}", "module", "'_target_'"),
    ("task", "{task: {monitor: val/acc}}", "task", "'name' is a required property"),
    ("task", "{task: {name: vision_x}, model: {width: 3}}", "model", "is not of type"),
    ("task", "{task: {name: vision_x}, data: {limit: 3}}", "data", "is not of type"),
    ("experiment", "targets: [mine]", "targets", "is not of type"),
]


@pytest.mark.parametrize(("group", "text", "key", "message"), WRONG)
def test_a_mistake_is_flagged_at_its_key(group, text, key, message):
    found = flagged(group, text)
    assert any(where == key and message in said for where, said in found), found


RIGHT = [
    ("trainer", "{defaults: [default, _self_], max_epochs: '${oc.env:EPOCHS,3}', devices: '???'}"),
    ("optimizer", "{_target_: torch.optim.Adadelta, rho: 0.9}"),
    ("optimizer", "{defaults: [adam, _self_], lr: 1e-2}"),
    ("model", "{_target_: mynets.Net, whatever: 3}"),
    ("model", "{defaults: [vision_cnn, _self_], width: 3}"),
    ("experiment", "{side: 32, data: {image_size: '${side}'}, hydra: {sweeper: {max_jobs: 1}}}"),
    ("experiment", "{optimizer: {momentum: 0.9}, scheduler: {warmup: 10}, model: {depth: 3}}"),
    ("experiment", "callbacks: {early_stopping: {patience: 3}, extra: {ema: {_target_: a.B}}}"),
]


@pytest.mark.parametrize(("group", "text"), RIGHT)
def test_what_labloom_accepts_is_not_flagged(group, text):
    assert flagged(group, text) == []


@pytest.mark.parametrize(
    ("entries", "known"),
    [
        ("[{override /task: vision_classify}, {override /model: vision_mlp}]", True),
        ("[{override /task: vision_classify}, {override /hydra/launcher: basic}]", True),
        ("[{override /task: vision_classify}, {override model: vision_mlp}]", False),
        ("[{/optimizer: sgd}, {override /task: vision_classify}]", False),
        ("[{override /task: vision_classify}, {optimizer: sgd}]", False),
    ],
)
def test_a_defaults_list_is_flagged_where_hydra_refuses_it(entries, known, tmp_path, monkeypatch):
    (tmp_path / "experiments").mkdir()
    text = f"# @package _global_\ndefaults: {entries}\n"
    (tmp_path / "experiments" / "mine.yaml").write_text(text)
    monkeypatch.chdir(tmp_path)
    with hydra_ready():
        try:
            accepted = bool(compose_config(["experiment=mine"]))
        except ConfigError:
            accepted = False
    assert accepted is known
    assert (flagged("experiment", text) == []) is known


@pytest.mark.parametrize("node", ["module", "model", "data"])
def test_arguments_read_from_source_are_those_of_the_imported_class(node):
    found = constructors(node)
    assert found
    for target, constructor in found.items():
        module, _, name = target.rpartition(".")
        cls = getattr(importlib.import_module(module), name)
        assert list(constructor.arguments) == list(inspect.signature(cls).parameters)
        assert not constructor.open


NETS = '''
from dataclasses import dataclass
from typing import Literal, Optional, Union
import torch
from .elsewhere import Renamed as Other
from labloom_shapes.elsewhere import Base

class Typed:
    """A network.

    Args:
        width: channels of the first stage, doubled
            in each further stage.
        rate (float): of dropout.

    Raises:
        ValueError: width: is odd.
    """

    def __init__(self, width: int, rate: "float" = 0.5, kind: Literal["a", "b"] = "a",
                 size: Optional[int] = 3, both: Union[int, str] = 1, late: int = None,
                 sizes: list[int] = (1, 2), head: torch.nn.Module = None, *, flag: bool = False):
        pass

class Free(Typed):
    def __init__(self, depth: int, **kwargs):
        super().__init__(**kwargs)

class Inherits(Base):
    pass

class Stranger(torch.nn.Module):
    pass

@dataclass
class Data:
    depth: int

class Decorated:
    @torch.no_grad()
    def __init__(self, depth: int):
        pass
'''
ELSEWHERE = """
class Base:
    def __init__(self, channels: int = 3): ...

class Renamed:
    def __init__(self, size: int): ...
"""


@pytest.fixture
def shapes(plugin_folder, good_plugin):
    """A plugin whose models have constructors of every shape."""
    names = ("Typed", "Free", "Inherits", "Stranger", "Data", "Decorated", "Other", "Absent")
    options = {
        f"conf/model/shapes_{name.lower()}.yaml": f"_target_: labloom_shapes.nets.{name}\n"
        for name in names
    }
    files = {"nets.py": NETS, "elsewhere.py": ELSEWHERE, **options}
    plugin_folder("shapes", good_plugin.format(id="shapes"), files=files)

    def check(cls, text):
        return [
            key or said
            for key, said in flagged("model", f"_target_: labloom_shapes.nets.{cls}\n{text}")
        ]

    return check


def test_annotations_say_what_an_argument_may_be(shapes):
    right = "width: 3\nrate: 1\nkind: b\nsize: null\nboth: x\nlate: null\nsizes: [1]\nflag: true\n"
    assert shapes("Typed", right + "head: {_target_: torch.nn.Identity}\n") == []
    wrong = {"width": "x", "rate": "x", "kind": "c", "size": "x", "both": "[1]", "late": "x"}
    wrong |= {"sizes": "[x]", "flag": "1"}
    for name, value in wrong.items():
        assert shapes("Typed", f"{name}: {value}\n")[0].startswith(name), name


def test_texts_and_defaults_are_shown_in_the_editor(shapes):
    arguments = constructors("model")["labloom_shapes.nets.Typed"].arguments
    text = "channels of the first stage, doubled in each further stage."
    assert arguments["width"]["description"] == text
    assert arguments["rate"]["description"] == "of dropout."
    assert arguments["rate"]["default"] == 0.5
    assert "description" not in arguments["kind"]


@pytest.mark.parametrize("cls", ["Free", "Stranger", "Data", "Decorated", "Absent"])
def test_what_source_does_not_tell_is_not_judged(shapes, cls):
    assert shapes(cls, "anything: 3\n") == []


def test_what_is_known_of_an_open_class_is_judged(shapes):
    assert shapes("Free", "depth: x\n") == ["depth"]


@pytest.mark.parametrize(("cls", "argument"), [("Inherits", "channels"), ("Other", "size")])
def test_constructors_are_found_through_bases_and_imports_of_the_package(shapes, cls, argument):
    assert shapes(cls, f"{argument}: 3\n") == []
    assert "'missspelt' was unexpected" in shapes(cls, "missspelt: 3\n")[0]


def test_option_files_of_a_plugin_that_builds_itself_need_no_target(plugin_folder, good_plugin):
    build = "\n@hookimpl\ndef build(cfg, task):\n    return None\n"
    plugin_folder("builder", good_plugin.format(id="builder") + build)
    assert flagged("model", "width: 3") == []


def test_every_key_of_the_trainer_has_a_description():
    properties = schema_of_group("trainer")["properties"]
    assert [name for name, found in properties.items() if "description" not in found] == []


def test_a_group_that_is_not_there_brings_the_nearest():
    with pytest.raises(ConfigError, match="there is no config group 'modle'") as caught:
        schema_of_group("modle")
    assert caught.value.fix == "did you mean 'model'?"


def test_a_schema_is_printed_without_a_heavy_import(light_labloom):
    done = light_labloom("schema", "experiment")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == schema_of_group("experiment")


def test_schemas_are_written_and_the_settings_name_each_of_them(light_labloom, tmp_path):
    done = light_labloom("schema", "--write", ".vscode/labloom")
    assert done.returncode == 0, done.stderr
    settings = json.loads("{" + done.stdout.partition("settings.json")[2].partition("Any")[0] + "}")
    written = {f"./{f.relative_to(tmp_path)}" for f in (tmp_path / ".vscode").rglob("*.json")}
    assert set(settings["yaml.schemas"]) == written
    assert len(written) == len(schema_groups())
    modeline = done.stdout.strip().splitlines()[-1].partition("$schema=")[2]
    assert modeline == str(tmp_path / ".vscode" / "labloom" / "task.json")


def test_a_folder_that_cannot_be_written_is_told(light_labloom, tmp_path):
    (tmp_path / "file").write_text("")
    done = light_labloom("schema", "--write", "file/schemas")
    assert done.returncode == 2
    assert "'file/schemas' cannot be written" in done.stderr


def test_without_words_the_groups_are_listed(light_labloom):
    done = light_labloom("schema")
    assert done.returncode == 0
    assert all(f"  {group} " in done.stdout for group in schema_groups())


@pytest.mark.parametrize("content", [b"- a list", b"a: \xff", b"a: [1", b"module: 3"])
def test_an_option_file_that_cannot_be_read_is_left_to_the_run(
    light_labloom, plugin_folder, good_plugin, content
):
    folder = plugin_folder("bad", good_plugin.format(id="bad"))
    (folder / "src/labloom_bad/conf/task/bad_task.yaml").write_bytes(content)
    done = light_labloom("schema", "task", LABLOOM_PLUGINS=folder)
    assert done.returncode == 0, done.stderr
