"""labloom: experiments in deep learning, composed by Hydra and recorded in MLflow."""

from labloom.hookspecs import Outcome, Task, hookimpl

__version__ = "0.1.0"

__all__ = ["Outcome", "Task", "__version__", "hookimpl"]
