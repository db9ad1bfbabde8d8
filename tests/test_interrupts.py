"""Signals become one exception, at once or where the program checks."""

import os
import signal

import pytest

from bcauto.errors import Interrupted
from bcauto.interrupts import watch_signals


@pytest.mark.parametrize(
    ("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_signal_is_raised_at_once(signum, code):
    with pytest.raises(Interrupted) as interrupted, watch_signals():
        os.kill(os.getpid(), signum)
    assert interrupted.value.exit_code == code


def test_signal_waits_while_held():
    with watch_signals() as interrupts, interrupts.held(True):
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGINT)
        assert interrupts.received == signal.SIGTERM
        with pytest.raises(Interrupted, match="SIGTERM"):
            interrupts.check()
        interrupts.received = None


def test_third_signal_is_heard_even_while_held():
    with watch_signals() as interrupts, interrupts.held(True):
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(Interrupted):
            os.kill(os.getpid(), signal.SIGINT)
        interrupts.received = None


@pytest.mark.parametrize(("signum", "raised"), [(signal.SIGHUP, False), (signal.SIGINT, True)])
def test_only_a_hang_up_stays_ignored(signum, raised):
    before = signal.signal(signum, signal.SIG_IGN)
    try:
        with watch_signals() as interrupts, interrupts.held(True):
            os.kill(os.getpid(), signum)
            assert (interrupts.received is not None) is raised
            interrupts.received = None
    finally:
        signal.signal(signum, before)


def test_handlers_are_put_back():
    before = signal.getsignal(signal.SIGTERM)
    with watch_signals():
        assert signal.getsignal(signal.SIGTERM) != before
    assert signal.getsignal(signal.SIGTERM) == before
