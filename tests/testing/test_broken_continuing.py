"""Plugins whose checkpoint lacks something, or whose runs depend on what ran before."""

from __future__ import annotations

import os

CHECKPOINT = "a_checkpoint_predicts_the_same"
RESUMED = "a_resumed_run_equals_an_uninterrupted_one"
LOSS = "loss = functional.cross_entropy(self(features), labels, label_smoothing=self.smoothing)"
FORWARD = "return self.model((features - self.mean) / self.std)"
SMOOTHING = "self.smoothing = smoothing"
POSTPROCESS = "    def postprocess"


def test_weights_that_a_checkpoint_rounds_are_named(toy):
    toy.change(
        "classify.py",
        POSTPROCESS,
        """    def on_save_checkpoint(self, checkpoint):
        weights = checkpoint["state_dict"]
        checkpoint["state_dict"] = {name: value.bfloat16() for name, value in weights.items()}

    def postprocess""",
    )
    said = toy.failure("a_checkpoint_predicts_the_same")
    assert "model.head.bias, model.head.weight" in said
    assert "differ after loading the checkpoint" in said
    assert "keep what training changes in parameters, buffers, or the state_dict" in said


def test_weights_that_a_checkpoint_leaves_out_are_named(toy):
    toy.change(
        "classify.py",
        POSTPROCESS,
        """    def on_save_checkpoint(self, checkpoint):
        del checkpoint["state_dict"]["model.head.bias"]

    def postprocess""",
    )
    said = toy.failure(CHECKPOINT)
    assert "cannot be rebuilt" in said
    assert 'Missing key(s) in state_dict: "model.head.bias"' in said


def test_an_object_in_the_checkpoint_is_refused(toy):
    toy.change(
        "classify.py",
        POSTPROCESS,
        """    def on_save_checkpoint(self, checkpoint):
        import pathlib

        checkpoint["vocabulary"] = pathlib.PurePosixPath("words.txt")

    def postprocess""",
    )
    said = toy.failure(CHECKPOINT)
    assert "holds an object, which could run code when loaded" in said
    assert "got: pathlib.PurePosixPath" in said


def test_a_task_that_switches_checkpoints_off_has_none(toy):
    off = "callbacks:\n  checkpoint:\n    enabled: false\n"
    toy.change("conf/task/toy_iris.yaml", "optimizer:", f"{off}\noptimizer:")
    assert "the run wrote no checkpoint" in toy.failure(CHECKPOINT)


def test_what_training_keeps_in_an_attribute_changes_the_predictions(toy):
    toy.change("classify.py", SMOOTHING, f"{SMOOTHING}\n        self.temperature = 1.0")
    toy.change("classify.py", LOSS, f"self.temperature *= 0.9\n        {LOSS}")
    toy.change("classify.py", FORWARD, f"{FORWARD} / self.temperature")
    said = toy.failure(CHECKPOINT)
    assert "the module that is rebuilt from its checkpoint predicts something else" in said
    assert "got: answers that differ by up to " in said
    assert "keep what training changes in parameters, buffers" in said


def test_what_training_keeps_in_an_attribute_changes_the_shape_of_the_answers(toy):
    toy.change("classify.py", SMOOTHING, f"{SMOOTHING}\n        self.seen = 0")
    toy.change("classify.py", LOSS, f"self.seen += 1\n        {LOSS}")
    toy.change("classify.py", FORWARD, f"{FORWARD}.repeat(1, 1 + self.seen)")
    assert "got: answers of another shape" in toy.failure(CHECKPOINT)


def test_validation_that_calls_no_network_is_not_checked(toy):
    toy.change(
        "classify.py",
        "functional.cross_entropy(self(features), labels))",
        "self.model.head.weight.norm() + 0 * len(features) * len(labels))",
    )
    assert toy.reason(CHECKPOINT) == (
        "validation_step calls no network whose answers could be compared"
    )


def test_answers_without_a_tensor_are_not_checked(toy):
    toy.change("classify.py", FORWARD, f"return Answer({FORWARD.removeprefix('return ')})")
    answer = "class Answer:\n    def __init__(self, logits):\n        self.logits = logits\n\n\n"
    toy.change("classify.py", "class Classifier", f"{answer}class Classifier")
    toy.change(
        "classify.py", "self(features), labels, label", "self(features).logits, labels, label"
    )
    toy.change("classify.py", "self(features), labels))", "self(features).logits, labels))")
    assert toy.reason(CHECKPOINT) == "forward answers with no tensor"


def test_a_generator_of_its_own_is_lost_when_a_run_is_resumed(toy):
    noise = "torch.Generator().manual_seed(torch.initial_seed())"
    toy.change("classify.py", SMOOTHING, f"{SMOOTHING}\n        self.noise = {noise}")
    draw = "features = features + torch.randn(features.shape, generator=self.noise)"
    toy.change("classify.py", LOSS, f"{draw}\n        {LOSS}")
    said = toy.failure("a_resumed_run_equals_an_uninterrupted_one")
    assert "a run that was stopped after an epoch and resumed ends elsewhere" in said
    assert "expected: losses " in said
    assert (
        "other weights in model.head.bias, model.head.weight, model.hidden.bias and 1 more" in said
    )
    assert "the state_dict of module, datamodule and callbacks" in said


def test_a_schedule_in_an_attribute_starts_again_when_a_run_is_resumed(toy):
    toy.change("classify.py", SMOOTHING, f"{SMOOTHING}\n        self.steps = 0")
    warm_up = "self.steps += 1\n        loss = loss * min(1.0, self.steps / 10)"
    toy.change("classify.py", LOSS, f"{LOSS}\n        {warm_up}")
    assert "resumed ends elsewhere" in toy.failure(RESUMED)


def test_the_same_state_in_the_checkpoint_goes_on(toy):
    toy.change("classify.py", SMOOTHING, f"{SMOOTHING}\n        self.steps = 0")
    warm_up = "self.steps += 1\n        loss = loss * min(1.0, self.steps / 10)"
    toy.change("classify.py", LOSS, f"{LOSS}\n        {warm_up}")
    toy.change(
        "classify.py",
        POSTPROCESS,
        """    def on_save_checkpoint(self, checkpoint):
        checkpoint["steps"] = self.steps

    def on_load_checkpoint(self, checkpoint):
        self.steps = checkpoint["steps"]

    def postprocess""",
    )
    toy.check(RESUMED)


def test_an_order_that_differs_from_process_to_process_is_noticed(toy, monkeypatch):
    # Python draws the hashes of texts, and with them the order of a set, once for each process.
    other = "2" if os.environ.get("PYTHONHASHSEED") == "1" else "1"
    monkeypatch.setenv("PYTHONHASHSEED", other)
    words = "sorted(map(str, range(150)), key=hash)"
    toy.change(
        "data.py",
        "mixed = torch.randperm(len(iris.target), generator=torch.Generator().manual_seed(0))",
        f"mixed = torch.tensor([int(word) for word in {words}])",
    )
    said = toy.failure("runs_together_equal_runs_apart")
    assert "a run after another one in the same process differs from one in a fresh process" in said
    assert ", as in a fresh process" in said
    assert "sort what comes from a set" in said


def test_a_run_that_needs_what_this_process_has_fails_in_a_fresh_one(toy, monkeypatch, tmp_path):
    (tmp_path / "helpers_of_a_notebook.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    toy.change(
        "nets.py", "from torch import nn", "import helpers_of_a_notebook\nfrom torch import nn"
    )
    said = toy.failure("runs_together_equal_runs_apart")
    assert "the run fails in a fresh process" in said
    assert "got: error: " in said
    assert "importing labloom_toy.nets of plugin 'toy' failed" in said
    assert "fix: labloom run task=toy_iris debug=fast" in said
