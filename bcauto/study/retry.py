"""Whether a trial that failed is tried again, and what its next try begins with.

What a failure asks for, a ``Retry``, is decided where it is seen: ``execute/faults.py`` for
exceptions, ``execute/ray_tune/trainable.py`` for processes that die or hang, ``hooks.py`` there for
trials that Ray loses, the ledger for interruptions.
"""

from __future__ import annotations

from bcauto.trial import Retry, TrialAttributes

__all__ = ["next_try"]

_MAX_DEATHS = 2  # times that a recipe whose process died is tried again
_MAX_ACCUMULATE = 2  # micro-batches of a trial that ran out of memory


def next_try(number: int, failed: TrialAttributes, retry: Retry) -> TrialAttributes | None:
    """What the next try of a trial begins with; None where it is not tried again.

    A trial that was interrupted is always tried again. One whose process died is tried twice more,
    and one that ran out of memory once, with two micro-batches for each step.

    Args:
        number: of the trial that failed.
        failed: what is stored of it.
        retry: what its failure asks for.
    """
    deaths = failed.deaths + (retry is Retry.LIMITED)
    accumulate = failed.accumulate * (2 if retry is Retry.SMALLER else 1)
    if retry is Retry.NEVER or deaths > _MAX_DEATHS or accumulate > _MAX_ACCUMULATE:
        return None
    given = {"given": failed.given} if failed.given else {}
    return TrialAttributes(retry_of=number, deaths=deaths, accumulate=accumulate, **given)
