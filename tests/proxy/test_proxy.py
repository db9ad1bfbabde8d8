import dataclasses

import numpy as np
import pytest

from bcauto.errors import BadInput
from bcauto.proxy.config import ProxyConfig
from bcauto.proxy.corruptions import CorruptionAtSeverity
from bcauto.proxy.make import make_proxy
from bcauto.proxy.proxy import Proxy

FIELDS = ("images", "labels", "base", "corruption", "probe")


def small_proxy(held_out=("blur",)):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (12, 10, 14, 3), dtype=np.uint8)
    config = ProxyConfig(families=("colour",), held_out=held_out, copies=2)
    return make_proxy(images, rng.integers(0, 3, 12), config, 5)


@pytest.fixture(scope="module")
def proxy():
    return small_proxy()


@pytest.fixture
def path(proxy, tmp_path):
    proxy.save(tmp_path / "proxy.npz")
    return tmp_path / "proxy.npz"


@pytest.mark.parametrize("held_out", [("blur",), (), ("blur", "microscopy")])
def test_what_is_saved_is_loaded(held_out, tmp_path):
    proxy = small_proxy(held_out)
    proxy.save(tmp_path / "proxy.npz")
    loaded = Proxy.load(tmp_path / "proxy.npz")
    for field in FIELDS:
        assert getattr(loaded, field).dtype == getattr(proxy, field).dtype
        assert np.array_equal(getattr(loaded, field), getattr(proxy, field))
    assert (loaded.corruptions, loaded.held_out) == (proxy.corruptions, proxy.held_out)
    assert loaded.fingerprint == proxy.fingerprint


@pytest.mark.parametrize("objective", ["worst_family", "mean_of_families"])
@pytest.mark.parametrize("metric", ["balanced_accuracy", "macro_f1", "auc"])
def test_what_it_is_scored_by_is_saved_with_it(objective, metric, tmp_path):
    proxy = dataclasses.replace(small_proxy(), objective=objective, metric=metric)
    proxy.save(tmp_path / "proxy.npz")
    loaded = Proxy.load(tmp_path / "proxy.npz")
    assert (loaded.objective, loaded.metric) == (objective, metric)
    assert loaded.fingerprint == proxy.fingerprint


def test_saving_leaves_nothing_else_and_replaces_an_older_file(proxy, path):
    small_proxy(held_out=()).save(path)
    proxy.save(path)
    assert Proxy.load(path).fingerprint == proxy.fingerprint
    assert list(path.parent.iterdir()) == [path]


def test_a_save_that_fails_keeps_the_old_file_and_leaves_no_other(proxy, path, monkeypatch):
    def fail(*_args, **_kwargs):
        raise OSError("disk full")

    before = path.read_bytes()
    monkeypatch.setattr(np, "savez", fail)
    with pytest.raises(OSError, match="disk full"):
        proxy.save(path)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("kept", [0.0, 0.3, 0.9, 0.999])
def test_a_truncated_file_is_refused(path, kept):
    whole = path.read_bytes()
    path.write_bytes(whole[: int(kept * len(whole))])
    with pytest.raises(BadInput, match="must be a file that bcauto saved"):
        Proxy.load(path)


def test_a_damaged_file_is_refused(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 255
    path.write_bytes(content)
    with pytest.raises(BadInput, match="must be a file that bcauto saved"):
        Proxy.load(path)


def test_something_else_is_refused(tmp_path):
    array, archive, text = (tmp_path / name for name in ("a.npy", "b.npz", "c.npz"))
    np.save(array, np.arange(3))
    np.savez(archive, images=np.arange(3))
    text.write_text("not an archive")
    for path in (array, archive, text, tmp_path, tmp_path / "missing.npz"):
        with pytest.raises(BadInput, match="must be a file that bcauto saved"):
            Proxy.load(path)


def rewrite(path, **changed):
    with np.load(path) as stored:
        arrays = {**stored, **changed}
    np.savez(path, **arrays)


def test_a_file_whose_labels_were_changed_is_refused(proxy, path):
    rewrite(path, labels=proxy.labels[::-1])
    with pytest.raises(BadInput, match="match its own fingerprint"):
        Proxy.load(path)


def test_a_file_with_pickled_objects_is_refused(path):
    rewrite(path, labels=np.array([{}], dtype=object))
    with pytest.raises(BadInput, match="must be a file that bcauto saved"):
        Proxy.load(path)


def test_a_file_with_an_unknown_corruption_is_refused(proxy, path):
    rewrite(path, cells=np.array(["fog/1"] * len(proxy.corruptions)))
    with pytest.raises(BadInput, match="got 'fog'"):
        Proxy.load(path)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"metric": "acuracy"}, "unknown metric 'acuracy'; did you mean 'accuracy'"),
        ({"objective": "mean"}, "unknown objective 'mean'"),
    ],
)
def test_a_file_with_an_unknown_objective_or_metric_is_refused(path, changed, message):
    rewrite(path, **changed)
    with pytest.raises(BadInput, match=message):
        Proxy.load(path)


@pytest.mark.parametrize("missing", ["objective", "metric"])
def test_a_file_without_objective_or_metric_is_refused(path, missing):
    with np.load(path) as stored:
        arrays = {name: array for name, array in stored.items() if name != missing}
    np.savez(path, **arrays)
    with pytest.raises(BadInput, match=f"must be a file that bcauto saved, .*{missing}"):
        Proxy.load(path)


@pytest.mark.parametrize("field", FIELDS)
def test_every_array_counts_in_the_fingerprint(proxy, field):
    array = getattr(proxy, field).copy()
    array.flat[0] ^= 1
    assert dataclasses.replace(proxy, **{field: array}).fingerprint != proxy.fingerprint


def test_corruptions_and_held_out_families_count_in_the_fingerprint(proxy):
    for changed in ({"corruptions": proxy.corruptions[::-1]}, {"held_out": ()}):
        assert dataclasses.replace(proxy, **changed).fingerprint != proxy.fingerprint


def test_objective_and_metric_count_in_the_fingerprint(proxy):
    others = [
        dataclasses.replace(proxy, **changed).fingerprint
        for changed in ({"objective": "worst_family"}, {"metric": "auc"}, {"metric": "macro_f1"})
    ]
    assert len({proxy.fingerprint, *others}) == 4


def test_the_fingerprint_is_computed_once(proxy):
    assert proxy.fingerprint is proxy.fingerprint
    assert len(proxy.fingerprint) == 64


def tiny_proxy(**changed):
    fields = {
        "images": np.arange(4 * 8 * 8 * 3, dtype=np.uint8).reshape(4, 8, 8, 3),
        "labels": np.array([0, 1, 0, 1]),
        "base": np.array([0, 1, 0, 1]),
        "corruption": np.array([0, 1, 2, 2]),
        "probe": np.array([0, 1]),
        "corruptions": tuple(map(CorruptionAtSeverity.named, ("gamma/2", "jpeg/5", "defocus/3"))),
        "held_out": ("blur",),
    }
    return Proxy(**fields | changed)


def test_the_fingerprint_is_that_of_studies_made_before_the_words_changed():
    """Computed by the code that said "cells" and "mean_of_cells"."""
    expected = "05848230c36ae80b8ca4446a5f4f3393349362643a69cfd38625180aa2a7c293"
    assert tiny_proxy().fingerprint == expected
    assert tiny_proxy(objective="mean_of_corruptions").fingerprint == expected


def test_the_file_keeps_its_keys_and_the_word_of_its_objective(tmp_path):
    tiny_proxy().save(tmp_path / "proxy.npz")
    with np.load(tmp_path / "proxy.npz") as stored:
        assert set(stored) == {
            *("images", "labels", "base", "cell", "probe"),
            *("cells", "held_out", "objective", "metric", "fingerprint"),
        }
        assert stored["cell"].tolist() == [0, 1, 2, 2]
        assert stored["cells"].tolist() == ["gamma/2", "jpeg/5", "defocus/3"]
        assert str(stored["objective"]) == "mean_of_cells"
    assert Proxy.load(tmp_path / "proxy.npz").objective == "mean_of_corruptions"
