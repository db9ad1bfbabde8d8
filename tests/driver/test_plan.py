"""What a search will do, before it does any of it."""

from dataclasses import replace

import numpy as np
import optuna
import pytest

from bcauto.driver.plan import plan_search
from bcauto.errors import BadInput
from bcauto.execute.contract import Node, Slots


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


@pytest.fixture
def begun(tmp_path, tiny_cells):
    """Begins a study whose only network starts from a folder of weights; gives what plans it."""
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "mobilenet_0.25.weights.h5").write_bytes(b"some weights")
    (tmp_path / "space.toml").write_text('[recipe.model]\nbackbone = "MobileNet-0.25"\n')
    np.savez(tmp_path / "cells.npz", images=tiny_cells.images, labels=tiny_cells.labels)
    given = {"data": str(tmp_path / "cells.npz"), "space": str(tmp_path / "space.toml")}

    def again(**other):
        return plan_search({**given, **other}, tmp_path / "studies", "cells")

    plan = again(weights=str(tmp_path / "old"))
    plan.folder.path.mkdir(parents=True)
    plan.proxy.save(plan.folder.proxy)
    plan.folder.space.write_text(plan.space_text, encoding="utf-8")
    optuna.create_study(study_name="cells", storage=plan.folder.default_storage)
    plan.record.write(plan.folder)
    return again


def test_a_folder_of_weights_may_move_and_have_other_files(begun, tmp_path):
    moved = (tmp_path / "old").rename(tmp_path / "new place")
    (moved / "others.weights.h5").write_bytes(b"of no network here")
    with pytest.raises(
        BadInput, match=r"--weights .*old, which is no longer there; give --weights"
    ):
        begun()
    plan = begun(weights=str(moved))
    assert plan.resumed
    assert plan.settings.weights == str(moved)


def test_other_weights_are_another_study(begun, tmp_path):
    (tmp_path / "old" / "mobilenet_0.25.weights.h5").write_bytes(b"some weights!")
    with pytest.raises(BadInput, match=r"begun with something else: weights \(study: fingerprint "):
        begun()
    with pytest.raises(BadInput, match=r"begun with something else: weights .*now: none"):
        begun(weights="none")


def test_a_study_that_was_begun_with_the_path_of_its_weights_goes_on(begun, tmp_path):
    plan = begun()
    identity = plan.record.identity.model_copy(update={"weights": str(tmp_path / "old")})
    plan.record.model_copy(update={"identity": identity}).write(plan.folder)
    again = begun()
    assert again.resumed
    assert again.record.identity == identity
