"""The network."""

from torch import nn


class MLP(nn.Module):
    """One hidden layer."""

    def __init__(self, num_features: int, num_classes: int, width: int = 32, dropout: float = 0.1):
        super().__init__()
        self.hidden = nn.Linear(num_features, width)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(width, num_classes)

    def forward(self, features):
        return self.head(self.dropout(self.hidden(features).relu()))
