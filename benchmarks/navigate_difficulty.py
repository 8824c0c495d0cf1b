"""How hard the navigation world is: success of its scripted drivers on 500 fixed episodes.

    OMP_NUM_THREADS=1 python benchmarks/navigate_difficulty.py
    OMP_NUM_THREADS=1 python benchmarks/navigate_difficulty.py --first-seed 700000 people=6

The defaults of the world are frozen such that the expert succeeds in 90 to 97 % of them and heading
straight for the goal in at most half. Intervals are those of Wilson, at 95 %. The expert was
made on seeds from 10,000 on; other first seeds say how it does on maps that nobody looked at.
"""

from __future__ import annotations

import argparse
import json
import time

import numpy as np

from labloom_robotics.evaluation.intervals import wilson_interval
from labloom_robotics.worlds.navigate import Navigate

SPEED_AGENTS, SPEED_STEPS = 256, 400


def drive(name, seeds, options):
    """Success, collision (bool) and length of each of the episodes."""
    world = Navigate(len(seeds), **options)
    world.reset(seeds)
    going = np.ones(len(seeds), dtype=bool)
    success, collision = np.zeros_like(going), np.zeros_like(going)
    lengths = np.zeros(len(seeds), dtype=int)
    while going.any():
        told = world.step(getattr(world, name)())
        lengths += going
        ended = going & told.ended
        success |= ended & told.info["success"]
        collision |= ended & told.info["collision"]
        going &= ~ended
    return success, collision, lengths


def steps_per_second(options):
    """Agent-steps per second of processor time with 256 expert-driven agents, resets included."""
    world, spent = Navigate(SPEED_AGENTS, **options), 0.0
    for step in range(SPEED_STEPS + 50):
        actions = world.straight() if step % 2 else world.expert()
        start = time.process_time()
        world.step(actions)
        if step >= 50:
            spent += time.process_time() - start
    return SPEED_AGENTS * SPEED_STEPS / spent


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--episodes", type=int, default=500)
    parser.add_argument("--first-seed", type=int, default=10_000)
    parser.add_argument("options", nargs="*", help="of the world, as key=value")
    given = parser.parse_args()
    pairs = (option.split("=", 1) for option in given.options)
    options = {key: json.loads(value) for key, value in pairs}
    seeds = range(given.first_seed, given.first_seed + given.episodes)
    for name in ("expert", "straight"):
        success, collision, lengths = drive(name, seeds, options)
        low, high = wilson_interval(success.sum(), len(success))
        print(
            f"{name:9} success {success.mean():6.1%} [{low:.1%}, {high:.1%}]   "
            f"collision {collision.mean():6.1%}   mean steps {lengths.mean():.0f}"
        )
    print(f"stepping  {steps_per_second(options):,.0f} agent-steps/s of processor time")


if __name__ == "__main__":
    main()
