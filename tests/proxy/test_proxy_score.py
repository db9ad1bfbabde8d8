import dataclasses

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score, recall_score, roc_auc_score

from bcauto.proxy.config import ProxyConfig
from bcauto.proxy.corruptions import CORRUPTIONS
from bcauto.proxy.make import make_proxy
from bcauto.proxy.score import score, score_probe

CONFIG = ProxyConfig(copies=8, held_out_copies=4)
CLASSES = 5


@pytest.fixture(scope="module")
def proxy():
    rng = np.random.default_rng(4)
    images = rng.integers(0, 256, (60, 8, 8, 3), dtype=np.uint8)
    return make_proxy(images, np.arange(60) % CLASSES, CONFIG, 3)


@pytest.fixture(scope="module")
def guessed(proxy):
    """Probabilities that are right about six times in ten."""
    rng = np.random.default_rng(8)
    favoured = np.where(rng.random(len(proxy.labels)) < 0.5, proxy.labels, proxy.labels + 1)
    return rng.dirichlet(np.ones(CLASSES), len(proxy.labels)) + np.eye(CLASSES)[favoured % CLASSES]


def sure_of(labels):
    return np.eye(CLASSES)[labels % CLASSES]


def by_sklearn(metric, truth, probabilities):
    predicted, present = probabilities.argmax(1), np.unique(truth)
    if metric == "accuracy":
        return accuracy_score(truth, predicted)
    if metric == "auc":
        return np.mean([roc_auc_score(truth == c, probabilities[:, c]) for c in present])
    function = {"balanced_accuracy": recall_score, "macro_f1": f1_score}[metric]
    return function(truth, predicted, labels=present, average="macro", zero_division=0)


def copies_of(proxy, corruption):
    place = proxy.corruptions.index(corruption)
    return [index for index, each in enumerate(proxy.corruption) if each == place]


def family_means(values, families):
    return {
        family: np.mean([value for each, value in values.items() if each.family == family])
        for family in families
    }


@pytest.mark.parametrize("metric", ["accuracy", "balanced_accuracy", "macro_f1", "auc"])
@pytest.mark.parametrize("objective", ["mean_of_corruptions", "worst_family", "mean_of_families"])
def test_the_score_agrees_with_a_plain_definition(proxy, guessed, metric, objective):
    asked = dataclasses.replace(proxy, metric=metric, objective=objective)
    result = score(asked, guessed)
    places = {each: copies_of(proxy, each) for each in proxy.corruptions}
    values = {c: by_sklearn(metric, proxy.labels[i], guessed[i]) for c, i in places.items()}
    families = family_means(values, CONFIG.families)
    assert result.corruptions == pytest.approx({each.name: value for each, value in values.items()})
    assert result.families == pytest.approx(families)
    assert result.held_out == pytest.approx(family_means(values, CONFIG.held_out))
    expected = {
        "mean_of_corruptions": np.mean([values[each] for each in CONFIG.corruptions]),
        "worst_family": min(families.values()),
        "mean_of_families": np.mean(list(families.values())),
    }
    assert result.objective == pytest.approx(expected[objective])


def test_a_family_of_fewer_corruptions_counts_as_much_among_families(proxy, guessed):
    """Colour has nine corruptions at severities here, geometry and sensor three each."""
    few = [
        place
        for place, each in enumerate(proxy.corruptions)
        if each.corruption in ("elastic", "jpeg")
    ]
    few += [place for place, each in enumerate(proxy.corruptions) if each.family == "colour"]
    kept = np.isin(proxy.corruption, few)
    part = dataclasses.replace(
        proxy,
        labels=proxy.labels[kept],
        base=proxy.base[kept],
        corruption=np.searchsorted(sorted(few), proxy.corruption[kept]),
        corruptions=tuple(proxy.corruptions[place] for place in sorted(few)),
        held_out=(),
    )
    means = score(part, guessed[kept])
    by_family = dataclasses.replace(part, objective="mean_of_families")
    assert set(means.families) == {"geometry", "colour", "sensor"}
    assert means.objective == pytest.approx(np.mean(list(means.corruptions.values())))
    expected = np.mean(list(means.families.values()))
    assert score(by_family, guessed[kept]).objective == pytest.approx(expected)
    assert abs(expected - means.objective) > 1e-4


def test_everything_right_is_one_and_everything_wrong_is_zero(proxy):
    right, wrong = score(proxy, sure_of(proxy.labels)), score(proxy, sure_of(proxy.labels + 1))
    assert (right.objective, wrong.objective) == (1, 0)
    assert (right.interval, wrong.interval) == ((1, 1), (0, 0))
    assert right.standard_error == wrong.standard_error == 0
    assert set(right.corruptions.values()) == set(right.families.values()) == {1}
    assert set(wrong.held_out.values()) == {0}


@pytest.mark.parametrize("objective", ["mean_of_corruptions", "worst_family", "mean_of_families"])
def test_held_out_corruptions_are_reported_but_do_not_move_the_objective(proxy, guessed, objective):
    asked = dataclasses.replace(proxy, objective=objective)
    of_held_out = [each.family in CONFIG.held_out for each in proxy.corruptions]
    held_out = np.array(of_held_out)[proxy.corruption]
    spoilt = np.where(held_out[:, None], sure_of(proxy.labels + 1), guessed)
    one, other = score(asked, spoilt), score(asked, guessed)
    assert (one.objective, one.interval) == (other.objective, other.interval)
    assert one.standard_error == other.standard_error
    assert set(one.held_out.values()) == {0}
    assert not held_out[proxy.probe].any()


def test_the_values_are_plain_floats_in_zero_to_one(proxy, guessed):
    result = score(proxy, guessed)
    values = [result.objective, *result.interval, result.standard_error]
    for value in [*values, *result.corruptions.values(), *result.families.values()]:
        assert type(value) is float
        assert 0 <= value <= 1
    assert len(result.corruptions) == len(CORRUPTIONS) * len(CONFIG.severities)


def test_half_precision_will_do(proxy, guessed):
    halved = guessed.astype(np.float16)
    assert score(proxy, halved) == score(proxy, halved.astype(np.float64))


@pytest.mark.parametrize("metric", ["accuracy", "balanced_accuracy", "macro_f1", "auc"])
def test_the_probe_score_is_the_metric_on_the_probe(proxy, guessed, metric):
    asked, probed = dataclasses.replace(proxy, metric=metric), guessed[proxy.probe]
    expected = by_sklearn(metric, proxy.labels[proxy.probe], probed)
    assert score_probe(asked, probed) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("objective", "of"), [("worst_family", min), ("mean_of_families", np.mean)]
)
@pytest.mark.parametrize("metric", ["accuracy", "balanced_accuracy", "macro_f1", "auc"])
def test_the_probe_compares_families_where_the_objective_does(
    proxy, guessed, metric, objective, of
):
    asked = dataclasses.replace(proxy, metric=metric, objective=objective)
    by_family = []
    for family in CONFIG.families:
        part = [i for i in proxy.probe if proxy.corruptions[proxy.corruption[i]].family == family]
        by_family.append(by_sklearn(metric, proxy.labels[part], guessed[part]))
    assert len(set(by_family)) > 1
    assert score_probe(asked, guessed[proxy.probe]) == pytest.approx(of(by_family))


@pytest.mark.parametrize("function", [score, score_probe])
@pytest.mark.parametrize("shape", [(3, 5), ("all",), ("all", 4), ("all", 5, 1)])
def test_predictions_of_another_shape_are_refused(proxy, function, shape):
    count = len(proxy.labels if function is score else proxy.probe)
    given = tuple(count if side == "all" else side for side in shape)
    rule = rf"must have shape \({count}, 5 or more\), got \({given[0]},"
    with pytest.raises(ValueError, match=rule):
        function(proxy, np.zeros(given))


def test_a_class_that_no_image_has_may_be_predicted(proxy, guessed):
    wider = np.pad(guessed, ((0, 0), (0, 2)))
    assert score(proxy, wider) == score(proxy, guessed)
