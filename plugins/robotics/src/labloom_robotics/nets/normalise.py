"""Running means and standard deviations, kept as buffers: they are part of a policy's state.

Legend of shapes: ``b`` batch, ``f`` features.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

SMALLEST_VARIANCE = 1e-8


class RunningNormaliser(nn.Module):
    """Shifts and scales features to mean 0 and standard deviation 1, by what was seen so far.

    What is seen is counted at once and used from the next ``refresh`` on. So a policy is the same
    while it collects and while it learns from what it collected, and the probabilities of its
    actions can be compared. Everything is in the checkpoint.

    Args:
        features: f.
        clip: largest absolute value of a normalised feature; None: no limit.

    Attributes:
        mean: in use, float32 [f].
        std: in use, float32 [f].
        count: of all that was seen; ``seen_mean`` and ``seen_variance`` [f] are theirs.
    """

    def __init__(self, features: int, clip: float | None = 10.0) -> None:
        super().__init__()
        self.clip = clip
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("std", torch.ones(features))
        self.register_buffer("count", torch.zeros(()))
        self.register_buffer("seen_mean", torch.zeros(features))
        self.register_buffer("seen_variance", torch.zeros(features))

    def forward(self, x: Tensor) -> Tensor:
        """Features [b, f], normalised."""
        x = (x - self.mean) / self.std
        return x if self.clip is None else x.clamp(-self.clip, self.clip)

    def restore(self, x: Tensor) -> Tensor:
        """The features [b, f] whose normalised values these are, but for the clip."""
        return x * self.std + self.mean

    @torch.no_grad()
    def count_in(self, x: Tensor) -> None:
        """Count features [b, f]; the parallel algorithm of Chan et al. 1979 (STAN-CS-79-773)."""
        x = x.float()
        number = x.shape[0]
        if number == 0:
            return
        variance, mean = torch.var_mean(x, dim=0, correction=0)
        total = self.count + number
        change = mean - self.seen_mean
        share = number / total
        self.seen_variance += (variance - self.seen_variance) * share
        self.seen_variance += change.square() * share * (self.count / total)
        self.seen_mean += change * share
        self.count.copy_(total)

    @torch.no_grad()
    def refresh(self) -> None:
        """Use all that was seen; nothing changes before two examples were."""
        if self.count < 2:
            return
        self.mean.copy_(self.seen_mean)
        self.std.copy_((self.seen_variance + SMALLEST_VARIANCE).sqrt())
