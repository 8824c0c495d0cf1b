"""Notice that figures are drawn, whoever records them afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from matplotlib.figure import Figure


@contextmanager
def noticed_figures() -> Iterator[list[Figure]]:
    """A list to which every figure of matplotlib is added that is made meanwhile."""
    figures: list[Figure] = []
    make = Figure.__init__

    def noticed(self: Figure, *args: Any, **kwargs: Any) -> None:
        figures.append(self)
        make(self, *args, **kwargs)

    Figure.__init__ = noticed
    try:
        yield figures
    finally:
        Figure.__init__ = make
