"""What stands beside a row of augmented images; the rows are tested by ``bcauto augment``."""

from bcauto.augment.wide import WideChain, WideGroup
from bcauto.plots.augmentation import _settings_note


def test_a_policys_note_has_its_settings_and_those_of_groups_that_are_there():
    chain = WideChain(rate=2, detail=WideGroup(rate=0.5))
    factors = "probability=1, rate=2, strength=1, detail.rate=0.5, detail.strength=1"
    assert _settings_note(chain) == f"{factors}, ops={len(chain.ops)}"
