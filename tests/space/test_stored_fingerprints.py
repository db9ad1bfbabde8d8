"""The fingerprints of spaces as studies store them, made before their words changed.

Computed by the code that called the shipped spaces ``blood_cells``, ``blood_cells_small`` and
``quick``, and the objective ``mean_of_cells``. ``full`` and ``small`` have changed since: here are
their texts of then, which studies keep. A study refuses to go on in a space of another fingerprint.
"""

from pathlib import Path

import pytest

from bcauto.augment.wide import WideChain
from bcauto.proxy.config import ProxyConfig
from bcauto.space.files import find_space, read_space

STORED = {
    "full": "63d009b0b9a45a5c641453b656f475a8d11a53d59adc465a8ab7697f7465488e",
    "small": "ce241f01c063927d887baacaa88fab280cb8f0539e82032b748da0b5be8fff95",
    "quick": "b624d5b62e4028a221e52fe11bb4b89f02b000824580530ac4f652732072da6c",
}


TESTS = Path(__file__).parents[1]
TEXTS = {
    "full": TESTS / "space" / "stored" / "full.toml",
    "small": TESTS / "results" / "golden" / "small-cells" / "space.toml",
    "quick": find_space("quick"),
}


@pytest.mark.parametrize("name", STORED)
def test_a_space_has_the_fingerprint_that_studies_have_stored(name):
    assert read_space(TEXTS[name]).fingerprint == STORED[name]


@pytest.mark.parametrize("name", ["full", "small"])
def test_a_stored_space_still_samples_the_wide_chain_of_then(name):
    wide = read_space(TEXTS[name]).at({}).augment.wide
    assert set(wide.ops) == set(WideChain().ops)
    assert (wide.tone, wide.colour, wide.detail) == (None, None, None)


@pytest.mark.parametrize("word", ["mean_of_cells", "mean_of_corruptions"])
def test_either_word_for_the_objective_gives_the_stored_fingerprint(word, tmp_path):
    path = tmp_path / "space.toml"
    path.write_text(f'extends = "quick"\n[proxy]\nobjective = "{word}"\n', encoding="utf-8")
    space = read_space(path)
    assert space.fingerprint == STORED["quick"]
    assert space.proxy == ProxyConfig(copies=8, held_out_copies=3)
