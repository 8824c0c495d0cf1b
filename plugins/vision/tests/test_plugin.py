"""The hooks: light, complete, and with figures for the classification task only."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec

import pytest
from omegaconf import OmegaConf

from labloom import Task
from labloom_vision import plugin
from labloom_vision.figures import ConfusionMatrix, WorstImages


def test_the_plugin_imports_nothing_heavy():
    code = (
        "import sys, labloom_vision.plugin as plugin; list(plugin.register_tasks());"
        "print(sorted({'torch', 'torchvision', 'timm', 'sklearn', 'numpy', 'pytorch_lightning',"
        " 'mlflow', 'hydra', 'omegaconf'} & set(sys.modules)))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout.strip() == "[]"


def test_the_task_asks_for_modules_that_exist():
    (task,) = plugin.register_tasks()
    assert task.name == "vision_classify"
    assert (task.monitor, task.mode) == ("val/acc", "max")
    assert all(find_spec(module) for module in task.requires)


@pytest.mark.parametrize(("monitor", "mode"), [("val/acc", "max"), ("val/loss", "min")])
def test_figures_follow_the_metric_that_the_run_watches(monitor, mode):
    cfg = OmegaConf.create({"task": {"name": "vision_classify", "monitor": monitor, "mode": mode}})
    callbacks = plugin.extra_callbacks(cfg=cfg, task=plugin.CLASSIFY)
    assert [type(c) for c in callbacks] == [ConfusionMatrix, WorstImages]
    assert all((c.best.monitor, c.best.mode) == (monitor, mode) for c in callbacks)


def test_other_tasks_get_no_figures():
    other = Task(name="vision_other", summary="Another", monitor=None, mode="max")
    assert plugin.extra_callbacks(cfg=OmegaConf.create({"task": {}}), task=other) == []
