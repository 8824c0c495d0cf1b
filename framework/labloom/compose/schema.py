"""The typed schema of the core's config groups: names, types, ranges and choices.

The YAML files in ``conf/`` hold the defaults and the documentation; these classes say what a value
may be. Fields of ``Trainer`` are the arguments of Lightning's own Trainer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from labloom.compose.typed import limited

# Target of optimizer=gd.
GRADIENT_DESCENT = "labloom.build.optimizers.GradientDescent"

# What Lightning's Trainer takes (lightning_fabric/plugins/precision/precision.py).
Precision = Literal[
    16,
    32,
    64,
    "16",
    "32",
    "64",
    "bf16",
    "16-mixed",
    "bf16-mixed",
    "16-true",
    "bf16-true",
    "32-true",
    "64-true",
    "transformer-engine",
    "transformer-engine-float16",
]


@dataclass
class Root:
    """Keys at the top of the config."""

    seed: int | None = limited(min=0, max=2**32 - 1)
    test: bool | None = None
    targets: list = field(default_factory=list)


@dataclass
class Task:
    """Group ``task``."""

    name: str = ""
    monitor: str | None = None
    mode: Literal["min", "max"] | None = None


@dataclass
class Trainer:
    """Group ``trainer``: arguments of ``pytorch_lightning.Trainer``."""

    accelerator: Literal["auto", "cpu", "gpu", "cuda", "mps", "tpu", "hpu"] = "auto"
    strategy: str = ""
    devices: Literal[-1] | int | str | list = limited(min=1)  # noqa: RUF009 - it is a field
    num_nodes: int = limited(min=1)
    precision: Precision | None = None
    fast_dev_run: int | bool = limited(min=0)
    max_epochs: int | None = limited(min=-1)
    min_epochs: int | None = limited(min=0)
    max_steps: int = limited(min=-1)
    min_steps: int | None = limited(min=0)
    max_time: str | dict | None = None
    limit_train_batches: int | float | None = limited(min=0, max_fraction=1)
    limit_val_batches: int | float | None = limited(min=0, max_fraction=1)
    limit_test_batches: int | float | None = limited(min=0, max_fraction=1)
    limit_predict_batches: int | float | None = limited(min=0, max_fraction=1)
    overfit_batches: int | float = limited(min=0, max_fraction=1)
    val_check_interval: int | float | str | None = limited(min=0, max_fraction=1)
    check_val_every_n_epoch: int | None = limited(min=1)
    num_sanity_val_steps: int | None = limited(min=-1)
    log_every_n_steps: int | None = limited(min=1)
    enable_model_summary: bool | None = None
    accumulate_grad_batches: int = limited(min=1)
    gradient_clip_val: int | float | None = limited(min=0)
    gradient_clip_algorithm: Literal["norm", "value"] | None = None
    deterministic: bool | Literal["warn"] | None = None
    benchmark: bool | None = None
    inference_mode: bool = True
    use_distributed_sampler: bool = True
    profiler: Literal["simple", "advanced", "pytorch"] | None = None
    detect_anomaly: bool = False
    sync_batchnorm: bool = False
    reload_dataloaders_every_n_epochs: int = limited(min=0)


@dataclass
class Tracking:
    """Group ``tracking``."""

    uri: str | None = None
    experiment: str | None = None
    run_name: str | None = None
    tags: dict = field(default_factory=dict)
    system_metrics: bool = True
    log_model: bool = True


@dataclass
class Paths:
    """Group ``paths``."""

    data: str = ""
    output: str = ""
    code: str | None = None


@dataclass
class Confirm:
    """Node ``sweep.confirm``."""

    key: str | None = None
    over: list = field(default_factory=list)


@dataclass
class Sweep:
    """Group ``sweep``."""

    confirm: Confirm = field(default_factory=Confirm)


@dataclass
class Optimizer:
    """What the core's optimizers share. Arguments of ``torch.optim`` classes."""

    lr: float = limited(above=0)
    weight_decay: float = limited(min=0)


@dataclass
class Sgd(Optimizer):
    """Options ``sgd``, ``momentum`` and ``gd``."""

    momentum: float = limited(min=0, max=1)
    dampening: float = limited(min=0, max=1)
    nesterov: bool = False
    maximize: bool = False


@dataclass
class Adam(Optimizer):
    """Options ``adam`` and ``adamw``."""

    betas: list = field(default_factory=list)
    eps: float = limited(above=0)
    amsgrad: bool = False
    maximize: bool = False
    fused: bool | None = None
    foreach: bool | None = None


@dataclass
class RmsProp(Optimizer):
    """Option ``rmsprop``."""

    alpha: float = limited(min=0, max=1)
    eps: float = limited(above=0)
    momentum: float = limited(min=0, max=1)
    centered: bool = False


@dataclass
class Constant:
    """Option ``none`` of ``scheduler``."""

    name: str = "none"


@dataclass
class Cosine:
    """Option ``cosine`` of ``scheduler``."""

    name: str = "cosine"
    warmup: int | float = limited(min=0)
    final: float = limited(min=0, max=1)


@dataclass
class Linear:
    """Option ``linear`` of ``scheduler``."""

    name: str = "linear"
    warmup: int | float = limited(min=0)
    final: float = limited(min=0, max=1)


@dataclass
class OneCycle:
    """Option ``onecycle`` of ``scheduler``."""

    name: str = "onecycle"
    warmup: int | float = limited(min=0)
    start: float = limited(min=0, max=1)
    final: float = limited(min=0, max=1)


@dataclass
class Step:
    """Option ``step`` of ``scheduler``."""

    name: str = "step"
    every: int = limited(min=1)
    gamma: float = limited(above=0, max=1)


@dataclass
class Plateau:
    """Option ``plateau`` of ``scheduler``."""

    name: str = "plateau"
    factor: float = limited(above=0, max=1)
    patience: int = limited(min=0)
    min_delta: float = limited(min=0)
    min_lr: float = limited(min=0)


@dataclass
class Checkpoint:
    """Node ``callbacks.checkpoint``."""

    enabled: bool = True
    save_top_k: int = limited(min=-1)
    every_n_epochs: int = limited(min=1)


@dataclass
class EarlyStopping:
    """Node ``callbacks.early_stopping``: arguments of Lightning's EarlyStopping."""

    patience: int = limited(min=0)
    min_delta: float = 0.0
    stopping_threshold: float | None = None
    divergence_threshold: float | None = None
    check_finite: bool = True
    check_on_train_epoch_end: bool | None = None


@dataclass
class Callbacks:
    """Group ``callbacks``."""

    checkpoint: Checkpoint = field(default_factory=Checkpoint)
    early_stopping: EarlyStopping | None = None
    progress: Literal["auto", "bar", "lines", "none"] = "auto"
    lr_monitor: bool = True
    extra: dict = field(default_factory=dict)


GROUPS: dict[str, type] = {
    "": Root,
    "task": Task,
    "trainer": Trainer,
    "callbacks": Callbacks,
    "tracking": Tracking,
    "paths": Paths,
    "sweep": Sweep,
}
OPTIMIZERS: dict[str, type] = {
    "torch.optim.Adam": Adam,
    "torch.optim.AdamW": Adam,
    "torch.optim.SGD": Sgd,
    "torch.optim.RMSprop": RmsProp,
    GRADIENT_DESCENT: Sgd,
}
SCHEDULERS: dict[str, type] = {
    "none": Constant,
    "cosine": Cosine,
    "linear": Linear,
    "onecycle": OneCycle,
    "step": Step,
    "plateau": Plateau,
}


def schema_of(group: str, values: Mapping[str, Any]) -> type | None:
    """The dataclass that describes a group's values; None for an option that is not the core's."""
    if group == "optimizer":
        return OPTIMIZERS.get(str(values.get("_target_")))
    if group == "scheduler":
        return SCHEDULERS.get(str(values.get("name")))
    return GROUPS[group]
