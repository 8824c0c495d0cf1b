"""Does a recorded run hold what it should: parameters, model, figures?"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from pytorch_lightning import LightningModule

from labloom.build.hooks import plugin_callbacks
from labloom.errors import ContractError, listing
from labloom.predict import predict
from labloom.record import Store, open_store
from labloom.record.names import MAX_NAME, MAX_PARAM_VALUE, valid_name
from labloom.record.params import job_params
from labloom.record.quiet import without_advice
from labloom.testing.bench import Recorded, Workbench
from labloom.testing.cases import Case
from labloom.testing.foreign import told_as_contract_error
from labloom.testing.not_checked import NotChecked
from labloom.testing.trained import quietly

EXAMPLES = 4
# What labloom itself records with every run; anything else comes from the plugin.
OWN_ARTIFACTS = (
    "config.yaml",
    "overrides.txt",
    "command.txt",
    "versions.txt",
    "git.diff",
    "run.log",
    "model",
)
NUMBERS = (int, float, np.ndarray, np.number)


def parameters_fit_mlflow(bench: Workbench, case: Case) -> None:
    """Every leaf of the config is recorded under its own name, in full.

    Raises:
        ContractError: a name or a value is more than MLflow takes.
    """
    recorded = bench.recorded(case)
    wanted = job_params(recorded.job)
    for name, value in wanted.items():
        if valid_name(name) != name:
            raise ContractError(
                f"'{name}' cannot be the name of a parameter",
                expected=f"letters, digits, _ - . and spaces, at most {MAX_NAME} in all",
                fix="rename the key in the option file",
            )
        if len(value) > MAX_PARAM_VALUE:
            raise ContractError(
                f"the value of '{name}' is too long to be recorded",
                expected=f"at most {MAX_PARAM_VALUE} characters",
                got=f"{len(value)} characters: {value[:40]}...",
                fix="put it into a file, and the file's name into the config",
            )
    stored = _store(recorded).get_run(recorded.outcome.run_id).data.params
    lost = sorted(name for name, value in wanted.items() if stored.get(name) != value)
    if lost:
        raise ContractError(
            f"{listing(lost)} are not recorded as they are",
            fix="look for keys that differ in nothing but upper and lower case",
        )


def recorded_model_predicts_the_same(bench: Workbench, case: Case) -> None:
    """``mlflow.pyfunc`` answers raw inputs as the trained module does.

    Raises:
        ContractError: it answers something else, or cannot answer.
        NotChecked: nothing says what a raw input looks like.
    """
    recorded = bench.recorded(case)
    inputs = _raw_inputs(recorded)
    with without_advice(), quietly(), told_as_contract_error(bench.plugin):
        module = recorded.watch.module
        _refuse_bare_outputs(module, inputs)
        answered = _pyfunc(recorded).predict(inputs)
        expected = predict(module.eval(), inputs)
    if len(answered) != len(inputs):
        raise ContractError(
            "the recorded model does not answer every input",
            expected=f"{len(inputs)} answers",
            got=f"{len(answered)}",
            fix="let postprocess give one dict for each input",
        )
    if not _alike(answered, expected):
        raise ContractError(
            "the recorded model predicts something else than the trained module",
            expected=str(expected[0])[:200],
            got=str(answered[0])[:200],
            fix="keep what prediction needs in the checkpoint: constructor arguments that come "
            "from the config or the data's spec, buffers, or on_save_checkpoint",
        )


def figures_are_recorded(bench: Workbench, case: Case) -> None:
    """What the plugin's own callbacks draw lies among the artifacts of the run.

    Raises:
        ContractError: there is nothing, or a file is empty.
        NotChecked: the plugin has no callbacks for this task, or they draw nothing.
    """
    recorded = bench.recorded(case)
    if not plugin_callbacks(recorded.job):
        raise NotChecked("the plugin has no extra_callbacks for this task")
    files = dict(_artifacts(_store(recorded), recorded.outcome.run_id))
    drawn = [path for path in files if path.partition("/")[0] not in OWN_ARTIFACTS]
    if not drawn and not recorded.figures:
        raise NotChecked("its callbacks draw nothing in one epoch")
    if not drawn:
        raise ContractError(
            f"{recorded.figures} figures are drawn, and none is among the run's artifacts",
            expected="every figure recorded with its run",
            fix="trainer.logger.experiment.log_figure(name, figure) in the callback",
        )
    empty = [path for path in drawn if files[path] == 0]
    if empty:
        raise ContractError(f"{listing(empty)} are empty", fix="look at what is written into them")


def _raw_inputs(recorded: Recorded) -> Sequence[Any]:
    """A few inputs as ``labloom predict`` takes them."""
    data, module = recorded.watch.datamodule, recorded.watch.module
    if hasattr(data, "example_inputs"):
        inputs = list(data.example_inputs())[:EXAMPLES]
        if not inputs:
            raise ContractError(
                f"{type(data).__name__}.example_inputs() is empty",
                expected="a few raw inputs, as preprocess takes them",
            )
        return inputs
    if hasattr(module, "preprocess"):
        raise NotChecked("the datamodule has no example_inputs(), raw inputs for preprocess")
    call = recorded.watch.call
    if call is None or call.name or len(call.args) != 1 or call.kwargs:
        raise NotChecked("forward takes more than one array, and there is no example_inputs()")
    rows = call.args[0]
    if not (isinstance(rows, torch.Tensor) and rows.is_floating_point() and rows.ndim > 1):
        raise NotChecked("forward takes no batch of floats, and there is no preprocess")
    return rows[:EXAMPLES].cpu().numpy()


def _refuse_bare_outputs(module: LightningModule, inputs: Sequence[Any]) -> None:
    if hasattr(module, "preprocess") or hasattr(module, "postprocess"):
        return
    with torch.inference_mode():
        outputs = module.eval()(torch.as_tensor(np.asarray(inputs, dtype=np.float32)))
    if not isinstance(outputs, torch.Tensor):
        raise NotChecked(f"forward answers with a {type(outputs).__name__}: write postprocess")


def _pyfunc(recorded: Recorded) -> Any:
    import mlflow.pyfunc
    from mlflow.artifacts import download_artifacts

    store = _store(recorded)
    outputs = store.get_run(recorded.outcome.run_id).outputs
    model = store.client.get_logged_model(outputs.model_outputs[0].model_id)
    folder = download_artifacts(
        artifact_uri=model.artifact_location,
        dst_path=tempfile.mkdtemp(dir=recorded.job.output_dir),
        tracking_uri=store.uri,
    )
    return mlflow.pyfunc.load_model(folder)


def _alike(first: Any, second: Any) -> bool:
    """Whether two answers are equal, numbers to within rounding."""
    if isinstance(first, Mapping):
        return (
            isinstance(second, Mapping)
            and first.keys() == second.keys()
            and all(_alike(value, second[key]) for key, value in first.items())
        )
    if isinstance(first, (list, tuple)) and isinstance(second, (list, tuple)):
        return len(first) == len(second) and all(map(_alike, first, second))
    if _is_number(first) and _is_number(second):
        return np.shape(first) == np.shape(second) and bool(
            np.allclose(first, second, rtol=1e-4, atol=1e-6, equal_nan=True)
        )
    return bool(first == second)


def _is_number(value: Any) -> bool:
    return isinstance(value, NUMBERS) and not isinstance(value, bool)


def _artifacts(store: Store, run_id: str, folder: str | None = None) -> Iterator[tuple[str, int]]:
    for item in store.client.list_artifacts(run_id, folder):
        if item.is_dir:
            yield from _artifacts(store, run_id, item.path)
        else:
            yield item.path, int(item.file_size or 0)


def _store(recorded: Recorded) -> Store:
    return open_store(recorded.uri)
