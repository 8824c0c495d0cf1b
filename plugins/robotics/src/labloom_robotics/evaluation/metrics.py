"""What is measured over the episodes of one validation or test.

Legend of shapes: ``e`` episodes, ``q`` quantities known of each.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torchmetrics import Metric

from labloom_robotics.evaluation.episodes import Episodes
from labloom_robotics.evaluation.intervals import mean_interval, wilson_interval

SHARES = ("success", "collision")
PATHS = ("path_length", "shortest_path")
Row = dict[str, Any]


class EpisodeMetrics(Metric):
    """Means over whole episodes, and the episodes themselves.

    ``compute`` gives, under ``prefix/``: ``return`` (mean sum of rewards), ``return_std`` (spread
    over the episodes, not the error of the mean), ``length`` (steps), ``success`` and ``collision``
    (shares), ``spl``, ``cost_<name>`` (mean sum over an episode), what a controller counts, e.g.
    ``interventions``, and other facts that a world tells (means); each only if it is told.

    Among processes, episodes are brought together before anything is computed. A seed is an
    episode: one that was played twice, to fill up the share of a process, counts once.

    Attributes:
        rows: the episodes of the last ``compute``, by seed; one mapping each, as of a table.

    Args:
        prefix: ``val`` or ``test``.
        intervals: also give 95 % confidence intervals: ``return_low`` and ``return_high``
            (Student's t), and the same for ``success`` and ``collision`` (Wilson); None: only of
            the test, whose numbers are quoted.
    """

    full_state_update = False
    is_differentiable = False

    def __init__(self, prefix: str, intervals: bool | None = None) -> None:
        super().__init__()
        self.prefix = prefix
        self.intervals = prefix == "test" if intervals is None else intervals
        self.rows: list[Row] = []
        # What was told travels too: a process that has played nothing does not know the names.
        for name in ("seeds", "values", "told"):
            self.add_state(name, [], dist_reduce_fx="cat")
        self._start()

    def reset(self) -> None:
        """Forget all episodes; ``rows`` stay until the next ``compute``."""
        super().reset()
        self._start()

    def update(self, episodes: Episodes) -> None:
        """Count episodes. What some of them do not tell and others do is 0 or false for them."""
        columns = _columns(episodes)
        told = json.dumps([len(episodes.seeds), *columns]) + "\n"
        values = np.stack(list(columns.values())).astype(np.float32)  # [q, e]
        for state, new in (
            (self.seeds, torch.from_numpy(np.array(episodes.seeds, dtype=np.int64))),
            (self.values, torch.from_numpy(values).flatten()),
            (self.told, torch.tensor(list(told.encode()), dtype=torch.uint8)),
        ):
            state.append(new.to(self.device))

    def compute(self) -> dict[str, float]:
        """Metrics of all episodes since the last ``reset``; empty if there were none."""
        seeds, columns = self._episodes()
        self.rows = _rows(seeds, columns)
        if not len(seeds):
            return {}
        measured = _measured(columns)
        if self.intervals:
            measured |= _intervals(columns)
        return {f"{self.prefix}/{name}": value for name, value in measured.items()}

    def _start(self) -> None:
        # Processes can only exchange what has a type in each of them, so no list is ever empty.
        self.seeds = [torch.empty(0, dtype=torch.int64, device=self.device)]  # [e]
        self.values = [torch.empty(0, dtype=torch.float32, device=self.device)]  # [q * e]
        self.told = [torch.empty(0, dtype=torch.uint8, device=self.device)]  # a line an update

    def _episodes(self) -> tuple[NDArray, dict[str, NDArray]]:
        """Seeds [e], ascending and each once, and every quantity [e] by name."""
        seeds, values, told = (
            (torch.cat(state) if isinstance(state, list) else state).cpu().numpy()
            for state in (self.seeds, self.values, self.told)
        )
        columns: dict[str, NDArray] = {}
        at = begin = 0
        for line in bytes(told).decode().splitlines():
            count, *names = json.loads(line)
            for name in names:
                column = columns.setdefault(name, np.zeros(len(seeds)))
                column[at : at + count] = values[begin : begin + count]
                begin += count
            at += count
        unique, first = np.unique(seeds, return_index=True)
        return unique, {name: column[first] for name, column in columns.items()}


def success_weighted_by_path_length(
    success: NDArray, path_length: NDArray, shortest_path: NDArray
) -> NDArray:
    """SPL of each episode: success times shortest over travelled length, [e], in [0, 1].

    Anderson et al. 2018, arXiv:1807.06757. A goal at which the episode begins (both lengths 0) is
    reached by the best of paths.

    Args:
        success: 1 where the goal was reached, else 0.
        path_length: what was travelled, m.
        shortest_path: from the start to the goal, m.
    """
    longest = np.maximum(path_length, shortest_path)
    ratio = np.divide(shortest_path, longest, out=np.ones_like(longest), where=longest > 0)
    return success * ratio


def _columns(episodes: Episodes) -> dict[str, NDArray]:
    columns = {"return": episodes.returns, "length": episodes.lengths}
    columns |= {name: episodes.facts[name] for name in SHARES if name in episodes.facts}
    columns |= {f"cost_{name}": costs for name, costs in episodes.costs.items()}
    columns |= episodes.counts
    # Path lengths, and what else a world tells, are at the end of a row.
    return columns | {name: fact for name, fact in episodes.facts.items() if name not in columns}


def _measured(columns: dict[str, NDArray]) -> dict[str, float]:
    means = {name: float(values.mean()) for name, values in columns.items() if name not in PATHS}
    means["return_std"] = float(columns["return"].std())
    if all(name in columns for name in ("success", *PATHS)):
        spl = success_weighted_by_path_length(*(columns[name] for name in ("success", *PATHS)))
        means["spl"] = float(spl.mean())
    return means


def _intervals(columns: dict[str, NDArray]) -> dict[str, float]:
    ends = {"return": mean_interval(columns["return"])} if len(columns["return"]) > 1 else {}
    for name in SHARES:
        if name in columns:
            ends[name] = wilson_interval(float(columns[name].sum()), len(columns[name]))
    return {
        f"{name}_{side}": float(end)
        for name, pair in ends.items()
        for side, end in zip(("low", "high"), pair, strict=True)
    }


def _rows(seeds: NDArray, columns: dict[str, NDArray]) -> list[Row]:
    """One mapping an episode; shares as true and false, whole numbers without a point."""
    plain = {
        name: values.astype(bool).tolist() if name in SHARES else [_plain(v) for v in values]
        for name, values in columns.items()
    }
    return [
        {"seed": seed} | {name: values[place] for name, values in plain.items()}
        for place, seed in enumerate(seeds.tolist())
    ]


def _plain(value: float) -> float | int:
    # 7 digits are what float32 holds.
    return int(value) if value.is_integer() else float(f"{value:.7g}")
