"""The fingerprints of the spaces that ship, as studies made before their words changed store them.

Computed by the code that called them ``blood_cells``, ``blood_cells_small`` and ``quick``, and the
objective ``mean_of_cells``. A study refuses to go on in a space of another fingerprint.
"""

import pytest

from bcauto.proxy.config import ProxyConfig
from bcauto.space.files import find_space, read_space

STORED = {
    "full": "63d009b0b9a45a5c641453b656f475a8d11a53d59adc465a8ab7697f7465488e",
    "small": "ce241f01c063927d887baacaa88fab280cb8f0539e82032b748da0b5be8fff95",
    "quick": "b624d5b62e4028a221e52fe11bb4b89f02b000824580530ac4f652732072da6c",
}


@pytest.mark.parametrize("name", STORED)
def test_a_shipped_space_has_the_fingerprint_that_studies_have_stored(name):
    assert read_space(find_space(name)).fingerprint == STORED[name]


@pytest.mark.parametrize("word", ["mean_of_cells", "mean_of_corruptions"])
def test_either_word_for_the_objective_gives_the_stored_fingerprint(word, tmp_path):
    path = tmp_path / "space.toml"
    path.write_text(f'extends = "quick"\n[proxy]\nobjective = "{word}"\n', encoding="utf-8")
    space = read_space(path)
    assert space.fingerprint == STORED["quick"]
    assert space.proxy == ProxyConfig(copies=8, held_out_copies=3)
