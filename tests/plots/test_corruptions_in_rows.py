"""The rows of a proxy: copies of one image where there is one, or an original beside its own."""

import numpy as np
import pytest
from proxy_fixtures import SIDE, coloured_proxy

from bcauto.plots.corruptions import copied_rows, corrupted_rows


@pytest.fixture(scope="module")
def stored():
    return coloured_proxy(copies=3)


def test_a_row_shows_one_image_where_its_severities_share_one_and_classes_take_turns():
    stored, together = coloured_proxy(copies=8), 0
    rows = copied_rows(stored)
    for turn, row in enumerate(rows):
        seen = np.array([tile[0, 0] for tile in row.tiles], dtype=int)
        inside = [np.flatnonzero(stored.corruption == (red - 20) // 2) for red in seen[:, 0]]
        common = set.intersection(*({*stored.base[each].tolist()} for each in inside))
        together += bool(common)
        for (_, green, blue), each in zip(seen, inside, strict=True):
            candidates = each[np.isin(stored.base[each], [*common])] if common else each
            labels = stored.labels[candidates]
            first = labels[stored.base[candidates].argmin()]
            assert blue // 5 in stored.base[candidates]
            assert green // 60 - 1 == (turn % 3 if turn % 3 in labels else first)
        assert not common or len({*seen[:, 2]}) == 1
    assert 0 < together < len(rows)


def test_one_original_stands_beside_what_each_severity_makes_of_it(stored):
    original = np.random.default_rng(5).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    rows = corrupted_rows(stored, original)
    corruptions = list(dict.fromkeys(each.corruption for each in stored.corruptions))
    assert [row.title.removesuffix(" (held out)") for row in rows] == corruptions
    for row in rows:
        assert len(row.tiles) == 5
        assert (row.tiles[0] == original).all()
        assert not (row.tiles[1:] == original).all(axis=(1, 2, 3)).any()
    assert rows[0].note.endswith("as it is, severity 1 3 4 5")


def test_titles_name_corruption_family_and_severities_and_mark_what_is_held_out(stored):
    rows = {row.title: row.note for row in copied_rows(stored)}
    assert rows["colour_cast"] == "colour, severity 1 3 4 5"
    assert rows["stain_shift"] == "microscopy, severity 1 3 4 5"
    assert rows["defocus (held out)"] == "blur, severity 1 3 4 5"
    assert rows["jpeg (held out)"] == "sensor, severity 1 3 4 5"
    assert sum("held out" in title for title in rows) == 6
    assert len(rows) == 12
