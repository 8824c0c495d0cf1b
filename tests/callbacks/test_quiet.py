"""Small talk is dropped, information and warnings are not."""

from __future__ import annotations

import logging

from labloom.callbacks.quiet import LOGGERS, quiet_lightning


def test_small_talk_is_dropped_and_the_rest_is_heard(caplog):
    quiet_lightning()
    quiet_lightning()
    logger = logging.getLogger(LOGGERS[0])
    logger.setLevel(logging.INFO)
    assert len([one for one in logger.filters if type(one).__name__ == "_SmallTalk"]) == 1
    logger.propagate = True
    heard = []
    handler = logging.Handler()
    handler.emit = lambda record: heard.append(record.getMessage())
    logger.addHandler(handler)
    try:
        logger.info("GPU available: False, used: False")
        logger.info("💡 Tip: buy something")
        logger.info("Time limit reached. Elapsed time is 0:00:01. Signaling Trainer to stop.")
        logger.warning("GPU available but not used.")
    finally:
        logger.removeHandler(handler)
    assert [text.partition(".")[0] for text in heard] == [
        "Time limit reached",
        "GPU available but not used",
    ]
