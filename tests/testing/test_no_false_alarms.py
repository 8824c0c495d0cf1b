"""What is unusual and right passes, or is not checked; it does not fail."""

from __future__ import annotations

import pytest

from labloom.errors import ConfigError
from labloom.testing.suite import check_plugin

LOSS = "functional.cross_entropy(self(features), labels, label_smoothing=self.smoothing)"
STEP = f"""        loss = {LOSS}
        self.log("train/loss", loss)
        return loss
"""
BY_HAND = f"""        loss = {LOSS}
        optimizer = self.optimizers()
        optimizer.zero_grad()
        self.manual_backward(loss)
        optimizer.step()
"""
FIGURES = "return [SpeciesFigure()]"
JUDGE = 'self.log("val/loss", functional.cross_entropy(self(features), labels))'
OF_TASKS = ["another_seed_gives_another_loss", "the_same_seed_gives_the_same_loss"]


@pytest.fixture
def by_hand(toy):
    """A module that calls its optimizer itself and returns no loss, as Lightning allows."""
    toy.change("classify.py", STEP, BY_HAND)
    toy.change("classify.py", "self.model = model", "self.model = model\n        self.by_hand()")
    toy.change(
        "classify.py",
        "    def forward(self, features):",
        "    def by_hand(self):\n        self.automatic_optimization = False\n\n"
        "    def forward(self, features):",
    )
    return toy


@pytest.mark.parametrize(
    "check",
    [*OF_TASKS, "it_trains_on_cpu_without_network", "gradients_reach_all_that_learns"],
)
def test_optimization_by_hand_returns_no_loss_and_passes(by_hand, check):
    by_hand.check(check)


def test_without_a_loss_nothing_can_be_learned_by_heart(by_hand):
    said = by_hand.reason("it_learns_a_small_batch_by_heart")
    assert said == "training_step returns no loss"


def test_a_seed_that_optimization_by_hand_ignores_is_found(by_hand):
    by_hand.change(
        "nets.py", "super().__init__()", "super().__init__()\n        torch.manual_seed(0)"
    )
    by_hand.change("nets.py", "from torch import nn", "import torch\nfrom torch import nn")
    assert "have the same losses" in by_hand.failure("another_seed_gives_another_loss")


def test_averages_of_weights_are_no_lost_weights_and_draw_nothing(toy):
    averaging = "StochasticWeightAveraging(swa_lrs=1e-2, swa_epoch_start=1)"
    toy.change(
        "plugin.py",
        FIGURES,
        "from pytorch_lightning.callbacks import StochasticWeightAveraging\n\n"
        f"    return [{averaging}]",
    )
    toy.check("a_checkpoint_predicts_the_same")
    assert toy.reason("figures_are_recorded") == "its callbacks draw nothing in one epoch"


def test_settings_for_long_trainings_do_not_reach_two_batches(toy):
    task = toy.path("conf/task/toy_iris.yaml")
    task.write_text(
        f"{task.read_text()}trainer:\n"
        "  check_val_every_n_epoch: 5\n  accumulate_grad_batches: 8\n  max_steps: 3\n"
    )
    toy.check("its_monitor_is_logged_and_finite")
    toy.check("gradients_reach_all_that_learns")
    toy.check("it_learns_a_small_batch_by_heart")


def test_several_loaders_give_their_batches_by_name(toy):
    toy.change(
        "data.py",
        "return DataLoader(self.train, batch_size=self.batch_size, shuffle=True)",
        'return {"flowers": DataLoader(self.train, batch_size=self.batch_size, shuffle=True)}',
    )
    toy.change("classify.py", STEP, f'        features, labels = batch["flowers"]\n{STEP}')
    toy.change(
        "classify.py", "        features, labels = batch\n        features", "        features"
    )
    toy.check("it_learns_a_small_batch_by_heart")


def test_a_parameter_that_only_later_batches_reach_is_fine(toy):
    toy.change("classify.py", STEP, STEP.replace("self(features)", "self.seldom(batch_idx, batch)"))
    toy.change(
        "classify.py",
        "    def forward(self, features):",
        "    def seldom(self, batch_idx, batch):\n"
        "        scale = self.scale if batch_idx > 5 else 1.0\n"
        "        return self(batch[0]) * scale\n\n"
        "    def forward(self, features):",
    )
    toy.change(
        "classify.py",
        "self.model = model",
        "self.model = model\n        self.scale = torch.nn.Parameter(torch.ones(()))",
    )
    toy.check("gradients_reach_all_that_learns")


def test_a_loss_that_is_a_child_is_not_taken_for_the_network(toy):
    # Validation calls the criterion and never the module: its weightless child proves nothing.
    toy.change("classify.py", "self.model = model", "self.model = model\n        self.heat = 1.0")
    toy.change(
        "classify.py",
        JUDGE,
        "criterion = self.criterion\n"
        "        measured = (features - self.mean) / self.std\n"
        '        self.log("val/loss", criterion(self.model.head(measured), labels))',
    )
    toy.change(
        "classify.py",
        "self.classes = list(classes)",
        "self.classes = list(classes)\n        self.criterion = torch.nn.CrossEntropyLoss()",
    )
    toy.write(
        "nets.py",
        """
        from torch import nn


        class MLP(nn.Module):
            def __init__(self, num_features, num_classes, width=32, dropout=0.0):
                super().__init__()
                self.head = nn.Linear(num_features, num_classes)

            def forward(self, features):
                return self.head(features)
        """,
    )
    said = toy.reason("a_checkpoint_predicts_the_same")
    assert said == "validation_step calls no network whose answers could be compared"


def test_a_plugin_without_tasks_has_options_that_nothing_trains(toy):
    toy.write("plugin.py", "from labloom import hookimpl\n")
    said = toy.reason("it_trains_on_cpu_without_network", "model=toy_narrow")
    assert said == "the plugin has no task to train it with"
    assert toy.reason("it_composes", "model=toy_narrow") == said


@pytest.mark.parametrize("typed", ["seed=1", "model=toy_mlp", "task=custom", "hydra.verbose=true"])
def test_what_the_suite_goes_through_itself_cannot_be_typed(toy, typed):
    with pytest.raises(ConfigError, match="is not for labloom check"):
        list(check_plugin("toy", [typed]))
