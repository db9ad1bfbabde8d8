"""A suggester that samples at random and remembers, and spaces from a few lines of TOML."""

import numpy as np
import pytest

from bcauto.space.files import read_space

SMALL_CNN = '[recipe.model]\nbackbone = "SmallCNN"\n'


class RandomSuggester:
    """Uniform over choices, over steps, and over a log range's exponents."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)
        self.sampled = {}

    def choose(self, name, options):
        self.sampled[name] = options[self.rng.integers(len(options))]
        return self.sampled[name]

    def number(self, name, bounds):
        self.sampled[name] = self._number(bounds)
        return self.sampled[name]

    def _number(self, bounds):
        if bounds.step or bounds.integer:
            step = bounds.step or 1
            steps = round((bounds.high - bounds.low) / step)
            return bounds.low + step * int(self.rng.integers(steps, endpoint=True))
        ends = np.array([bounds.low, bounds.high])
        sampled = np.exp(self.rng.uniform(*np.log(ends))) if bounds.log else self.rng.uniform(*ends)
        return float(np.clip(sampled, *ends))


class Replay(RandomSuggester):
    """Gives the options it was told, and elsewhere samples at random."""

    def __init__(self, options, seed=0):
        super().__init__(seed)
        self.options = options

    def choose(self, name, options):
        other = super().choose(name, options)
        self.sampled[name] = self.options.get(name, other)
        return self.sampled[name]

    def number(self, name, bounds):
        other = super().number(name, bounds)
        self.sampled[name] = self.options.get(name, other)
        return self.sampled[name]


@pytest.fixture(scope="session")
def random_suggester():
    return RandomSuggester


@pytest.fixture(scope="session")
def replay():
    return Replay


@pytest.fixture
def space_of(tmp_path):
    """Makes a space of the lines of its search table and what follows; SmallCNN by default."""

    def make(search="", recipe=SMALL_CNN):
        path = tmp_path / "space.toml"
        path.write_text(f"{recipe}[search]\n{search}", encoding="utf-8")
        return read_space(path)

    return make
