"""MuJoCo draws, or says why not, on a machine without a screen."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

pytest.importorskip("mujoco")

DRAW_TWICE = """
from labloom_robotics.worlds.make import make_world
for _ in range(2):
    world = make_world("Reacher-v5", 1, {}, pictures=True)
    world.reset([0])
    try:
        print(world.picture(0).shape[-1])
    except Exception as error:
        print(type(error).__name__)
    world.close()
print("still here")
"""


def test_drawing_a_second_time_without_a_screen_does_not_end_the_process() -> None:
    hidden = ("DISPLAY", "WAYLAND_DISPLAY", "MUJOCO_GL")
    env = {name: value for name, value in os.environ.items() if name not in hidden}
    done = subprocess.run(
        [sys.executable, "-c", DRAW_TWICE], env=env, capture_output=True, text=True, timeout=120
    )
    assert done.stdout.splitlines()[-1:] == ["still here"], done.stderr[-500:]
    assert done.returncode == 0
