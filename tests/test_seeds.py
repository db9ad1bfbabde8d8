import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bcauto.seeds import derive, generator

NAMES = st.lists(st.text("abcdefgh -_", min_size=1, max_size=6) | st.integers(0, 99), max_size=4)


@pytest.mark.parametrize(
    ("seed", "names", "derived"),
    [  # the upper 63 bits of SHA-256 as printed by sha256sum, of "7", "0/a", "0/split/3"
        (7, (), 0x7902699BE42C8A8E >> 1),
        (0, ("a",), 0xD3216B8DC7C46489 >> 1),
        (0, ("split", 3), 0xE266A459ACBF9532 >> 1),
    ],
)
def test_a_seed_is_the_same_on_every_machine(seed, names, derived):
    assert derive(seed, *names) == derived


@given(st.integers(0, 2**63 - 1), NAMES)
def test_a_seed_fits_what_takes_seeds(seed, names):
    assert 0 <= derive(seed, *names) < 2**63


@given(st.integers(0, 2**63 - 1), NAMES, NAMES)
def test_other_names_and_other_seeds_give_other_seeds(seed, names, others):
    same = [str(name) for name in names] == [str(name) for name in others]
    assert (derive(seed, *names) == derive(seed, *others)) == same
    assert derive(seed, *names) != derive(seed + 1, *names)


def test_the_order_of_the_names_counts():
    assert derive(0, "a", "b") != derive(0, "b", "a")


def test_a_generator_begins_at_its_derived_seed():
    drawn = generator(3, "order", 1).integers(0, 2**62, 5)
    assert np.array_equal(drawn, np.random.default_rng(derive(3, "order", 1)).integers(0, 2**62, 5))
    assert not np.array_equal(drawn, generator(3, "order", 2).integers(0, 2**62, 5))
