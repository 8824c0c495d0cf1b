"""What a run draws."""

import pytorch_lightning as pl


class SpeciesFigure(pl.Callback):
    """Records ``species``: how many flowers of each kind were trained on."""

    def on_fit_end(self, trainer, pl_module):
        if trainer.logger is None:
            return
        from matplotlib.figure import Figure

        figure = Figure(figsize=(3, 2))
        labels = trainer.datamodule.train.tensors[1]
        figure.add_subplot().bar(pl_module.classes, labels.bincount().tolist())
        trainer.logger.experiment.log_figure("species", figure)
