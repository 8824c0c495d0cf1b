"""The best checkpoint as an MLflow model, made with ``MlflowClient`` and explicit ids only.

``mlflow.pyfunc.log_model`` works on the active run of the process, which labloom never sets. The
recorded model is the checkpoint and the name of its loader; its requirements are labloom and the
plugin. Both ``models:/<model id>`` and ``runs:/<run id>/model`` load.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mlflow.exceptions import MlflowException

from labloom.errors import CheckpointError
from labloom.record.names import valid_name
from labloom.record.quiet import without_advice

if TYPE_CHECKING:
    from mlflow.entities import Run

    from labloom.record.run_record import RunRecord
    from labloom.record.store import Store

MODEL_NAME = "model"
LOADER = "labloom.predict"
TRUSTED = "trusted_packages"


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
        with tempfile.TemporaryDirectory() as scratch, without_advice():
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


def fetch_checkpoint(store: Store, run: Run) -> Path:
    """The checkpoint inside a run's recorded model, downloaded into a temporary folder.

    Raises:
        CheckpointError: the run recorded no model, or it cannot be fetched.
    """
    from mlflow.artifacts import download_artifacts

    models = run.outputs.model_outputs if run.outputs else []
    if not models:
        raise CheckpointError(
            f"the best checkpoint of run {run.info.run_id[:8]} is gone, and no model was recorded",
            got=run.data.tags.get("labloom.checkpoint"),
        )
    location = store.client.get_logged_model(models[0].model_id).artifact_location
    try:
        folder = download_artifacts(
            artifact_uri=location, dst_path=tempfile.mkdtemp(), tracking_uri=store.uri
        )
        return next(Path(folder).rglob("*.ckpt"))
    except (MlflowException, OSError, StopIteration) as error:
        raise CheckpointError(
            f"the recorded model of run {run.info.run_id[:8]} cannot be fetched",
            got=f"{location}: {error}",
        ) from error
