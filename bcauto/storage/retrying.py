"""An Optuna storage that waits where its database is away for a while, and then goes on.

Every call is done once, even where the connection breaks after the database did it and before
it said so: what cannot be repeated as it is carries a mark that a later try looks for.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass
from datetime import datetime
from functools import partial, wraps
from typing import Any, TypeVar
from uuid import uuid4

import optuna
import sqlalchemy
from optuna.storages import BaseStorage, RDBStorage
from optuna.storages._rdb import models
from optuna.trial import FrozenTrial, TrialState, create_trial
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, SQLAlchemyError

__all__ = ["PATIENCE", "Patience", "PatientStorage", "StorageFailed", "in_minutes"]

PATIENCE = 300.0
"""Seconds that a call is tried again while the database is away."""

_FIRST_WAIT, _LONGEST_WAIT = 0.5, 10.0  # seconds between two tries
_CHECK_EVERY = 0.5  # seconds, while waiting
_LASTING = re.compile(  # what a server says that waiting does not mend
    r"no space left|disk full|is full|authentication failed|no password supplied|access denied|"
    r"no pg_hba\.conf entry|does not exist|unknown (database|column)|permission denied",
    re.IGNORECASE,
)
_DISK_FULL = "53100"  # PostgreSQL's code, in whatever language its words are
_CREATED_BY = "bcauto:created_by"  # system attribute: the call that created a trial
_TAKEN_BY = "bcauto:taken_by"  # system attribute: the storage that took it from the queue

_T = TypeVar("_T")


class StorageFailed(optuna.exceptions.StorageInternalError):
    """A call that the storage could not do.

    Attributes:
        reason: one line without a password.
        waited: seconds that it was tried again for; 0 where waiting would not have helped.
    """

    def __init__(self, reason: str, waited: float = 0.0) -> None:
        super().__init__(reason)
        self.reason, self.waited = reason, waited


def in_minutes(seconds: float) -> str:
    """A time as ``--timeout`` takes it.

    >>> in_minutes(300.0)
    '5m'
    """
    return f"{seconds / 60:g}m"


@dataclass
class Patience:
    """How a storage waits for its database; once that was in vain, it does not wait again.

    Attributes:
        check: called often while waiting; may raise, to end it.
        say: told when waiting begins, and when the database is back.
        hide: takes the password out of a database's words.
        limit: seconds until it gives up.
        clock: seconds, as ``time.monotonic``.
        sleep: waits for seconds.
        spent: set once it has given up, so that what a search still has to close does not wait.
    """

    check: Callable[[], None] = lambda: None
    say: Callable[[str], None] = lambda _: None
    hide: Callable[[str], str] = str
    limit: float = PATIENCE
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    spent: bool = False

    def call(self, action: Callable[[], _T], again: Callable[[], _T] | None = None) -> _T:
        """What the action returns, however often it has to be tried.

        Args:
            action: reads or writes the database.
            again: what to try in its place once it has failed, where it may have been done
                although it failed; None for the same.

        Raises:
            StorageFailed: waiting does not mend it, or did not within the limit.
        """
        try:
            return action()
        except (optuna.exceptions.StorageInternalError, SQLAlchemyError) as error:
            reason = self._passing(error)
        if self.spent:
            raise StorageFailed(reason, self.limit)
        self.say(
            f"the storage cannot be reached ({reason}); trying again for {in_minutes(self.limit)}"
        )
        result = self._try_until(self.clock() + self.limit, again or action, reason)
        self.say("the storage is back; going on")
        return result

    def _try_until(self, end: float, action: Callable[[], _T], reason: str) -> _T:
        for wait in _waits():
            self._wait_until(min(end, self.clock() + wait))
            try:
                return action()
            except (optuna.exceptions.StorageInternalError, SQLAlchemyError) as error:
                reason = self._passing(error)
            if self.clock() >= end:
                break
        self.spent = True
        raise StorageFailed(reason, self.limit)

    def _wait_until(self, end: float) -> None:
        while (left := end - self.clock()) > 0:
            self.check()
            self.sleep(min(left, _CHECK_EVERY))
        self.check()

    def _passing(self, error: Exception) -> str:
        """The reason of a failure that waiting may mend; raises StorageFailed for another."""
        if isinstance(error, StorageFailed):
            raise error  # of a call within this call, which has waited
        cause = _database_error(error)
        words = str(error if cause is None else cause.orig).strip()
        reason = self.hide((words or type(error).__name__).splitlines()[0])
        if cause is None or not _may_pass(cause):
            raise StorageFailed(reason) from None
        return reason


def _waits() -> Iterator[float]:
    wait = _FIRST_WAIT
    while True:
        yield wait
        wait = min(2 * wait, _LONGEST_WAIT)


def _database_error(error: BaseException | None) -> DBAPIError | None:
    """The database's own error behind one of Optuna's or SQLAlchemy's."""
    while error is not None and not isinstance(error, DBAPIError):
        error = error.__cause__ or error.__context__
    return error


def _may_pass(error: DBAPIError) -> bool:
    """Whether the connection is lost, or the database is down, starting or busy."""
    words = str(error.orig)
    if type(error.orig).__module__.startswith("sqlite3"):
        return "is locked" in words  # it has no server that could be away
    if getattr(error.orig, "sqlstate", None) == _DISK_FULL or _LASTING.search(words):
        return False
    return error.connection_invalidated or isinstance(error, OperationalError | InterfaceError)


class PatientStorage(RDBStorage):
    """An Optuna storage all of whose calls wait for a database that is away.

    Args:
        url: of the database, with its password.
        engine_kwargs: for SQLAlchemy's ``create_engine``.
        patience: how it waits.
    """

    def __init__(self, url: str, engine_kwargs: dict[str, Any], patience: Patience) -> None:
        self._patience = patience
        self._name = uuid4().hex
        self._tried: set[str] = set()  # marks of trials whose creation was tried
        super().__init__(url.replace("{", "{{").replace("}", "}}"), engine_kwargs=engine_kwargs)

    # --- calls that must not be done twice -------------------------------------------------

    def set_trial_state_values(
        self, trial_id: int, state: TrialState, values: Sequence[float] | None = None
    ) -> bool:
        """Closes a trial, or takes it from the queue; False where somebody else has taken it."""
        if state == TrialState.RUNNING:
            take = partial(self._take, trial_id)
            return self._patience.call(take, lambda: take() or self._has_taken(trial_id))
        close = partial(super().set_trial_state_values, trial_id, state, values)
        return self._patience.call(close, lambda: self._is(trial_id, state, values) or close())

    def _is(self, trial_id: int, state: TrialState, values: Sequence[float] | None) -> bool:
        trial = RDBStorage.get_trial(self, trial_id)
        return trial.state == state and (values is None or trial.values == list(values))

    def _take(self, trial_id: int) -> bool:
        """Makes a WAITING trial RUNNING, and marks it, in one transaction."""
        with self.scoped_session() as session, session.begin():
            waiting = session.query(models.TrialModel).filter_by(
                trial_id=trial_id, state=TrialState.WAITING
            )
            taken = waiting.update(
                {"state": TrialState.RUNNING, "datetime_start": datetime.now()},
                synchronize_session=False,
            )
            if taken:
                self._set_trial_attr_without_commit(
                    session, models.TrialSystemAttributeModel, trial_id, _TAKEN_BY, self._name
                )
        return bool(taken)

    def _has_taken(self, trial_id: int) -> bool:
        trial = RDBStorage.get_trial(self, trial_id)
        return trial.state == TrialState.RUNNING and trial.system_attrs.get(_TAKEN_BY) == self._name

    def _create_new_trial(
        self, study_id: int, template_trial: FrozenTrial | None = None
    ) -> FrozenTrial:
        mark = uuid4().hex
        template = copy(template_trial or create_trial(state=TrialState.RUNNING))
        template.system_attrs = {**template.system_attrs, _CREATED_BY: mark}
        try:
            return self._patience.call(
                lambda: super(PatientStorage, self)._create_new_trial(study_id, template)
            )
        finally:
            self._tried.discard(mark)

    def _get_prepared_new_trial(
        self, study_id: int, template_trial: FrozenTrial | None, session: sqlalchemy.orm.Session
    ) -> models.TrialModel:
        """The trial to create, in the transaction; the one created where an earlier try did.

        Looked for here, since Optuna itself tries a failed transaction again.
        """
        assert template_trial is not None  # _create_new_trial gives one
        mark = template_trial.system_attrs[_CREATED_BY]
        created = _created(session, study_id, mark) if mark in self._tried else None
        self._tried.add(mark)
        return created or super()._get_prepared_new_trial(study_id, template_trial, session)


def _created(session: sqlalchemy.orm.Session, study_id: int, mark: str) -> models.TrialModel | None:
    attribute = models.TrialSystemAttributeModel
    return (
        session.query(models.TrialModel)
        .join(attribute, attribute.trial_id == models.TrialModel.trial_id)
        .filter(models.TrialModel.study_id == study_id)
        .filter(attribute.key == _CREATED_BY, attribute.value_json == json.dumps(mark))
        .one_or_none()
    )


def _patient(name: str) -> Callable[..., Any]:
    method: Callable[..., Any] = getattr(RDBStorage, name)

    @wraps(method)
    def call(self: PatientStorage, *args: Any, **kwargs: Any) -> Any:
        return self._patience.call(partial(method, self, *args, **kwargs))

    return call


_ASKED_BY_CACHE = ("_set_trial_param", "_get_trials", "_get_best_trial_id")  # of Optuna's storages
_PUBLIC = [name for name in vars(BaseStorage) if not name.startswith("_")]
for _name in (*_PUBLIC, *_ASKED_BY_CACHE):
    if _name in vars(RDBStorage) and _name not in vars(PatientStorage):
        setattr(PatientStorage, _name, _patient(_name))
