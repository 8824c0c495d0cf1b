import os
import subprocess
import sys
from pathlib import Path

import pytest

from labloom.cli.completing import join_at_equals


def completed(*words):
    """What bash would be offered for the last word; bash splits words at the equals sign."""
    done = subprocess.run(
        [Path(sys.executable).with_name("labloom")],
        env={
            **os.environ,
            "COMP_WORDS": " ".join(["labloom", *words]),
            "COMP_CWORD": str(len(words)),
            "_LABLOOM_COMPLETE": "bash_complete",
        },
        capture_output=True,
        text=True,
        timeout=60,
    )
    return [line.removeprefix("plain,") for line in done.stdout.splitlines()]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["sh"], ["show"]),
        (["run", "optimiz"], ["optimizer="]),
        (["run", "task", "=", "vision_cl"], ["vision_classify"]),
        (["run", "task", "=", "vision_classify", "model", "=", "vision_m"], ["vision_mlp"]),
        (["run", "task", "=", "vision_classify", "optimizer.l"], ["optimizer.lr="]),
    ],
)
def test_a_word_is_completed(words, expected):
    assert completed(*words) == expected


def test_words_that_bash_split_are_joined():
    assert join_at_equals(["task", "=", "a", "model", "=", ""]) == (["task=a", "model="], "model=")
