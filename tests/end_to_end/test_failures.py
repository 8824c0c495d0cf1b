"""What goes wrong after the heavy imports: message, exit status, and what MLflow says of it."""

from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def raised(lab, toys):
    """A run whose module fails at its fourth step; with what MLflow has of it."""
    done = lab.labloom(
        "run", *toys, "module._target_=toys.Regression", "module.fail_at=3", "trainer.max_epochs=1"
    )
    return done, lab.newest()


def test_a_module_that_raises_ends_with_status_1_and_its_traceback(raised):
    done, _ = raised
    assert done.status == 1
    assert "Traceback" in done.err
    assert "toys.py" in done.err
    last_line = done.err.strip().splitlines()[-1]
    assert last_line == "error: the run failed: RuntimeError: the flux capacitor broke"


def test_a_failed_run_is_failed_in_mlflow_and_says_why(raised):
    _, run = raised
    assert run.info.status == "FAILED"
    assert run.data.tags["labloom.error"] == "RuntimeError: the flux capacitor broke"


def test_the_traceback_of_a_failed_run_is_in_its_log(lab, raised):
    _, run = raised
    log = (Path(run.data.tags["labloom.output_dir"]) / "run.log").read_text()
    assert "Traceback" in log
    assert "the flux capacitor broke" in log
    assert "run.log" in lab.artifacts(run.info.run_id)


def test_json_tells_a_failed_run_too(lab, toys):
    words = ("module._target_=toys.Regression", "module.fail_at=3", "trainer.max_epochs=1")
    done = lab.labloom("run", *toys, *words, "--json")
    assert done.status == 1
    assert done.last["status"] == "FAILED"
    assert done.last["run_id"] == lab.newest().info.run_id
    assert "the flux capacitor broke" in done.last["error"]


def test_show_tells_the_error_of_a_failed_run(lab, raised):
    shown = lab.labloom("show", raised[1].info.run_id)
    assert "FAILED" in shown.out
    assert "the flux capacitor broke" in shown.out


def test_missing_data_is_told_without_a_traceback(lab):
    words = ("task=vision_classify", "data=vision_mnist", "data.download=false", "debug=fast")
    done = lab.labloom("run", *words, f"paths.data={lab.folder / 'nowhere'}")
    assert done.status == 1
    assert done.err.startswith("error: ")
    assert "Traceback" not in done.err
    assert str(lab.folder / "nowhere") in done.err
    assert lab.newest().info.status == "FAILED"


def test_a_constructor_that_raises_is_told_with_its_cause(lab, toys):
    done = lab.labloom("run", *toys, "module._target_=toys.Unbuildable", "debug=fast")
    assert done.status == 1
    assert "toys.Unbuildable could not be built from 'module'" in done.err
    assert "ValueError: no network for you" in done.err
    assert "Traceback" not in done.err


def test_a_monitor_that_was_never_logged_brings_the_logged_names(lab, regression):
    words = (*regression, "debug=fast", "task.monitor=val/los")
    done = lab.labloom("run", *[word for word in words if word != "task.monitor=val/loss"])
    assert done.status == 1
    assert "task.monitor=val/los was never logged" in done.err
    assert "task.monitor=val/loss" in done.err
    assert lab.newest().info.status == "FAILED"


def test_a_mistake_that_only_an_open_run_can_find_ends_as_in_a_sweep(lab, regression):
    words = [word for word in regression if word != "task.monitor=val/loss"]
    words += ["debug=fast", "task.monitor=val/los"]
    done = lab.labloom("run", "-m", *words, "module.hidden=4,8")
    assert done.status == 1
    assert "2 of 2 trials did not finish" in done.err


FAULTY_PLUGIN = """
from labloom import Task, hookimpl

@hookimpl
def register_tasks():
    return [Task(name="faulty_task", summary="a task", monitor="val/loss", mode="min")]

@hookimpl
def {hook}(cfg, task):
    return 3
"""


@pytest.mark.parametrize(
    ("hook", "message"),
    [
        ("build", "the build hook of plugin 'faulty' returned no parts"),
        ("extra_callbacks", "the extra_callbacks hook of plugin 'faulty' returned no callbacks"),
    ],
)
def test_a_hook_that_returns_nonsense_fails_the_run_with_status_1(
    lab, plugin_folder, toys, hook, message
):
    plugin_folder("faulty", FAULTY_PLUGIN.format(hook=hook))
    words = ("task=faulty_task", "+module._target_=toys.Regression", "+data._target_=toys.ToyData")
    done = lab.labloom("run", *words, *[word for word in toys if "paths" in word])
    assert done.status == 1, done.err
    assert message in done.err
    assert "Traceback" not in done.err
    assert "FAILED" in done.out


def test_settings_that_lightning_refuses_leave_a_failed_run_and_status_1(lab, toys):
    words = ("module._target_=toys.Regression", "trainer.strategy=nonsense")
    done = lab.labloom("run", *toys, *words)
    assert done.status == 1
    assert "Lightning refuses the trainer's settings" in done.err
    assert lab.newest().info.status == "FAILED"


WRONG = {
    "an argument that the model does not take": (
        ["task=vision_classify", "model=vision_mlp", "+model.depht=3"],
        ["MLP takes no argument 'depht'", "did you mean model.depth?"],
    ),
    "an argument of the wrong type": (
        ["{toys}", "module._target_=toys.Regression", "module.hidden=wide"],
        ["module.hidden does not fit Regression", "a whole number"],
    ),
    "a target that no config may name": (
        ["{toys}", "module._target_=torch.hub.load"],
        ["module._target_ is not allowed to be torch.hub.load", "torch.nn and torch.optim"],
    ),
    "a target that cannot be imported": (
        ["task=custom", "module._target_=nowhere.Net", "data._target_=nowhere.Data"],
        ["there is no module 'nowhere'", "paths.code=DIR"],
    ),
    "a target that the file does not define": (
        ["{toys}", "module._target_=toys.Regresion"],
        ["'toys' has no 'Regresion'", "did you mean toys.Regression?"],
    ),
    "a target that is no class": (
        ["{toys}", "module._target_=toys.a_function"],
        ["module._target_ must name a class", "toys.a_function, a function"],
    ),
    "a module where data should be": (
        ["{toys}", "module._target_=toys.ToyData"],
        ["module._target_ must be a LightningModule"],
    ),
    "an optimizer for a module that has its own": (
        ["{stranger}", "optimizer.lr=0.1"],
        ["StockNet", "optimizer.lr=0.1"],
    ),
}


@pytest.mark.parametrize(("words", "messages"), WRONG.values(), ids=WRONG.keys())
def test_what_does_not_bind_is_refused_before_anything_is_recorded(
    lab, toys, stranger, words, messages
):
    groups = {"{toys}": toys, "{stranger}": stranger}
    before = lab.count()
    done = lab.labloom("run", *[text for word in words for text in groups.get(word, [word])])
    assert done.status == 2, done.err
    assert done.err.startswith("error: ")
    assert "Traceback" not in done.err
    for message in messages:
        assert message in done.err
    assert lab.count() == before


def test_an_experiment_file_cannot_name_a_package_that_nobody_trusts(lab):
    folder = lab.folder / "experiments"
    folder.mkdir(exist_ok=True)
    (folder / "sly.yaml").write_text(
        "# @package _global_\n"
        "defaults: [{override /task: vision_classify}]\n"
        "model: {_target_: os.system}\n"
    )
    before = lab.count()
    done = lab.labloom("run", "experiment=sly", "debug=fast")
    assert done.status == 2
    assert "os.system" in done.err
    assert lab.count() == before
