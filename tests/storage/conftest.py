"""A retry policy whose waiting takes no time."""

import pytest
from clock import Clock

from bcauto.storage.outage import RetryPolicy


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def said():
    return []


@pytest.fixture
def policy(clock, said):
    return RetryPolicy(say=said.append, clock=clock, sleep=clock.sleep)
