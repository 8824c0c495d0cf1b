"""Folders of experiments. Apart from the search path, so that a listing needs no Hydra."""

from __future__ import annotations

from pathlib import Path

import labloom


def experiment_folders() -> list[Path]:
    """Folders whose YAML files are options of ``experiment``; the first that has a name wins.

    The user's own ``experiments/`` in the working directory, then the ones that came with the
    core: beside ``framework/`` in a checkout, inside the package in a wheel.
    """
    package = Path(labloom.__file__).resolve().parent
    in_checkout = package.parent.name == "framework"
    shipped = package.parents[1] / "experiments" if in_checkout else package / "experiments"
    folders = [Path.cwd() / "experiments", shipped]
    return list(dict.fromkeys(folder.resolve() for folder in folders if folder.is_dir()))
