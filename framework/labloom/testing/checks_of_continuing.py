"""Does a checkpoint hold everything, and does a run not depend on where it is run?"""

from __future__ import annotations

import json
import os
import sys

import torch

from labloom.build.checkpoints import load_module, resume_point
from labloom.compose.composing import hydra_ready
from labloom.errors import CheckpointError, ContractError, listing
from labloom.testing.bench import Workbench
from labloom.testing.cases import Case
from labloom.testing.foreign import told_as_contract_error
from labloom.testing.not_checked import NotChecked
from labloom.testing.processes import finished
from labloom.testing.trained import in_full, quietly, shown, train
from labloom.testing.watch import answers

EPOCHS = 2
KEEP_STATE = (
    "keep what training changes in parameters, buffers, or the state_dict of module, datamodule "
    "and callbacks"
)


def checkpoint_gives_the_same_predictions(bench: Workbench, case: Case) -> None:
    """The checkpoint loads as plain values, and the rebuilt module answers as the trained one.

    Raises:
        CheckpointError: it holds an object, or the module cannot be rebuilt from it.
        ContractError: weights or answers differ.
        NotChecked: validation calls no network whose answers could be compared.
    """
    trained = bench.trained(case)
    path = resume_point(trained.job.output_dir)
    if path is None:
        raise CheckpointError("the run wrote no checkpoint")
    rebuilt, weights = load_module(path), trained.watch.weights
    other = [
        name
        for name, value in rebuilt.state_dict().items()
        if not _same(value, weights[name].cpu())
    ]
    if other:
        raise ContractError(
            f"{listing(other, limit=4)} differ after loading the checkpoint", fix=KEEP_STATE
        )
    call = trained.watch.call
    if call is None:
        raise NotChecked("validation_step calls no network whose answers could be compared")
    trained.module.load_state_dict(weights)  # averages of weights may have taken their place
    with quietly(), told_as_contract_error(bench.plugin):
        first, second = answers(trained.module, call), answers(rebuilt, call)
    if not first:
        raise NotChecked(f"{call.name or 'forward'} answers with no tensor")
    if not _close(first, second):
        raise ContractError(
            "the module that is rebuilt from its checkpoint predicts something else",
            expected="the predictions of the trained module, on the same inputs",
            got=_largest_difference(first, second),
            fix=KEEP_STATE,
        )


def resumed_equals_uninterrupted(bench: Workbench, case: Case) -> None:
    """Two epochs in one go equal one epoch, a stop, and the other one, bit for bit.

    Raises:
        ContractError: losses or weights differ.
    """
    whole = train(bench.job(case, f"trainer.max_epochs={EPOCHS}"))
    losses, resumed = bench.train_interrupted(case, EPOCHS)
    weights = whole.weights()
    other = [name for name, value in resumed.weights().items() if not _same(value, weights[name])]
    if in_full(losses) != in_full(whole.losses) or other:
        raise ContractError(
            "a run that was stopped after an epoch and resumed ends elsewhere",
            expected=f"losses {shown(whole.losses)}",
            got=f"losses {shown(losses)}"
            + (f"; other weights in {listing(other, limit=3)}" if other else ""),
            fix=f"{KEEP_STATE}; without persistent loader workers",
        )


def apart_equals_together(bench: Workbench, case: Case) -> None:
    """A run in a fresh process equals one that comes after others in the same process.

    Trials of a sweep may share a process, and must not learn from one another.

    Raises:
        ContractError: the losses differ.
    """
    bench.trace_of(case, "seed=1")
    together = bench.trace_of(case)
    apart = _losses_apart(bench, case)
    if in_full(apart) != in_full(together):
        raise ContractError(
            "a run after another one in the same process differs from one in a fresh process",
            expected=f"losses {shown(apart)}, as in a fresh process",
            got=f"losses {shown(together)}",
            fix="keep nothing in module or class variables, nor in a library's global settings; "
            "sort what comes from a set",
        )


def _losses_apart(bench: Workbench, case: Case) -> list[float]:
    with hydra_ready():
        wanted = bench.jobs.wanted(case.task or "")
    order = {
        "plugin": bench.plugin.id,
        "task": case.task,
        "typed": [*wanted, *bench.jobs.typed],
    }
    command = [sys.executable, "-m", "labloom.testing.apart", json.dumps(order)]
    done = finished(command, "a run in a fresh process", env={**os.environ, "OMP_NUM_THREADS": "1"})
    if done.returncode != 0:
        raise ContractError(
            "the run fails in a fresh process",
            got=done.stderr.strip().rpartition("\n")[2],
            fix=f"labloom run task={case.task} debug=fast",
        )
    return json.loads(done.stdout.strip().splitlines()[-1])


def _same(first: torch.Tensor, second: torch.Tensor) -> bool:
    """Whether two tensors are equal bit for bit; NaN equals NaN."""
    return torch.equal(first.nan_to_num(), second.nan_to_num()) and torch.equal(
        first.isnan(), second.isnan()
    )


def _close(first: list[torch.Tensor], second: list[torch.Tensor]) -> bool:
    return len(first) == len(second) and all(
        a.shape == b.shape and torch.allclose(a, b, rtol=1e-4, atol=1e-6, equal_nan=True)
        for a, b in zip(first, second, strict=True)
    )


def _largest_difference(first: list[torch.Tensor], second: list[torch.Tensor]) -> str:
    if [t.shape for t in first] != [t.shape for t in second]:
        return "answers of another shape"
    largest = max(float((a - b).abs().max()) for a, b in zip(first, second, strict=True))
    return f"answers that differ by up to {largest:.3g}"
