"""The 1,797 handwritten digits that scikit-learn carries: 8x8 grey, no download.

Source: E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning
Repository (1998), https://doi.org/10.24432/C50P49, CC BY 4.0; scikit-learn carries its test part.
The 17 grey levels 0 to 16 are stretched over 0 to 255, an error of at most 0.002 of the range.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from sklearn.datasets import load_digits

from labloom.arguments import require_parts
from labloom_vision.data.base import ImageData
from labloom_vision.data.loader import ImagesInMemory, Split
from labloom_vision.data.splits import stratified_split


class DigitsData(ImageData):
    """scikit-learn's digits in a seeded stratified split.

    Args:
        batch_size: images in a batch, in each process; None: the whole split in one batch.
        val_fraction: part of the images that validates; 0: none.
        test_fraction: part of the images that tests; 0: none.
        split_seed: draws the split, 0 to 2**32 - 1.
        limit: train on so many images only, the classes in proportion; None: on all.
        augment: how training images are varied: none, shift, crop_flip, photo or trivial.
        strengths: how strongly, by key; None is the recipe's own value (``augment.RECIPES``).
        drop_last: leave out a last training batch that is smaller than the others.
        num_workers: processes that load; 0 is fastest for images in memory.

    Raises:
        ConfigError: an argument is out of range, or an augmentation is unknown.
    """

    def __init__(  # noqa: PLR0913  (one argument for each key of the config)
        self,
        *,
        batch_size: int | None = 64,
        val_fraction: float = 0.15,
        test_fraction: float = 0.15,
        split_seed: int = 0,
        limit: int | None = None,
        augment: str = "none",
        strengths: Mapping[str, float | None] | None = None,
        drop_last: bool = False,
        num_workers: int = 0,
    ) -> None:
        super().__init__(
            batch_size=batch_size,
            num_workers=num_workers,
            drop_last=drop_last,
            limit=limit,
            split_seed=split_seed,
            augment=augment,
            strengths=strengths,
        )
        require_parts("data", val_fraction=val_fraction, test_fraction=test_fraction)
        self.val_fraction = val_fraction
        self.test_fraction = test_fraction

    def read(self) -> tuple[dict[str, Split], Sequence[str]]:
        """Three splits of the 1,797 images."""
        digits = load_digits()
        grey = torch.from_numpy(digits.images)  # [n, h, w], 0 to 16
        images = (grey * (255 / 16)).round().to(torch.uint8).unsqueeze(1)  # [n, 1, h, w]
        labels = torch.from_numpy(digits.target).to(torch.int64)
        classes = [str(name) for name in digits.target_names]
        fractions = {"test": self.test_fraction, "val": self.val_fraction}
        parts = stratified_split(labels, fractions, self.split_seed, classes)
        everything = ImagesInMemory(images, labels)
        return {name: everything.subset(chosen) for name, chosen in parts.items()}, classes
