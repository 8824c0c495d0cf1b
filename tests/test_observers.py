import logging

from labloom.observers import notify
from labloom.plugins import discover

RECORDING = """
import labloom
seen = []

@labloom.hookimpl
def run_started(run, cfg, task):
    seen.append(run)
"""


def test_every_plugin_is_told_and_one_that_raises_harms_nobody(plugin_folder, caplog):
    plugin_folder("bad", RECORDING.replace("seen.append(run)", "raise RuntimeError('no luck')"))
    plugin_folder("good", RECORDING)
    with caplog.at_level(logging.ERROR):
        notify("run_started", run="the run", cfg=None, task=None)
    assert discover().plugins["good"].module.seen == ["the run"]
    assert "plugin 'bad' failed in run_started" in caplog.text
    assert "no luck" in caplog.text


def test_nobody_is_told_of_a_run_that_is_not_recorded(plugin_folder):
    plugin_folder("good", RECORDING)
    notify("run_started", run=None, cfg=None, task=None)
    assert discover().plugins["good"].module.seen == []
