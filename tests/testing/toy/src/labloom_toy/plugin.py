"""Hooks of the small plugin that the tests of the conformance suite break, one way each."""

from labloom import Task, hookimpl


@hookimpl
def register_tasks():
    return [
        Task(
            name="toy_iris",
            summary="Three species of iris, from four measurements",
            monitor="val/loss",
            mode="min",
            requires=("sklearn",),
        )
    ]


@hookimpl
def extra_callbacks(cfg, task):
    from labloom_toy.figures import SpeciesFigure

    return [SpeciesFigure()]
