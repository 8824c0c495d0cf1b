"""Plugins that do not train, do not learn, or do not do as the seed says."""

from __future__ import annotations

import pytest

LOSS = "loss = functional.cross_entropy(self(features), labels, label_smoothing=self.smoothing)"
VAL_LOSS = 'self.log("val/loss", functional.cross_entropy(self(features), labels))'
DROPOUT = "self.dropout = nn.Dropout(dropout)"
FREEZE = "self.hidden.requires_grad_(False)"
SETUP = "iris = load_iris()"
IMPORTS = "import pytorch_lightning as pl"
SECOND_TASK = """
    return [
        Task(name="toy_iris", summary="one", monitor="val/loss", mode="min"),
        Task(name="toy_again", summary="two", monitor="val/loss", mode="min"),
    ]
"""


def test_what_the_plugin_raises_is_told_with_its_place(toy):
    toy.change("classify.py", LOSS, 'raise KeyError("petal")')
    said = toy.failure("it_trains_on_cpu_without_network")
    line = toy.path("classify.py").read_text().splitlines().index('        raise KeyError("petal")')
    assert "KeyError: 'petal'" in said
    assert f"got: raised in {toy.path('classify.py')}:{line + 1}" in said


def test_a_training_step_without_loss_is_refused(toy):
    toy.change("classify.py", "return loss", "return None")
    said = toy.failure("it_trains_on_cpu_without_network")
    assert "training_step returned no loss" in said
    assert "return the loss that backward is called on" in said


def test_a_loss_that_is_not_a_number_is_refused(toy):
    toy.change("classify.py", LOSS, f"{LOSS} / 0 * 0")
    said = toy.failure("it_trains_on_cpu_without_network")
    assert "the loss of a training batch is nan" in said
    assert "trainer.detect_anomaly=true" in said


DOWNLOAD = 'urllib.request.urlopen("https://data.example.org/iris.csv", timeout=1)'
SWALLOWED = f"with contextlib.suppress(Exception):\n            {DOWNLOAD}"


@pytest.mark.parametrize("download", [DOWNLOAD, SWALLOWED], ids=["raised", "swallowed"])
def test_a_download_is_noticed_also_when_its_failure_is_swallowed(toy, download):
    toy.change("data.py", IMPORTS, f"import contextlib\nimport urllib.request\n\n{IMPORTS}")
    toy.change("data.py", SETUP, f"{download}\n        {SETUP}")
    said = toy.failure("it_trains_on_cpu_without_network")
    assert "the network was asked for: data.example.org" in said
    assert "look for the files first and download last" in said


@pytest.mark.parametrize("call", ["connect", "connect_ex"])
def test_a_connection_to_an_address_is_noticed(toy, call):
    toy.change("data.py", IMPORTS, f"import socket\n\n{IMPORTS}")
    connection = f"socket.socket().{call}(('192.0.2.1', 80))"  # an address that nobody has
    toy.change("data.py", SETUP, f"{connection}\n        {SETUP}")
    assert "the network was asked for: 192.0.2.1" in toy.failure("it_trains_on_cpu_without_network")


def test_a_server_on_this_machine_is_no_network(toy):
    toy.change("data.py", IMPORTS, f"import socket\n\n{IMPORTS}")
    server = "server = socket.create_server(('127.0.0.1', 0))"
    client = "socket.create_connection(server.getsockname())"
    toy.change("data.py", SETUP, f"{server}\n        {client}\n        {SETUP}")
    toy.check("it_trains_on_cpu_without_network")


def test_the_missing_files_of_a_task_are_a_failure_those_of_an_option_are_not(toy):
    toy.change("data.py", IMPORTS, f"from labloom.errors import DataError\n\n{IMPORTS}")
    missing = 'raise DataError(f"there is no folder {self.root}")'
    toy.change("data.py", "batch_size: int = 16", "batch_size: int = 16, root: str | None = None")
    toy.change("data.py", "self.spec = {}", "self.spec = {}\n        self.root = root")
    toy.change("data.py", SETUP, f"if self.root:\n            {missing}\n        {SETUP}")
    target = "_target_: labloom_toy.data.IrisData\n"
    toy.write("conf/data/toy_files.yaml", f"{target}root: flowers\n")
    check = "it_trains_on_cpu_without_network"
    assert toy.reason(check, "data=toy_files") == "its data is not here: there is no folder flowers"
    toy.write(
        "conf/task/toy_iris.yaml",
        toy.path("conf/task/toy_iris.yaml")
        .read_text()
        .replace("/data: toy_iris", "/data: toy_files"),
    )
    assert "there is no folder flowers" in toy.failure(check)


def test_an_option_that_needs_a_package_which_is_not_here_is_not_checked(toy):
    toy.write("transformers.py", "import a_missing_package\n")
    toy.write("conf/model/toy_big.yaml", "_target_: labloom_toy.transformers.Big\n")
    reason = toy.reason("it_trains_on_cpu_without_network", "model=toy_big")
    assert reason == "it needs a_missing_package, which is not installed"


def test_a_module_of_its_own_that_is_missing_is_no_excuse(toy):
    toy.write("big.py", "from labloom_toy.layers import Big\n")
    toy.write("conf/model/toy_big.yaml", "_target_: labloom_toy.big.Big\n")
    said = toy.failure("it_trains_on_cpu_without_network", "model=toy_big")
    assert "No module named 'labloom_toy.layers'" in said


def test_an_option_that_trains_with_no_task_names_each_and_why(toy):
    hooks = toy.path("plugin.py").read_text()
    toy.write("plugin.py", hooks.partition("    return [")[0] + SECOND_TASK)
    task_file = toy.path("conf/task/toy_iris.yaml").read_text()
    toy.write("conf/task/toy_again.yaml", task_file.replace("name: toy_iris", "name: toy_again"))
    nets = toy.path("nets.py").read_text()
    toy.write("deep.py", nets.replace("self.hidden(features)", "self.hidden(features[:, :2])"))
    toy.write("conf/model/toy_deep.yaml", "_target_: labloom_toy.deep.MLP\n")
    said = toy.failure("it_trains_on_cpu_without_network", "model=toy_deep")
    assert "model=toy_deep trains with no task of the plugin" in said
    assert "toy_iris: RuntimeError: " in said
    assert "toy_again: RuntimeError" in said
    assert "fix: labloom run task=toy_iris model=toy_deep debug=fast" in said


def test_checks_after_a_failure_say_that_it_does_not_come_that_far(toy):
    toy.change("classify.py", LOSS, "raise KeyError")
    toy.failure("it_trains_on_cpu_without_network")
    for check in ("its_monitor_is_logged_and_finite", "gradients_reach_all_that_learns"):
        assert toy.reason(check) == "it does not come that far"


def test_a_misspelt_monitor_brings_the_nearest(toy):
    toy.change("plugin.py", 'monitor="val/loss"', 'monitor="val/los"')
    said = toy.failure("its_monitor_is_logged_and_finite")
    assert "'val/los' is the task's monitor and was not logged in validation" in said
    assert "expected: self.log('val/los', value) in validation_step" in said
    assert "got: logged: train/loss, val/loss" in said
    assert "fix: Task(..., monitor='val/loss')" in said


def test_a_monitor_like_nothing_that_is_logged_has_to_be_logged(toy):
    toy.change("plugin.py", 'monitor="val/loss"', 'monitor="BLEU"')
    assert "fix: log 'BLEU'" in toy.failure("its_monitor_is_logged_and_finite")


def test_a_misspelt_monitor_is_no_other_checks_failure(toy):
    toy.change("plugin.py", 'monitor="val/loss"', 'monitor="val/los"')
    for check in ("it_trains_on_cpu_without_network", "the_same_seed_gives_the_same_loss"):
        toy.check(check)


def test_a_monitor_that_is_not_a_number_is_refused(toy):
    toy.change("classify.py", VAL_LOSS, VAL_LOSS.replace("labels))", "labels) / 0 * 0)"))
    said = toy.failure("its_monitor_is_logged_and_finite")
    assert "'val/loss' is nan" in said
    assert "from which the best checkpoint can be told" in said


def test_a_detached_representation_leaves_parameters_without_gradient(toy):
    toy.change("nets.py", "self.hidden(features).relu()", "self.hidden(features).relu().detach()")
    said = toy.failure("gradients_reach_all_that_learns")
    assert "no gradient reaches model.hidden.bias, model.hidden.weight expected" in said
    assert "got: none in 30 batches" in said
    assert "look for .detach(), no_grad and .item()" in said


def test_a_parameter_that_is_not_used_is_named(toy):
    toy.change("nets.py", DROPOUT, f"self.spare = nn.Linear(2, 2)\n        {DROPOUT}")
    said = toy.failure("gradients_reach_all_that_learns")
    assert "no gradient reaches model.spare.bias, model.spare.weight expected" in said
    assert "freeze it: parameter.requires_grad_(False)" in said


def test_a_gradient_of_zeros_is_told_from_none(toy):
    toy.change("nets.py", "self.hidden(features).relu()", "self.hidden(features).relu() * 0")
    said = toy.failure("gradients_reach_all_that_learns")
    assert "got: only zeros for " in said
    assert "model.hidden.weight" in said


def test_a_frozen_parameter_that_thaws_is_named(toy):
    toy.change("nets.py", DROPOUT, f"{FREEZE}\n        {DROPOUT}")
    thaw = "self.model.hidden.requires_grad_(True)"
    toy.change("classify.py", LOSS, f"{thaw}\n        {LOSS}")
    said = toy.failure("gradients_reach_all_that_learns")
    assert "a gradient reaches model.hidden.bias, model.hidden.weight, frozen when training" in said
    assert "expected: frozen parameters that stay frozen" in said
    assert "look for requires_grad_(True)" in said


def test_a_parameter_that_stays_frozen_needs_no_gradient(toy):
    toy.change("nets.py", DROPOUT, f"{FREEZE}\n        {DROPOUT}")
    toy.check("gradients_reach_all_that_learns")


def test_a_draw_that_no_seed_reaches_is_noticed(toy):
    toy.change("nets.py", "from torch import nn", "import random\n\nfrom torch import nn")
    toy.change("nets.py", "self.head(", "random.SystemRandom().uniform(0.9, 1.1) * self.head(")
    said = toy.failure("the_same_seed_gives_the_same_loss")
    assert "two runs with the same seed have different losses" in said
    assert "draw random numbers from torch, numpy or random, which are seeded" in said


def test_a_counter_of_the_class_leaks_into_the_next_run(toy):
    toy.change("classify.py", "    def __init__", "    steps = 0\n\n    def __init__")
    warm_up = "Classifier.steps += 1\n        loss = loss * min(1.0, Classifier.steps / 10)"
    toy.change("classify.py", LOSS, f"{LOSS}\n        {warm_up}")
    said = toy.failure("the_same_seed_gives_the_same_loss")
    assert "expected: losses " in said
    assert "keep nothing between runs in a module or class variable" in said


def test_a_seed_that_is_set_inside_the_plugin_is_noticed(toy):
    toy.change("nets.py", "from torch import nn", "import torch\nfrom torch import nn")
    toy.change("nets.py", "super().__init__()", "super().__init__()\n        torch.manual_seed(0)")
    said = toy.failure("another_seed_gives_another_loss")
    assert "runs with seed=0 and seed=1 have the same losses" in said
    assert "in both" in said
    assert "look for a seed that is set inside the plugin, such as torch.manual_seed(0)" in said


def test_labels_that_are_drawn_anew_cannot_be_learned_by_heart(toy):
    toy.change("classify.py", LOSS, f"labels = labels[torch.randperm(len(labels))]\n        {LOSS}")
    said = toy.failure("it_learns_a_small_batch_by_heart")
    assert "one small batch cannot be learned by heart" in said
    assert "expected: a loss of at most " in said
    assert "after 500 steps" in said
    assert "suspect the loss, the labels, a missing gradient or the learning rate" in said
    assert "labloom run task=toy_iris debug=overfit" in said


def test_a_learning_rate_of_nearly_nothing_learns_nothing_by_heart(toy):
    toy.change("conf/task/toy_iris.yaml", "lr: 1e-2", "lr: 1e-7")
    assert "cannot be learned by heart" in toy.failure("it_learns_a_small_batch_by_heart")


def test_a_loss_below_zero_only_has_to_fall(toy):
    toy.change("classify.py", LOSS, f"{LOSS} - 10")
    toy.check("it_learns_a_small_batch_by_heart")


def test_a_hook_that_changes_the_config_is_named_with_the_keys(toy):
    change = "cfg.model.width = 64\n    cfg.optimizer.lr = 0.1"
    toy.change("plugin.py", "    return [SpeciesFigure()]", f"    {change}\n    return []")
    said = toy.failure("the_config_stays_as_it_was")
    assert "the run changed its own config: model.width, optimizer.lr expected" in said
    assert "copy what a hook or a constructor wants to change" in said
