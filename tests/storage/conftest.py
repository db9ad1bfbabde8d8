"""A retry policy whose waiting takes no time."""

import pytest

from bcauto.storage.outage import RetryPolicy


class Clock:
    """Seconds that pass only where something sleeps."""

    def __init__(self):
        self.now, self.slept = 0.0, []

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def said():
    return []


@pytest.fixture
def policy(clock, said):
    return RetryPolicy(say=said.append, clock=clock, sleep=clock.sleep)
