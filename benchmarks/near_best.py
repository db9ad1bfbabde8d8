"""A sampler for searches of 20 to 60 trials, which `replay.py` compares with Optuna's."""

from __future__ import annotations

from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

__all__ = ["NearBestSampler"]

_CHANGED = 3  # dimensions, on average, in which a trial near another differs
_SPREAD = 0.2  # of a range: the standard deviation of a change


class NearBestSampler(BaseSampler):
    """Samples some trials near one of the best so far, and leaves the others to another sampler.

    A trial near another has its values but in a few dimensions: there a number moves by a fifth of
    its range (of its logarithm where the range is one), and a choice is made anew. The trial that
    it starts from is one of the best three, the best more often. PriorBand (Mallik et al. 2023)
    samples around its incumbent in this way.

    Args:
        other: samples the other trials.
        seed: with the number of a trial, it says how that trial is sampled.
        share: of the trials that are near another, once there are ``begin`` complete ones.
        begin: as above.
    """

    def __init__(self, other: BaseSampler, seed: int, share: float = 0.5, begin: int = 3) -> None:
        self._other, self._seed, self._share, self._begin = other, seed, share, begin
        self._random = RandomSampler(seed)
        self._parent: FrozenTrial | None = None
        self._draws = np.random.default_rng(seed)

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Choose how the trial is sampled, and return what the other sampler samples together."""
        self._draws = np.random.default_rng((self._seed, trial.number))
        self._parent = self._choose_parent(study)
        if self._parent is not None:
            return {}
        return self._other.infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Sample values of dimensions together; none for a trial near another."""
        if self._parent is not None:
            return {}
        return self._other.sample_relative(study, trial, search_space)

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """Sample the value of one dimension."""
        if self._parent is None:
            return self._other.sample_independent(study, trial, param_name, param_distribution)
        known = self._parent.params.get(param_name)
        if known is None or not param_distribution._contains(
            param_distribution.to_internal_repr(known)
        ):
            return self._random.sample_independent(study, trial, param_name, param_distribution)
        if self._draws.random() >= _CHANGED / len(self._parent.params):
            return known
        if isinstance(param_distribution, CategoricalDistribution):
            return self._draws.choice(np.array(param_distribution.choices, dtype=object))
        return self._moved(known, param_distribution)

    def _choose_parent(self, study: Study) -> FrozenTrial | None:
        done = study.get_trials(deepcopy=False, states=[TrialState.COMPLETE])
        if len(done) < self._begin or self._draws.random() >= self._share:
            return None
        sign = 1 if study.direction.name == "MINIMIZE" else -1
        best = sorted(done, key=lambda trial: sign * (trial.value or 0.0))[:3]
        return best[min(self._draws.geometric(0.5) - 1, len(best) - 1)]

    def _moved(self, value: float, distribution: Any) -> float:
        low, high = distribution.low, distribution.high
        if distribution.log:
            low, high, value = np.log(low), np.log(high), np.log(value)
        moved = np.clip(self._draws.normal(value, _SPREAD * (high - low)), low, high)
        if distribution.log:
            moved = np.exp(moved)
        moved = float(np.clip(moved, distribution.low, distribution.high))
        if distribution.step:
            steps = round((moved - distribution.low) / distribution.step)
            moved = distribution.low + steps * distribution.step
        return type(distribution.low)(moved)
