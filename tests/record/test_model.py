import mlflow.pyfunc
import numpy as np
import pytorch_lightning as pl
import torch
from PIL import Image
from torch import nn

from labloom.callbacks.run_state import RunState
from labloom.predict import predict
from labloom.record import open_run

CODE = """
import torch
import pytorch_lightning as pl


class Doubler(pl.LightningModule):
    def __init__(self, factor: float = 2.0):
        super().__init__()
        self.factor = torch.nn.Parameter(torch.tensor(factor))

    def forward(self, batch):
        return batch * self.factor
"""
"""A module as a user has it, beside the config."""


class Labeller(pl.LightningModule):
    """Has its own way from raw inputs to answers."""

    def __init__(self):
        super().__init__()
        self.net = nn.Identity()

    def forward(self, batch):
        return self.net(batch)

    def preprocess(self, inputs):
        return torch.tensor([np.asarray(Image.open(path)).mean() for path in inputs])

    def postprocess(self, outputs):
        return [{"bright": bool(value > 128)} for value in outputs]


def test_module_with_its_own_ways_answers_raw_inputs(tmp_path):
    for name, level in (("dark", 10), ("light", 200)):
        Image.new("L", (4, 4), level).save(tmp_path / f"{name}.png")
    paths = [str(tmp_path / "dark.png"), str(tmp_path / "light.png")]

    assert predict(Labeller().eval(), paths) == [{"bright": False}, {"bright": True}]


class Line(pl.LightningModule):
    """Has nothing but a forward."""

    def __init__(self):
        super().__init__()
        self.net = nn.Linear(3, 2)

    def forward(self, batch):
        return self.net(batch)


def test_batches_do_not_change_the_answers():
    module = Line().eval()
    inputs = np.arange(30.0).reshape(10, 3)

    np.testing.assert_allclose(
        predict(module, inputs, batch_size=3), predict(module, inputs), rtol=1e-5
    )


def test_recorded_model_answers_with_the_numbers_of_the_module(
    store, make_job, folder, monkeypatch
):
    (folder / "user_doubler.py").write_text(CODE)
    monkeypatch.syspath_prepend(str(folder))
    checkpoint = write_checkpoint(folder / "best.ckpt")

    with open_run(make_job()) as run:
        address = run.log_model(
            checkpoint,
            requirements=["labloom==0.1.0"],
            metrics={"val/acc": 0.5},
            step=3,
            trusted_packages=["user_doubler"],
        )

    monkeypatch.setenv("MLFLOW_TRACKING_URI", store.uri)
    for uri in (address, f"runs:/{run.id}/model"):
        model = mlflow.pyfunc.load_model(uri)
        np.testing.assert_array_equal(model.predict(np.array([[1.0, 2.0]])), [[3.0, 6.0]])
    found = store.get_run(run.id)
    assert found.outputs.model_outputs[0].step == 3
    logged = store.client.get_logged_model(address.removeprefix("models:/"))
    assert (logged.name, logged.status.value) == ("model", "READY")
    assert logged.metrics[0].key == "val/acc"


def test_model_that_cannot_be_recorded_does_not_stop_the_run(store, make_job, folder, caplog):
    with open_run(make_job()) as run:
        assert run.log_model(folder / "missing.ckpt") is None

    assert "the model is not recorded" in caplog.text
    assert store.get_run(run.id).info.status == "FINISHED"


def write_checkpoint(path):
    """A checkpoint as labloom's callback leaves it."""
    config = {
        "task": {"name": "custom", "monitor": None, "mode": "min"},
        "module": {"_target_": "user_doubler.Doubler", "factor": 3.0},
    }
    state = RunState(
        {
            "config": config,
            "spec": {},
            "run_id": "",
            "labloom": "0.1.0",
            "plugin": "",
            "built_by": "",
            "trusted_packages": [],
        }
    )
    checkpoint = {"state_dict": {"factor": torch.tensor(3.0)}}
    state.on_save_checkpoint(None, None, checkpoint)
    torch.save(checkpoint, path)
    return path
