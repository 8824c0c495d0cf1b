"""Which targets are allowed, and what is said about those that are not."""

from __future__ import annotations

import pytest
import torch
from omegaconf import OmegaConf

from labloom.build.targets import TargetRules, instantiate, locate
from labloom.errors import ConfigError, LabloomError
from labloom.plugins import discover

NOBODY = TargetRules()


def node(target, **arguments):
    return OmegaConf.create({"_target_": target, **arguments})


@pytest.mark.parametrize(
    "target",
    [
        "torch.nn.Linear",
        "torch.optim.AdamW",
        "torchmetrics.classification.MulticlassAccuracy",
        "pytorch_lightning.callbacks.Timer",
        "labloom.build.optimizers.GradientDescent",
    ],
)
def test_classes_of_the_allowed_modules_are_found(target):
    assert locate(target, "x._target_", NOBODY).__name__ == target.rpartition(".")[2]


@pytest.mark.parametrize(
    "target",
    [
        "os.system",
        "subprocess.Popen",
        "torch.hub.load",
        "torch.utils.data.DataLoader",
        "torchvision.models.ResNet",
        "pytorch_lightning.Trainer",
        "labloomx.Evil",
    ],
)
def test_everything_else_is_refused_before_it_is_imported(target):
    with pytest.raises(ConfigError, match=r"x\._target_ is not allowed to be"):
        locate(target, "x._target_", NOBODY)


@pytest.mark.parametrize(
    "target",
    ["torch.nn.modules.module.functools.partial", "torch.optim.optimizer.OrderedDict"],
)
def test_class_that_is_only_reachable_through_an_allowed_module_is_refused(target):
    with pytest.raises(ConfigError, match=r"which is (functools|collections)"):
        locate(target, "x._target_", NOBODY)


@pytest.mark.parametrize("target", ["torch.nn.functional.relu", "torch.nn.init", "torch.nn"])
def test_target_that_is_no_class_is_refused(target):
    with pytest.raises(ConfigError, match=r"must name a class|has no|names no"):
        locate(target, "x._target_", NOBODY)


def test_package_that_the_user_typed_is_allowed(monkeypatch, tmp_path):
    (tmp_path / "typed_by_user.py").write_text("class Net: pass\ndef make(): pass\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    rules = TargetRules(("typed_by_user",))
    assert locate("typed_by_user.Net", "module._target_", rules).__name__ == "Net"
    with pytest.raises(ConfigError, match="must name a class"):
        locate("typed_by_user.make", "module._target_", rules)


def test_refusal_says_how_to_allow_a_package():
    with pytest.raises(ConfigError) as caught:
        locate("mine.Net", "module._target_", NOBODY)
    expected = "type module._target_=mine.Net on the command line, or add targets=[mine]"
    assert caught.value.fix == expected


@pytest.mark.parametrize("target", ["torch.hub.load", "torch.utils.data.DataLoader"])
def test_torch_is_not_widened_even_when_typed(target):
    with pytest.raises(ConfigError, match="of torch, only classes under"):
        locate(target, "model._target_", TargetRules(("torch",)))


def test_name_that_is_wrong_gets_the_nearest_class():
    with pytest.raises(ConfigError, match=r"did you mean torch\.nn\.Linear\?"):
        locate("torch.nn.Linaer", "model._target_", NOBODY)


def test_module_that_does_not_exist_suggests_paths_code():
    with pytest.raises(ConfigError, match=r"paths\.code=DIR") as caught:
        locate("my_missing_code.Net", "module._target_", TargetRules(("my_missing_code",)))
    assert "there is no module 'my_missing_code'" in str(caught.value)


def test_module_that_exists_inside_a_package_that_lacks_it_is_named():
    with pytest.raises(ConfigError, match=r"'torch\.nn' has no 'missing'"):
        locate("torch.nn.missing.Linear", "model._target_", NOBODY)


def test_module_whose_own_import_fails_names_the_cause(monkeypatch, tmp_path):
    (tmp_path / "needs_other.py").write_text("import a_package_that_is_not_there\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(LabloomError, match="No module named 'a_package_that_is_not_there'"):
        locate("needs_other.Net", "module._target_", TargetRules(("needs_other",)))


@pytest.mark.parametrize("target", ["", "a b.C", "../x.Y", "a..b", 3])
def test_target_that_is_no_dotted_path_is_refused(target):
    with pytest.raises(ConfigError, match="is no dotted path"):
        locate(target, "model._target_", TargetRules(("a",)))


def test_target_without_a_module_is_refused():
    with pytest.raises(ConfigError, match="names no module"):
        locate("Net", "module._target_", TargetRules(("Net",)))


def test_nested_targets_are_built():
    built = instantiate(
        node("torch.nn.Sequential", _args_=[{"_target_": "torch.nn.ReLU"}]), "model", NOBODY
    )
    assert isinstance(built[0], torch.nn.ReLU)


def test_nested_targets_are_checked_too():
    config = node("torch.nn.Sequential", _args_=[{"_target_": "os.system", "command": "true"}])
    with pytest.raises(ConfigError, match=r"model\._args_\[0\]\._target_ is not allowed"):
        instantiate(config, "model", NOBODY)


def test_partial_is_refused():
    with pytest.raises(ConfigError, match="asks for a _partial_"):
        instantiate(node("torch.optim.SGD", _partial_=True), "optimizer", NOBODY)


def test_objects_are_passed_as_they_are():
    weights = [torch.nn.Parameter(torch.zeros(1))]
    built = instantiate(node("torch.optim.SGD", lr=0.5), "optimizer", NOBODY, params=weights)
    assert built.param_groups[0]["params"][0] is weights[0]


def test_error_of_a_constructor_keeps_its_cause():
    weights = [torch.nn.Parameter(torch.zeros(1))]
    with pytest.raises(LabloomError, match="Invalid learning rate: -1") as caught:
        instantiate(node("torch.optim.SGD", lr=-1), "optimizer", NOBODY, params=weights)
    assert isinstance(caught.value.__cause__, ValueError)


def test_error_of_a_nested_constructor_keeps_its_cause_without_hydras_wrapping():
    inner = {"_target_": "torch.nn.Dropout", "p": 7}
    with pytest.raises(LabloomError, match="ValueError: dropout probability") as caught:
        instantiate(node("torch.nn.Sequential", _args_=[inner]), "model", NOBODY)
    assert isinstance(caught.value.__cause__, ValueError)


@pytest.fixture
def far(plugin_folder, good_plugin):
    """Write a plugin 'far' whose nets.py is this text, and a model that names a class."""

    def write(nets, target="labloom_far.nets.Net"):
        files = {"nets.py": nets, "conf/model/far_net.yaml": f"# a net\n_target_: {target}\n"}
        folder = plugin_folder("far", good_plugin.format(id="far"), files=files)
        discover()  # puts it on Python's path
        return folder / "src" / "labloom_far"

    return write


FAR = TargetRules(("labloom_far",))


@pytest.mark.parametrize(
    ("nets", "got", "line"),
    [
        ("import os\nx = 1 / 0\n", "ZeroDivisionError: division by zero", 2),
        ("import os\n\nclass Net(:\n", "SyntaxError: invalid syntax", 3),
    ],
)
def test_module_of_a_plugin_that_fails_is_named_with_its_line(far, nets, got, line):
    package = far(nets)
    with pytest.raises(LabloomError) as caught:
        locate("labloom_far.nets.Net", "model._target_", FAR)
    place = f"{package}/nets.py:{line}"
    assert "importing labloom_far.nets of plugin 'far' failed" in caught.value.problem
    assert caught.value.got.startswith(got)
    assert caught.value.got.endswith(f"({place})")
    assert caught.value.fix == f"mend {place}"


def test_package_that_a_plugins_module_misses_comes_with_the_pip_command(far):
    far("import a_missing_package\n")
    with pytest.raises(LabloomError) as caught:
        locate("labloom_far.nets.Net", "model._target_", FAR)
    assert caught.value.fix.startswith("pip install a_missing_package")


def test_misspelt_package_of_the_plugin_gets_the_right_one_and_its_file(far):
    package = far("class Net: pass\n", target="labloom_fra.nets.Net")
    with pytest.raises(ConfigError) as caught:
        locate("labloom_fra.nets.Net", "model._target_", FAR)
    assert caught.value.problem == "model._target_: there is no package 'labloom_fra'"
    file = package / "conf" / "model" / "far_net.yaml"
    assert caught.value.got == f"labloom_fra.nets.Net, in {file}:2"
    assert caught.value.fix == "did you mean labloom_far.nets.Net?"


def test_misspelt_package_that_was_typed_gets_the_right_one_too(far):
    far("class Net: pass\n")
    with pytest.raises(ConfigError, match=r"did you mean labloom_far\.nets\.Net\?"):
        locate("labloom_fra.nets.Net", "model._target_", TargetRules(("labloom_fra",)))
