"""How the network is trained."""

import pytorch_lightning as pl
import torch
from torch.nn import functional


class Classifier(pl.LightningModule):
    """Cross entropy of ``model`` on standardised measurements."""

    def __init__(self, model, classes, mean, std, smoothing: float = 0.0):
        super().__init__()
        self.model = model
        self.classes = list(classes)
        self.smoothing = smoothing
        self.register_buffer("mean", torch.tensor(mean))
        self.register_buffer("std", torch.tensor(std))

    def forward(self, features):
        return self.model((features - self.mean) / self.std)

    def training_step(self, batch, batch_idx):
        features, labels = batch
        loss = functional.cross_entropy(self(features), labels, label_smoothing=self.smoothing)
        self.log("train/loss", loss)
        return loss

    def validation_step(self, batch, batch_idx):
        features, labels = batch
        self.log("val/loss", functional.cross_entropy(self(features), labels))

    def postprocess(self, outputs):
        return [{"label": self.classes[i]} for i in outputs.argmax(dim=1).tolist()]
