"""R. A. Fisher's irises (1936), which scikit-learn carries."""

import pytorch_lightning as pl
import torch
from sklearn.datasets import load_iris
from torch.utils.data import DataLoader, TensorDataset


class IrisData(pl.LightningDataModule):
    """Every fifth flower validates."""

    def __init__(self, batch_size: int = 16):
        super().__init__()
        self.batch_size = batch_size
        self.spec = {}

    def setup(self, stage=None):
        iris = load_iris()
        mixed = torch.randperm(len(iris.target), generator=torch.Generator().manual_seed(0))
        features = torch.tensor(iris.data, dtype=torch.float32)[mixed]
        labels = torch.tensor(iris.target)[mixed]
        held_out = torch.arange(len(labels)) % 5 == 0
        self.train = TensorDataset(features[~held_out], labels[~held_out])
        self.val = TensorDataset(features[held_out], labels[held_out])
        self.spec = {
            "num_features": features.shape[1],
            "num_classes": len(iris.target_names),
            "classes": [str(name) for name in iris.target_names],
            "mean": features[~held_out].mean(dim=0).tolist(),
            "std": features[~held_out].std(dim=0).tolist(),
        }

    def example_inputs(self):
        return self.val.tensors[0][:6].numpy()

    def train_dataloader(self):
        return DataLoader(self.train, batch_size=self.batch_size, shuffle=True)

    def val_dataloader(self):
        return DataLoader(self.val, batch_size=self.batch_size)
