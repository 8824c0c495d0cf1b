"""The data of image classification: one LightningDataModule for each kind of source."""

from __future__ import annotations

from labloom_vision.data.digits import DigitsData
from labloom_vision.data.folder import FolderData
from labloom_vision.data.torchvision_sets import CIFAR10Data, FashionMNISTData, MNISTData

__all__ = ["CIFAR10Data", "DigitsData", "FashionMNISTData", "FolderData", "MNISTData"]
