"""Every source of chance in training, each its own, all from one seed.

Training seeds of worlds lie in [2**31, 2**32) and seeds of evaluation below 2**31, so that no
episode is trained on and evaluated.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

FIRST_TRAINING_SEED = 2**31

EXPLORATION, ORDER, WARMUP, BATCHES, WORLDS = range(5)  # children of the seed


class Generators:
    """The generators of a training.

    Args:
        seed: of all of them.
        device: of the actor, which explores there.

    Attributes:
        exploration: what the actor draws from.
        order: of transitions in a pass over a rollout.
        warmup: actions before the policy acts.
        batches: which transitions of a replay buffer make a batch.
    """

    def __init__(self, seed: int, device: torch.device) -> None:
        self._seed = seed
        self.exploration = torch.Generator(device).manual_seed(_number(seed, EXPLORATION))
        self.order = torch.Generator().manual_seed(_number(seed, ORDER))
        self.warmup = np.random.default_rng(_child(seed, WARMUP))
        self.batches = np.random.default_rng(_child(seed, BATCHES))

    def state(self) -> dict[str, Any]:
        """Tensors and plain values."""
        return {
            "device": self.exploration.device.type,
            "exploration": self.exploration.get_state(),
            "order": self.order.get_state(),
            "warmup": _plain(self.warmup),
            "batches": _plain(self.batches),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Let all draw on.

        A state of the exploration is of one kind of device; on another one it begins anew, and the
        run goes on without being the same bit for bit.
        """
        if state["device"] == self.exploration.device.type:
            self.exploration.set_state(state["exploration"].cpu())
        self.order.set_state(state["order"].cpu())
        _restore(self.warmup, state["warmup"])
        _restore(self.batches, state["batches"])


def training_seeds(seed: int, beginning: int, num_agents: int) -> list[int]:
    """Seeds for the agents of a training world.

    Args:
        seed: of the training.
        beginning: 0 at first; rounds done, where worlds begin anew in a continued run.
        num_agents: how many.
    """
    sequence = np.random.SeedSequence(seed, spawn_key=(WORLDS, beginning))
    words = sequence.generate_state(num_agents, np.uint32)
    return [FIRST_TRAINING_SEED + int(word) // 2 for word in words]


def _child(seed: int, which: int) -> np.random.SeedSequence:
    return np.random.SeedSequence(seed, spawn_key=(which,))


def _number(seed: int, which: int) -> int:
    return int(_child(seed, which).generate_state(1, np.uint64)[0] >> 1)


def _plain(generator: np.random.Generator) -> dict[str, Any]:
    # Its numbers have 128 bits; as texts they go through every file format.
    state = generator.bit_generator.state
    return {
        "state": hex(state["state"]["state"]),
        "inc": hex(state["state"]["inc"]),
        "has_uint32": int(state["has_uint32"]),
        "uinteger": int(state["uinteger"]),
    }


def _restore(generator: np.random.Generator, plain: Mapping[str, Any]) -> None:
    generator.bit_generator.state = {
        "bit_generator": type(generator.bit_generator).__name__,
        "state": {name: int(plain[name], 16) for name in ("state", "inc")},
        "has_uint32": plain["has_uint32"],
        "uinteger": plain["uinteger"],
    }
