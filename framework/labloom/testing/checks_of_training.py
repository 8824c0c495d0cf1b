"""Does it train, does everything in it learn, and does the seed decide?"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from pytorch_lightning.utilities import CombinedLoader

from labloom.build.parts import Parts
from labloom.errors import ContractError, listing, nearest
from labloom.recorded import flat
from labloom.testing.bench import Workbench
from labloom.testing.cases import Case
from labloom.testing.not_checked import NotChecked
from labloom.testing.trained import in_full, plain_config, shown, train
from labloom.testing.watch import Watch, copied

PATIENT_BATCHES = 30
OVERFIT_STEPS = 500
OVERFIT_BATCH = 8  # samples, where the data has a batch_size
OVERFIT_ENOUGH = 0.5  # share of the first loss at which it is seen to fall
OVERFIT_SHARE = 0.7  # share of the first loss that may be left at the end


def trains(bench: Workbench, case: Case) -> None:
    """Two training batches and one validation batch, on the CPU, without the network.

    Raises:
        NotChecked: the option's data is not here.
        LabloomError: it does not train, or its loss is not finite.
    """
    trained = bench.trained(case)
    losses = trained.losses
    if not losses and not (trained.by_hand and trained.watch.with_gradient):
        raise ContractError(
            "training_step returned no loss",
            expected="a tensor, or a mapping with 'loss'",
            fix="return the loss that backward is called on; with manual optimization, call "
            "self.manual_backward(loss)",
        )
    wrong = [loss for loss in losses if not math.isfinite(loss)]
    if wrong:
        raise ContractError(
            f"the loss of a training batch is {wrong[0]}",
            expected="a finite number",
            fix="trainer.detect_anomaly=true names the operation that made it",
        )


def logs_its_monitor(bench: Workbench, case: Case) -> None:
    """The metric that chooses checkpoints is logged in validation and is a finite number.

    Raises:
        ContractError: it is missing or not finite.
    """
    trained = bench.trained(case)
    monitor = trained.job.config.task.monitor
    if monitor is None:
        return
    if monitor not in trained.metrics:
        near = nearest(monitor, trained.metrics)
        raise ContractError(
            f"'{monitor}' is the task's monitor and was not logged in validation",
            expected=f"self.log('{monitor}', value) in validation_step",
            got=f"logged: {listing(trained.metrics)}",
            fix=f"Task(..., monitor='{near}')" if near else f"log '{monitor}'",
        )
    if not math.isfinite(trained.metrics[monitor]):
        raise ContractError(
            f"'{monitor}' is {trained.metrics[monitor]}",
            expected="a finite number, from which the best checkpoint can be told",
            fix="look at how it is computed on a small validation batch",
        )


def gradients_reach_what_learns(bench: Workbench, case: Case) -> None:
    """Every trainable parameter gets a gradient, and no frozen one does.

    Raises:
        ContractError: names the parameters.
    """
    watch = bench.trained(case).watch
    if watch.trainable - watch.reached:  # routing or zero weights: give them more batches
        watch = train(bench.job(case, f"trainer.limit_train_batches={PATIENT_BATCHES}")).watch
    unreached = sorted(watch.trainable - watch.reached)
    if unreached:
        zero = sorted(watch.trainable & watch.with_gradient - watch.reached)
        raise ContractError(
            f"no gradient reaches {listing(unreached, limit=4)}",
            expected="a gradient that is not zero everywhere, for every trainable parameter",
            got=f"only zeros for {listing(zero, limit=4)}"
            if zero
            else f"none in {PATIENT_BATCHES} batches",
            fix="use it in the loss, take it out, or freeze it: parameter.requires_grad_(False); "
            "look for .detach(), no_grad and .item() on its way",
        )
    thawed = sorted(watch.frozen & watch.with_gradient)
    if thawed:
        raise ContractError(
            f"a gradient reaches {listing(thawed, limit=4)}, frozen when training began",
            expected="frozen parameters that stay frozen",
            fix="look for requires_grad_(True), or for a gradient that is set by hand",
        )


def same_seed_same_loss(bench: Workbench, case: Case) -> None:
    """A second run with the same seed has the same losses, bit for bit.

    Raises:
        ContractError: with the losses of both.
    """
    first, second = bench.trained(case).trace(), bench.trace_of(case)
    if in_full(first) != in_full(second):
        raise ContractError(
            "two runs with the same seed have different losses",
            expected=f"losses {shown(first)}",
            got=f"losses {shown(second)}",
            fix="draw random numbers from torch, numpy or random, which are seeded, and keep "
            "nothing between runs in a module or class variable",
        )


def other_seed_other_loss(bench: Workbench, case: Case) -> None:
    """A run with another seed has other losses.

    Raises:
        ContractError: the seed decides nothing.
    """
    first, second = bench.trained(case).trace(), bench.trace_of(case, "seed=1")
    if in_full(first) == in_full(second):
        raise ContractError(
            "runs with seed=0 and seed=1 have the same losses",
            expected="weights, or the order of batches, that the seed draws",
            got=f"losses {shown(first)} in both",
            fix="look for a seed that is set inside the plugin, such as torch.manual_seed(0); a "
            "task that draws nothing at random expects this failure, and says why",
        )


def learns_a_batch_by_heart(bench: Workbench, case: Case) -> None:
    """One small batch, shown again and again, makes the loss fall.

    Half of the first loss ends it; what is left after 500 steps may be at most seven tenths,
    which leaves room for dropout, smoothed labels and small networks.

    Raises:
        ContractError: the loss does not fall.
    """
    small = [f"data.batch_size={OVERFIT_BATCH}"] if _has_batch_size(bench, case) else []
    job = bench.job(
        case,
        *small,
        f"trainer.limit_train_batches={OVERFIT_STEPS}",
        "trainer.limit_val_batches=0",
        "callbacks.checkpoint.enabled=false",
    )
    losses = train(job, Watch(enough=OVERFIT_ENOUGH), _repeat_first_batch).losses
    if not losses:
        raise NotChecked("training_step returns no loss")
    first, last = losses[0], min(losses[-3:])
    bound = OVERFIT_SHARE * first if first > 0 else first  # of a negative loss: any fall
    if not last <= bound:
        raise ContractError(
            "one small batch cannot be learned by heart",
            expected=f"a loss of at most {bound:.4g} after {len(losses)} steps",
            got=f"{first:.4g} at first, {last:.4g} at last",
            fix="suspect the loss, the labels, a missing gradient or the learning rate: "
            f"labloom run task={case.task} debug=overfit",
        )


def config_stays_as_it_was(bench: Workbench, case: Case) -> None:
    """Neither classes nor hooks change the config.

    Raises:
        ContractError: names the keys that changed.
    """
    recorded = bench.recorded(case)
    before, after = flat(recorded.before), flat(plain_config(recorded.job))
    changed = sorted(key for key in {**before, **after} if before.get(key) != after.get(key))
    if changed:
        raise ContractError(
            f"the run changed its own config: {listing(changed)}",
            expected="a config that says afterwards what it said before",
            fix="copy what a hook or a constructor wants to change",
        )


class _FirstBatch:
    """A loader that gives its first batch again and again.

    Lightning's ``overfit_batches`` would take the first rows of the data, unshuffled: in data that
    is sorted by class they have one label, which is learned without looking at anything.
    """

    def __init__(self, loader: Any) -> None:
        self.loader = loader

    def __len__(self) -> int:
        return OVERFIT_STEPS

    def __iter__(self) -> Iterator[Any]:
        batch = next(iter(CombinedLoader(self.loader)))[0]
        for _ in range(OVERFIT_STEPS):
            yield copied(batch)


def _repeat_first_batch(parts: Parts) -> None:
    loader_of = parts.datamodule.train_dataloader
    parts.datamodule.train_dataloader = lambda: _FirstBatch(loader_of())


def _has_batch_size(bench: Workbench, case: Case) -> bool:
    return "batch_size" in bench.job(case).config.data
