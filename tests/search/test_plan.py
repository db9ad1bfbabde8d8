"""What a search will do, before it does any of it."""

from dataclasses import replace

import pytest

from bcauto.errors import BadInput
from bcauto.execute.contract import Node, Slots
from bcauto.search.plan import plan_search


@pytest.fixture(scope="module")
def plan(tmp_path_factory):
    """A plan, whose study's folder is not there yet."""
    return plan_search({"space": "quick"}, tmp_path_factory.mktemp("studies"), "cells")


@pytest.fixture
def on(plan, monkeypatch):
    """The same plan with other settings, on a machine of four cores and one GPU."""
    monkeypatch.setattr(Node, "here", classmethod(lambda _: Node(4, 1)))
    return lambda **other: replace(plan, settings=plan.settings.model_copy(update=other))


def test_nothing_is_written(plan):
    assert not plan.folder.path.exists()
    assert not plan.resumed


def test_both_proxies_are_still_to_be_written(plan, on):
    assert plan.confirmation.top
    assert plan.unwritten == 2 * plan.proxy.images.nbytes
    assert on(confirm=0).unwritten == plan.proxy.images.nbytes


def test_slots_are_those_of_this_machine(on):
    assert on().slots == Slots(1, 4, 1.0)
    assert on(gpus_per_trial=0.5).slots == Slots(2, 2, 0.5)
    assert on(executor="inline", workers=3).slots.workers == 1


def test_slots_on_a_cluster_are_those_of_its_machines(on):
    there = on(ray_address="192.0.2.1:6379")
    assert there.slots_on([Node(8, 4), Node(8)]) == Slots(4, 2, 1.0)
    with pytest.raises(BadInput, match="must have a CPU core or a GPU when a search starts"):
        there.slots_on([Node(0)])


def test_the_confirmation_has_corruptions_of_its_own(plan):
    anew = plan.confirm_proxy()
    assert anew.fingerprint != plan.proxy.fingerprint
    assert (anew.labels == plan.proxy.labels).all()
    assert plan.confirm_proxy().fingerprint == anew.fingerprint
