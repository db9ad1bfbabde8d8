"""The points of a space: how many there are, and each of them once."""

import json
from itertools import islice

import pytest

FINITE = """
"training.optimizer" = ["adam", "lion"]
"training.learning_rate@adam" = { values = [1e-3, 1e-4], when = { "training.optimizer" = "adam" } }
"training.epochs" = { low = 2, high = 6, step = 2 }
"model.dropout" = { low = 0.25, high = 0.75, step = 0.25, when = { "training.optimizer" = "lion" } }
"""


def test_size_is_the_number_of_points_and_all_differ(space_of):
    space = space_of(FINITE)
    points = list(space.points())
    assert space.size == len(points) == 2 * 3 + 3 * 3
    assert len({json.dumps(point) for point in points}) == len(points)
    assert len({space.at(point).fingerprint for point in points}) == len(points)
    assert not any(map(space.why_not, points))


def test_random_samples_meet_no_other_point(space_of, random_suggester):
    space = space_of(FINITE)
    reached = {space.sample(random_suggester(seed)).fingerprint for seed in range(400)}
    assert reached == {space.at(point).fingerprint for point in space.points()}


def test_a_range_without_steps_has_no_end(space_of):
    space = space_of('"model.dropout" = { low = 0.1, high = 0.3 }\n')
    assert space.size is None
    with pytest.raises(ValueError, match="a range must have steps, got"):
        next(space.points())


def test_a_range_of_one_number_and_a_space_without_dimensions(space_of):
    assert space_of('"model.dropout" = { low = 0.2, high = 0.2 }\n').size == 1
    assert space_of("").size == 1
    assert list(space_of("").points()) == [{}]


def test_a_large_space_is_counted_without_walking_it(space_of):
    lines = "\n".join(
        f'"augment.randaugment.{key}" = {{ low = 0.0, high = 1.0, step = 0.001 }}'
        for key in ("magnitude", "magnitude_stddev", "probability", "rate")
    )
    space = space_of(lines)
    assert space.size == 1001**4
    assert len(list(islice(space.points(), 5))) == 5
