"""Learning-rate schedules as pure functions of the step: factors of the optimizer's own ``lr``.

Sources: cosine annealing, Loshchilov and Hutter, "SGDR: Stochastic Gradient Descent with Warm
Restarts", ICLR 2017, equation 5 (one period, no restart); linear warm-up, Goyal et al., "Accurate,
Large Minibatch SGD", 2017, section 2.2; one cycle, Smith and Topin, "Super-Convergence", 2018, with
cosine instead of straight ramps, as in fast.ai and ``torch.optim.lr_scheduler.OneCycleLR``. Unlike
the latter, momentum is not cycled, and a run may be continued past its planned end: the factor
then stays where the schedule ended.
"""

from __future__ import annotations

import math


def cosine_anneal(progress: float, start: float, end: float) -> float:
    """Half a cosine from ``start`` to ``end``; ``progress`` runs from 0 to 1."""
    progress = min(max(progress, 0.0), 1.0)
    return end + (start - end) * (1.0 + math.cos(math.pi * progress)) / 2.0


def warmup_steps(total: int, warmup: float) -> int:
    """Steps that a warm-up takes: a fraction of ``total`` below 1, otherwise a number of steps."""
    return round(warmup * total) if warmup < 1 else int(warmup)


def warmup_cosine(step: int, total: int, warmup: float = 0.0, final: float = 0.0) -> float:
    """Linear warm-up to 1, then a cosine down to ``final``.

    Args:
        step: optimizer steps done, from 0.
        total: optimizer steps of the whole run.
        warmup: length of the warm-up, as ``warmup_steps`` reads it. Its first step has the factor
            ``1 / steps``, not 0, so that no step is lost.
        final: factor at the end.
    """
    rising = warmup_steps(total, warmup)
    if step < rising:
        return (step + 1) / rising
    return cosine_anneal((step - rising) / max(total - rising, 1), 1.0, final)


def warmup_linear(step: int, total: int, warmup: float = 0.0, final: float = 0.0) -> float:
    """Linear warm-up to 1, then a straight line down to ``final``; arguments as ``warmup_cosine``.

    The usual schedule of PPO (Schulman et al., 2017, table 5) and of fine-tuning transformers
    (Devlin et al., 2018, section A.2).
    """
    rising = warmup_steps(total, warmup)
    if step < rising:
        return (step + 1) / rising
    progress = min((step - rising) / max(total - rising, 1), 1.0)
    return 1.0 + (final - 1.0) * progress


def one_cycle(
    step: int, total: int, warmup: float = 0.3, start: float = 0.04, final: float = 4e-6
) -> float:
    """A cosine up from ``start`` to 1 and a cosine down to ``final``.

    Args:
        step: optimizer steps done, from 0.
        total: optimizer steps of the whole run; the last step, ``total - 1``, has ``final``.
        warmup: length of the way up, as ``warmup_steps`` reads it.
        start: factor at step 0; torch calls its inverse ``div_factor``.
        final: factor at the end; ``start / final`` is torch's ``final_div_factor``.
    """
    peak = max(warmup_steps(total, warmup) - 1, 0)
    if step < peak:
        return cosine_anneal(step / peak, start, 1.0)
    return cosine_anneal((step - peak) / max(total - 1 - peak, 1), 1.0, final)
