import os
import signal
import threading

import pytest

from labloom.errors import ExitStatus, Stopped
from labloom.signals import stop_on_signals


@pytest.mark.parametrize(
    ("number", "status"),
    [(signal.SIGINT, ExitStatus.INTERRUPTED), (signal.SIGTERM, ExitStatus.TERMINATED)],
)
def test_a_signal_raises_stopped_with_its_exit_status(number, status):
    with pytest.raises(Stopped) as caught, stop_on_signals():
        os.kill(os.getpid(), number)
        threading.Event().wait(5)
    assert caught.value.exit_status == status


def test_a_second_signal_has_its_default_effect():
    with pytest.raises(Stopped), stop_on_signals():
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        finally:
            assert signal.getsignal(signal.SIGINT) == signal.SIG_DFL


def test_the_handlers_are_put_back():
    before = signal.getsignal(signal.SIGTERM)
    with stop_on_signals():
        assert signal.getsignal(signal.SIGTERM) != before
    assert signal.getsignal(signal.SIGTERM) == before


def test_another_thread_may_use_it_without_effect():
    ran = []

    def work():
        with stop_on_signals():
            ran.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert ran == [True]
