"""An Optuna storage that waits while its database is away, and then goes on.

A connection may break after the database has done a write, and before the answer arrives. As one
process alone writes a study, such a write is recognised by reading what is there afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from contextlib import suppress
from functools import partial
from itertools import count
from typing import Any, ParamSpec, TypeVar
from uuid import uuid4

from optuna.distributions import BaseDistribution
from optuna.exceptions import DuplicatedStudyError
from optuna.storages import BaseStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from bcauto.storage.outage import RetryPolicy

__all__ = ["MADE_TWICE", "RetryingStorage"]

MADE_TWICE = "made twice by a broken connection"
"""Why a trial is FAIL that the database had made although its answer was lost."""

_P = ParamSpec("_P")
_T = TypeVar("_T")


class RetryingStorage(BaseStorage):
    """Another storage, each call of which is tried again while its database is away.

    Nothing is written twice as long as no other process writes the same studies. Heartbeats are
    not supported: Optuna sends them from ``Study.optimize`` only.

    Args:
        storage: does the work.
        policy: says how long a call is tried again, and for which failures.
    """

    def __init__(self, storage: BaseStorage, policy: RetryPolicy) -> None:
        self._storage, self._policy = storage, policy

    def _retry(self, method: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        return self._policy.call(partial(method, *args, **kwargs))

    # --- writes that must not be done twice ---

    def create_new_study(
        self, directions: Sequence[StudyDirection], study_name: str | None = None
    ) -> int:
        """Create a study; after a reconnection it is looked up by its name.

        Raises:
            DuplicatedStudyError: a study of this name was there before.
        """
        name = f"no-name-{uuid4()}" if study_name is None else study_name
        with suppress(KeyError):
            self.get_study_id_from_name(name)
            raise DuplicatedStudyError(f"a study named {name!r} exists already")
        create = partial(self._storage.create_new_study, directions, name)

        def find_or_create() -> int:
            try:
                return self._storage.get_study_id_from_name(name)
            except KeyError:
                return create()

        return self._policy.call(create, find_or_create)

    def delete_study(self, study_id: int) -> None:
        """Delete a study; one that is gone after a reconnection has been deleted."""
        self.get_study_name_from_id(study_id)  # KeyError if it was never there
        delete = partial(self._storage.delete_study, study_id)

        def delete_unless_gone() -> None:
            with suppress(KeyError):
                delete()

        self._policy.call(delete, delete_unless_gone)

    def create_new_trial(self, study_id: int, template_trial: FrozenTrial | None = None) -> int:
        """Create a trial; if broken connections made several, all but the last become FAIL.

        Optuna's ``RDBStorage`` tries a failed creation again on its own, and so may make several
        without an error. A trial that the template says is finished cannot be changed any more:
        its duplicates stay as they are.
        """
        before = self.get_n_trials(study_id)
        create = partial(self._storage.create_new_trial, study_id, template_trial)

        def find_or_create() -> int:
            found = self._storage.get_n_trials(study_id)
            if found == before:
                return create()
            return self._storage.get_trial_id_from_study_id_trial_number(study_id, found - 1)

        trial_id = self._policy.call(create, find_or_create)
        for number in count(before):
            other = self.get_trial_id_from_study_id_trial_number(study_id, number)
            if other == trial_id:
                break
            self._close_duplicate(other)
        return trial_id

    def _close_duplicate(self, trial_id: int) -> None:
        state = self.get_trial(trial_id).state
        if state.is_finished():
            return
        if state == TrialState.WAITING:  # only the state of such a trial may be written
            self.set_trial_state_values(trial_id, TrialState.RUNNING)
        self.set_trial_user_attr(trial_id, "error", MADE_TWICE)
        self.set_trial_state_values(trial_id, TrialState.FAIL)

    def set_trial_state_values(
        self, trial_id: int, state: TrialState, values: Sequence[float] | None = None
    ) -> bool:
        """Close a trial, or take it from the queue; what is there after a reconnection is done.

        Returns False where a trial to be taken from the queue was not in it.
        """
        write = partial(self._storage.set_trial_state_values, trial_id, state, values)

        def write_unless_done() -> bool:
            trial = self._storage.get_trial(trial_id)
            same_values = values is None or trial.values == list(values)
            return (trial.state == state and same_values) or write()

        return self._policy.call(write, write_unless_done)

    # --- writes that may be done twice: they set a value, or find it set ---

    def set_study_user_attr(self, study_id: int, key: str, value: Any) -> None:
        """Set a user attribute of a study."""
        self._retry(self._storage.set_study_user_attr, study_id, key, value)

    def set_study_system_attr(self, study_id: int, key: str, value: Any) -> None:
        """Set an attribute of a study that Optuna keeps for itself."""
        self._retry(self._storage.set_study_system_attr, study_id, key, value)

    def set_trial_param(
        self,
        trial_id: int,
        param_name: str,
        param_value_internal: float,
        distribution: BaseDistribution,
    ) -> None:
        """Set a parameter of a trial, in the distribution's internal representation."""
        self._retry(
            self._storage.set_trial_param, trial_id, param_name, param_value_internal, distribution
        )

    def set_trial_intermediate_value(
        self, trial_id: int, step: int, intermediate_value: float
    ) -> None:
        """Set what a trial reports at a step."""
        self._retry(self._storage.set_trial_intermediate_value, trial_id, step, intermediate_value)

    def set_trial_user_attr(self, trial_id: int, key: str, value: Any) -> None:
        """Set a user attribute of a trial."""
        self._retry(self._storage.set_trial_user_attr, trial_id, key, value)

    def set_trial_system_attr(self, trial_id: int, key: str, value: Any) -> None:
        """Set an attribute of a trial that Optuna keeps for itself."""
        self._retry(self._storage.set_trial_system_attr, trial_id, key, value)

    # --- reads ---

    def get_study_id_from_name(self, study_name: str) -> int:
        """Return the id of the study of a name."""
        return self._retry(self._storage.get_study_id_from_name, study_name)

    def get_study_name_from_id(self, study_id: int) -> str:
        """Return the name of a study."""
        return self._retry(self._storage.get_study_name_from_id, study_id)

    def get_study_directions(self, study_id: int) -> list[StudyDirection]:
        """Return the direction of each of a study's objectives."""
        return self._retry(self._storage.get_study_directions, study_id)

    def get_study_user_attrs(self, study_id: int) -> dict[str, Any]:
        """Return the user attributes of a study."""
        return self._retry(self._storage.get_study_user_attrs, study_id)

    def get_study_system_attrs(self, study_id: int) -> dict[str, Any]:
        """Return the attributes of a study that Optuna keeps for itself."""
        return self._retry(self._storage.get_study_system_attrs, study_id)

    def get_all_studies(self) -> list[Any]:
        """Return the studies, as Optuna's frozen ones."""
        return self._retry(self._storage.get_all_studies)

    def get_trial_id_from_study_id_trial_number(self, study_id: int, trial_number: int) -> int:
        """Return the id of a study's trial."""
        find = self._storage.get_trial_id_from_study_id_trial_number
        return self._retry(find, study_id, trial_number)

    def get_trial(self, trial_id: int) -> FrozenTrial:
        """Return a trial."""
        return self._retry(self._storage.get_trial, trial_id)

    def get_all_trials(
        self,
        study_id: int,
        deepcopy: bool = True,
        states: Container[TrialState] | None = None,
    ) -> list[FrozenTrial]:
        """Return the trials of a study by number, or those in the given states."""
        return self._retry(self._storage.get_all_trials, study_id, deepcopy, states)

    def remove_session(self) -> None:
        """Close the connections of this thread."""
        self._storage.remove_session()
