"""The plugin's hooks. Light: every labloom command imports this file, so nothing here needs torch.

``register_tasks`` is the only hook that a plugin must have. Another task is another ``Task`` here
and another file in ``conf/task``.
"""

from __future__ import annotations

from labloom import Task, hookimpl


@hookimpl
def register_tasks() -> list[Task]:
    """The tasks of this plugin."""
    return [
        Task(
            name="starter_classify",
            summary="Malignant or benign, from 30 measurements of a tumour",
            monitor="val/loss",  # logged in validation_step: chooses the best epoch and trial
            mode="min",
            requires=("sklearn",),  # without it the task is listed as unavailable
        )
    ]
