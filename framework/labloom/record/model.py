"""The best checkpoint as an MLflow model, made with ``MlflowClient`` and explicit ids only.

``mlflow.pyfunc.log_model`` works on the active run of the process, which labloom never sets. The
recorded model is the checkpoint and the name of its loader; its requirements are labloom and the
plugin. Both ``models:/<model id>`` and ``runs:/<run id>/model`` load.
"""

from __future__ import annotations

import logging
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from labloom.record.names import valid_name
from labloom.record.pyfunc import TRUSTED

if TYPE_CHECKING:
    from labloom.record.run_record import RunRecord

MODEL_NAME = "model"
LOADER = "labloom.record.pyfunc"


def log_model(
    run: RunRecord,
    checkpoint: Path,
    *,
    requirements: Sequence[str],
    metrics: Mapping[str, float],
    step: int,
    trusted_packages: Sequence[str] = (),
) -> str:
    """Record ``checkpoint`` as the model ``model`` of ``run``.

    Args:
        run: the run that made it.
        checkpoint: file written by labloom.
        requirements: what loading it needs, as pip reads it.
        metrics: shown with the model, and linked to it.
        step: of the checkpoint.
        trusted_packages: packages beside the plugin's that the checkpoint's config may name when
            MLflow loads the model. (Loading any MLflow model trusts whoever made it.)

    Returns:
        ``models:/<model id>``.
    """
    import mlflow.pyfunc
    from mlflow.entities import LoggedModelOutput, Metric
    from mlflow.models import Model

    client = run.store.client
    model = client.create_logged_model(
        run.experiment_id, name=MODEL_NAME, source_run_id=run.id, model_type="labloom"
    )
    try:
        with tempfile.TemporaryDirectory() as scratch, _quiet():
            folder = Path(scratch) / MODEL_NAME
            mlflow.pyfunc.save_model(
                str(folder),
                loader_module=LOADER,
                data_path=str(checkpoint),
                pip_requirements=list(requirements),
                model_config={TRUSTED: list(trusted_packages)},
                mlflow_model=Model(
                    run_id=run.id, artifact_path=model.artifact_location, model_id=model.model_id
                ),
            )
            client.log_model_artifacts(model.model_id, str(folder))
        client.finalize_logged_model(model.model_id, "READY")
    except BaseException:
        client.finalize_logged_model(model.model_id, "FAILED")
        raise
    client.log_outputs(run.id, [LoggedModelOutput(model.model_id, step)])
    now = int(time.time() * 1000)
    linked = [
        Metric(valid_name(name), value, now, step, model_id=model.model_id)
        for name, value in metrics.items()
    ]
    if linked:
        client.log_batch(run.id, metrics=linked)
    return f"models:/{model.model_id}"


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep MLflow's advice about signatures and examples off the terminal."""
    logger = logging.getLogger("mlflow")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
