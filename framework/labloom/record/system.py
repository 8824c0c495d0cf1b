"""System metrics under ``system/``, as MLflow's own monitors measure them.

MLflow's sampling thread works only with its global state, and a thread costs the training thread
time. Here the run's writer process takes the samples, and they go through the run's journal.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from labloom.record.journal import Event

if TYPE_CHECKING:
    from mlflow.system_metrics.metrics.base_metrics_monitor import BaseMetricsMonitor

INTERVAL_SECONDS = 10.0
FIRST_SAMPLE_SECONDS = 1.0
PREFIX = "system/"


class SystemSampler:
    """Samples processor, memory, disk, network and GPUs of this machine.

    Args:
        first_step: step of the first sample; a resumed run goes on counting.
        interval: seconds between samples; ``MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL`` wins.
    """

    def __init__(self, first_step: int = 0, interval: float = INTERVAL_SECONDS) -> None:
        self._step = first_step
        self._interval = float(os.environ.get("MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL", interval))
        self._monitors: list[BaseMetricsMonitor] | None = None
        self._next = 0.0
        self._samples = 0

    def sample(self, last: bool = False) -> Event | None:
        """The journal's event for a sample that is due now; None between samples.

        Args:
            last: the run ends: take a sample if there is none yet.
        """
        now = time.monotonic()
        if self._monitors is None:
            # Processor use is counted from one sample to the next, so the first only begins.
            self._monitors = _monitors()
            self._measure()
            self._next = now + min(FIRST_SAMPLE_SECONDS, self._interval)
        if now < self._next and not (last and self._samples == 0):
            return None
        self._next = now + self._interval
        event: Event = {"t": int(time.time() * 1000), "s": self._step, "m": self._measure()}
        self._step += 1
        self._samples += 1
        return event if event["m"] else None

    def _measure(self) -> dict[str, float]:
        node = os.environ.get("MLFLOW_SYSTEM_METRICS_NODE_ID")
        prefix = f"{PREFIX}{node}/" if node else PREFIX
        values: dict[str, float] = {}
        for monitor in self._monitors or []:
            try:
                monitor.collect_metrics()
                values.update(monitor.aggregate_metrics())
                monitor.clear_metrics()
            except Exception:  # noqa: BLE001  a driver that goes away must not end the recording of metrics
                continue
        return {prefix + name: float(value) for name, value in values.items()}


def _monitors() -> list[BaseMetricsMonitor]:
    """MLflow's monitors that work here: psutil and NVML are both optional."""
    try:
        from mlflow.system_metrics.metrics.cpu_monitor import CPUMonitor
        from mlflow.system_metrics.metrics.disk_monitor import DiskMonitor
        from mlflow.system_metrics.metrics.network_monitor import NetworkMonitor
    except ImportError:
        return []
    monitors: list[BaseMetricsMonitor] = [CPUMonitor(), DiskMonitor(), NetworkMonitor()]
    try:
        from mlflow.system_metrics.metrics.gpu_monitor import GPUMonitor

        monitors.append(GPUMonitor())
    except (ImportError, RuntimeError):
        pass  # no NVML or no GPU: the machine is described without it
    return monitors
