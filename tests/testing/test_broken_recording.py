"""Plugins whose recorded runs lack something, or whose recorded model answers otherwise."""

from __future__ import annotations

import subprocess

import pytest

PARAMETERS = "parameters_fit_mlflow"
MODEL = "the_recorded_model_predicts_the_same"
FIGURES = "figures_are_recorded"
EXAMPLES = "return self.val.tensors[0][:6].numpy()"
POSTPROCESS = "    def postprocess"
ANSWERS = 'return [{"label": self.classes[i]} for i in outputs.argmax(dim=1).tolist()]'
FORWARD = "    def forward(self, features):"
LOG_FIGURE = 'trainer.logger.experiment.log_figure("species", figure)'
CALLBACKS = "    return [SpeciesFigure()]"


@pytest.fixture
def with_units(toy):
    """Let the datamodule take ``units``, and write its option file with a value for it."""

    def change(value):
        toy.change("data.py", "batch_size: int = 16", "batch_size: int = 16, units=None")
        toy.write(
            "conf/data/toy_iris.yaml",
            f"_target_: labloom_toy.data.IrisData\nbatch_size: 16\nunits: {value}\n",
        )
        return toy

    return change


def test_a_key_that_mlflow_takes_for_no_name_is_refused(with_units):
    said = with_units('{"length (cm)": 0.1}').failure("parameters_fit_mlflow")
    assert "'data.units.length (cm)' cannot be the name of a parameter" in said
    assert "expected: letters, digits, _ - . and spaces, at most 250 in all" in said
    assert "rename the key in the option file" in said


def test_a_value_that_is_too_long_for_mlflow_is_refused(with_units):
    said = with_units(list(range(1500))).failure(PARAMETERS)
    assert "the value of 'data.units' is too long to be recorded" in said
    assert "expected: at most 6000 characters" in said
    assert "got: 7890 characters: [0, 1, 2, 3" in said
    assert "put it into a file, and the file's name into the config" in said


def test_a_config_that_changes_while_it_is_run_is_not_recorded_as_it_is(toy):
    toy.change("plugin.py", CALLBACKS, f"    cfg.model.width = 64\n{CALLBACKS}")
    said = toy.failure(PARAMETERS)
    assert "model.width are not recorded as they are" in said


def test_answers_that_need_what_only_setup_knows_differ(toy):
    names = "self.names = self.trainer.datamodule.spec['classes']"
    toy.change(
        "classify.py",
        FORWARD,
        f"    names = None\n\n    def setup(self, stage):\n        {names}\n\n{FORWARD}",
    )
    toy.change(
        "classify.py",
        ANSWERS,
        ANSWERS.replace("self.classes[i]", "self.names[i] if self.names else i"),
    )
    said = toy.failure("the_recorded_model_predicts_the_same")
    assert "the recorded model predicts something else than the trained module" in said
    assert "expected: {'label': '" in said
    assert "got: {'label': " in said
    assert "keep what prediction needs in the checkpoint" in said


def test_an_attribute_that_only_setup_makes_is_missing_in_the_recorded_model(toy):
    names = "self.names = self.trainer.datamodule.spec['classes']"
    toy.change("classify.py", FORWARD, f"    def setup(self, stage):\n        {names}\n\n{FORWARD}")
    toy.change("classify.py", ANSWERS, ANSWERS.replace("self.classes[i]", "self.names[i]"))
    said = toy.failure(MODEL)
    assert "AttributeError: 'Classifier' object has no attribute 'names'" in said
    assert f"got: raised in {toy.path('classify.py')}:" in said


def test_one_answer_for_many_inputs_is_refused(toy):
    toy.change("classify.py", ANSWERS, ANSWERS.replace("tolist()]", "tolist()[:1]]"))
    said = toy.failure(MODEL)
    assert "the recorded model does not answer every input" in said
    assert "expected: 4 answers" in said
    assert "got: 1" in said
    assert "let postprocess give one dict for each input" in said


def test_example_inputs_that_are_empty_are_refused(toy):
    toy.change("data.py", EXAMPLES, "return []")
    said = toy.failure(MODEL)
    assert "IrisData.example_inputs() is empty" in said
    assert "expected: a few raw inputs, as preprocess takes them" in said


def test_raw_inputs_that_nobody_knows_are_not_checked(toy):
    toy.change("data.py", "    def example_inputs", "    def some_inputs")
    preprocess = "    def preprocess(self, inputs):\n        return torch.tensor(inputs).float()"
    toy.change("classify.py", POSTPROCESS, f"{preprocess}\n\n{POSTPROCESS}")
    assert toy.reason(MODEL) == (
        "the datamodule has no example_inputs(), raw inputs for preprocess"
    )


def test_a_network_of_two_inputs_needs_examples(toy):
    toy.change("data.py", "    def example_inputs", "    def some_inputs")
    toy.change("classify.py", FORWARD, FORWARD.replace("features)", "features, scale)"))
    source = toy.path("classify.py").read_text().replace("self(features)", "self(features, 1.0)")
    toy.write("classify.py", source)
    assert toy.reason(MODEL) == (
        "forward takes more than one array, and there is no example_inputs()"
    )


def test_a_network_of_one_array_needs_no_examples(toy):
    toy.change("data.py", "    def example_inputs", "    def some_inputs")
    toy.change("classify.py", POSTPROCESS, "    def explain")
    toy.check(MODEL)


def test_a_callback_that_draws_and_records_nothing_is_refused(toy):
    toy.change("figures.py", LOG_FIGURE, "figure.clear()")
    said = toy.failure("figures_are_recorded")
    assert "1 figures are drawn, and none is among the run's artifacts" in said
    assert "trainer.logger.experiment.log_figure(name, figure)" in said


def test_what_labloom_itself_records_is_no_figure(toy, tmp_path, monkeypatch):
    # In a repository with changes, the difference is recorded as well.
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notes.txt").write_text("one")
    identity = ("-c", "user.name=A", "-c", "user.email=a@example.org")
    for words in (("init", "-q"), ("add", "notes.txt"), (*identity, "commit", "-qm", "notes")):
        subprocess.run(["git", *words], check=True)
    (tmp_path / "notes.txt").write_text("two")
    toy.change("figures.py", LOG_FIGURE, "figure.clear()")
    assert "none is among the run's artifacts" in toy.failure(FIGURES)


def test_an_empty_artifact_is_named(toy):
    toy.change("figures.py", LOG_FIGURE, 'trainer.logger.experiment.log_text("mistakes.csv", "")')
    said = toy.failure(FIGURES)
    assert "mistakes.csv are empty" in said
    assert "look at what is written into them" in said


def test_a_plugin_without_callbacks_has_no_figures_to_check(toy):
    toy.change("plugin.py", CALLBACKS, "    return []")
    assert toy.reason(FIGURES) == "the plugin has no extra_callbacks for this task"


def test_a_callback_that_fails_is_told_with_its_place(toy):
    toy.change("figures.py", LOG_FIGURE, "trainer.logger.experiment.log_figrue('species', figure)")
    said = toy.failure(FIGURES)
    assert "AttributeError: " in said
    assert "log_figrue" in said
    assert f"got: raised in {toy.path('figures.py')}:" in said
