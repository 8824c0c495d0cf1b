"""Environment variables that change what labloom and MLflow do."""

from __future__ import annotations

import os

from labloom.errors import listing, nearest
from labloom.health.findings import Finding, Section
from labloom.record.masking import MASK, looks_secret, mask_text

PREFIXES = ("LABLOOM_", "MLFLOW_")
ALSO = ("CUDA_VISIBLE_DEVICES", "HYDRA_FULL_ERROR")
OURS = ("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR",)  # set by the command line itself
KNOWN = ("LABLOOM_DATA", "LABLOOM_PLUGINS", "LABLOOM_DISABLE", "LABLOOM_TRUST")
INTERNAL = ("LABLOOM_SWEEP", "LABLOOM_RESUMED_RUN")  # from a run to the processes that it starts


def look_at_variables() -> Section:
    """The variables in force; secrets are hidden."""
    found = {
        name: MASK if looks_secret(name) else mask_text(value)
        for name, value in sorted(os.environ.items())
        if (name.startswith(PREFIXES) or name in ALSO) and name not in OURS
    }
    rows = list(found.items()) or [("none", "of LABLOOM_* and MLFLOW_* is set")]
    return Section(rows, found, findings=[_unknown(name) for name in found if _is_unknown(name)])


def _is_unknown(name: str) -> bool:
    return name.startswith("LABLOOM_") and name not in (*KNOWN, *INTERNAL)


def _unknown(name: str) -> Finding:
    near = nearest(name, KNOWN)
    fix = f"did you mean {near}?" if near else f"labloom reads {listing(KNOWN)}"
    return Finding(f"{name} is set, and nothing reads it", fix, broken=False)
