import pytest
import pytorch_lightning as pl
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from labloom.record import RunRecord, open_run

STEPS, EPOCHS = 5, 3


class Toy(pl.LightningModule):
    def __init__(self):
        super().__init__()
        self.net = nn.Linear(4, 1)

    def training_step(self, batch, index):
        loss = self.net(batch[0]).square().mean()
        self.log("train/loss", loss)
        return loss

    def validation_step(self, batch, index):
        self.log("val/loss", self.net(batch[0]).square().mean())

    def test_step(self, batch, index):
        self.log("test/loss", self.net(batch[0]).square().mean())

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.01)


def fit(run, epochs=EPOCHS):
    data = DataLoader(TensorDataset(torch.ones(STEPS * 2, 4)), batch_size=2)
    trainer = pl.Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        logger=run.logger,
        log_every_n_steps=1,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    module = Toy()
    trainer.fit(module, data, data)
    return trainer, module, data


def points(store, run, name):
    history = store.client.get_metric_history(run.id, name)
    return sorted((point.step, point.value) for point in history)


@pytest.fixture
def fitted(make_job):
    with open_run(make_job()) as run:
        run.set_test_step(9)
        trainer, module, data = fit(run)
        trainer.test(module, data, verbose=False)
    return run


def test_every_step_of_a_fit_is_stored(store, fitted):
    assert [step for step, _ in points(store, fitted, "train/loss")] == list(range(STEPS * EPOCHS))


def test_epoch_is_recorded_once_for_every_epoch(store, fitted):
    assert [value for _, value in points(store, fitted, "epoch")] == [0.0, 1.0, 2.0]


def test_test_metrics_stand_at_the_step_of_the_tested_checkpoint(store, fitted):
    assert [step for step, _ in points(store, fitted, "test/loss")] == [9]


def test_fit_and_test_are_one_finished_run(store, fitted):
    assert store.get_run(fitted.id).info.status == "FINISHED"


def test_callbacks_reach_the_record_through_the_logger(make_job):
    with open_run(make_job()) as run:
        assert isinstance(run.logger.experiment, RunRecord)
        assert run.logger.save_dir == str(run.output_dir)
        assert run.logger.version == run.id


def test_hyperparameters_of_any_kind_are_left_alone(store, make_job):
    with open_run(make_job()) as run:
        run.logger.log_hyperparams({"net": nn.Linear(1, 1)})

    assert "net" not in store.get_run(run.id).data.params
