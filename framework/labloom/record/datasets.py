"""Datasets as MLflow inputs: name, digest, source and split, shown in the UI's Datasets column."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from labloom.record.masking import mask_text

if TYPE_CHECKING:
    from mlflow.entities import DatasetInput

MAX_NAME = 500
MAX_DIGEST = 36
MAX_SOURCE = 65535


def dataset_event(
    name: str, context: str, digest: str, source: str | None, profile: Mapping[str, Any]
) -> dict[str, Any]:
    """The journal's event for one dataset, with what MLflow would refuse cut off."""
    return {
        "dataset": {
            "name": name[:MAX_NAME],
            "context": context,
            "digest": digest[:MAX_DIGEST],
            "source": mask_text(source or name)[:MAX_SOURCE],
            "profile": dict(profile),
        }
    }


def dataset_input(
    *, name: str, context: str, digest: str, source: str, profile: Mapping[str, Any]
) -> DatasetInput:
    """The entity that ``MlflowClient.log_inputs`` takes.

    Args:
        name: of the data set, e.g. ``digits``.
        context: the split: ``train``, ``val`` or ``test``.
        digest: fingerprint of the data, at most 36 characters.
        source: where it came from: a path, an address, or a package.
        profile: sizes and anything else worth showing, plain values.
    """
    from mlflow.entities import Dataset, DatasetInput, InputTag
    from mlflow.utils.mlflow_tags import MLFLOW_DATASET_CONTEXT

    dataset = Dataset(
        name=name,
        digest=digest,
        source_type="local" if "://" not in source else source.split("://", 1)[0],
        source=json.dumps({"uri": source}),
        profile=json.dumps(dict(profile), default=str) if profile else None,
    )
    return DatasetInput(dataset=dataset, tags=[InputTag(MLFLOW_DATASET_CONTEXT, context)])
