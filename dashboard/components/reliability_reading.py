"""What the Reliability page reads, no oftener than it can afford.

What ran before yesterday hardly changes and is most of it: it is counted apart from the rest, so
that today's figures stay quick however long the past grows.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

import streamlit as st

from dashboard import session
from dashboard.sparing import FRESH_SECONDS, Sparing
from store.outputs import STEPS
from store.reports import blame, counting, counts, latency, versions
from store.reports.counts import Days
from store.reports.drifting import drift
from store.reports.reliability import ReliabilityReport, Slow, report_of
from store.reports.scope import Scope, last_days
from store.reports.versions import Change

T = TypeVar("T")
DETAILS_SECONDS = 30.0


@st.cache_resource(show_spinner=False, max_entries=4)
def _sparing(url: str) -> Sparing:  # noqa: ARG001 - cache key
    return Sparing()


def kept(query: Callable[..., T], *asked: Any, fresh: float = DETAILS_SECONDS) -> T:
    """Return the answer of a query, as it was a moment ago at most while it is quick."""
    kept_here = _sparing(session.store().url)
    key = (query.__module__, query.__qualname__, *asked)
    return kept_here.get(key, lambda: session.read(query, *asked), fresh=fresh)


def report(scope: Scope, *, is_detailed: bool) -> ReliabilityReport:
    """Return the report of a period, with all that the details show if asked for."""
    found = days(scope)
    if not is_detailed:
        return report_of(found, scope)
    together = kept(blame.linked, scope, STEPS)
    return report_of(found, scope, Slow(kept(latency.paces, scope), together, drift(found)))


def days(scope: Scope) -> Days:
    """Return the counts by day."""
    parts = _parts(scope)
    queries = (counting.activity, counting.judged)
    found = [kept(query, part, fresh=FRESH_SECONDS) for part in parts for query in queries]
    return counts.merged(*found)


def _parts(scope: Scope) -> tuple[Scope, ...]:
    """Return the period in two: before yesterday, and since."""
    border = last_days(1, session.now())
    is_past = scope.until is not None and scope.until <= border
    if is_past or (scope.since is not None and scope.since >= border):
        return (scope,)
    return replace(scope, until=border), replace(scope, since=border)


def changes(scope: Scope) -> tuple[Change, ...]:
    """Return what came into use in the period."""
    return kept(versions.changes, scope)


def in_use(scope: Scope) -> dict[str, tuple[str, ...]]:
    """Return the versions, intents and actions there are to choose from."""
    return kept(versions.in_use, scope)
