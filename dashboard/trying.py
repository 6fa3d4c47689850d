"""Past drafts kept in memory, so that moving the Gate page's slider costs next to nothing.

They are read once in a quarter of an hour for everybody, or when somebody asks; what a policy would
have made of them is kept by its rules, apart from the threshold that moves.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

import streamlit as st

from dashboard import session
from store import past, promising
from store.evidence.risk_control import GRID
from store.gate import PolicyBody, Promise
from store.past import History
from store.promising import CoinSample, Tossed
from store.reports import policy as history
from store.reports import recommending
from store.reports.policy import CurvePoint, Effect, Flip, Trial
from store.reports.recommending import Recommendation

DAYS = 28
KEPT = timedelta(minutes=15)
LIMITS = (0.005, 0.01, 0.02, 0.05)  # shares of wrong that may be promised
ASSURANCE = 0.95
SHOWN = 50  # past cases named; every one costs a tenth of a millisecond after each move
_KEPT_SECONDS = 3_600


@dataclass(frozen=True)
class Past:
    """The drafts of the last four weeks as they were at a moment."""

    history: History
    at: datetime


@dataclass(frozen=True)
class Tried:
    """What a policy's rules make of past drafts (of one action kind), at any threshold."""

    trial: Trial
    now: CurvePoint | None  # the active policy's, by its own rules; None where nothing was gated
    points: tuple[CurvePoint, ...]  # the grid's, and further thresholds that matter
    flips: tuple[tuple[int, int], ...]  # per point: to alone, to a person


@dataclass(frozen=True)
class Promised:
    """What can be promised under a policy's rules, by share of wrong."""

    sample: CoinSample
    found: dict[float, Recommendation]


def past_drafts() -> Past:
    """Return the drafts of the last four weeks, as of when this person came or asked again."""
    asked = session.read_at()
    if session.now() - asked > timedelta(seconds=_KEPT_SECONDS):
        asked = session.read_at(anew=True)
    return _past(session.store().url, asked.timestamp() // KEPT.total_seconds())


def read_again() -> None:
    """Read the drafts again, for everybody."""
    asked = session.read_at(anew=True)
    _past.clear(session.store().url, asked.timestamp() // KEPT.total_seconds())


def tried(seen: Past, active: PolicyBody, rules: PolicyBody, kind: str, *at: float) -> Tried:
    """Return what the rules make of the drafts; `at` are thresholds that must be points."""
    rules = history.with_threshold(rules, kind, 0.0)  # whatever it is, it is the one that moves
    said = (active.model_dump_json(), rules.model_dump_json())
    parts = (seen.history, active, rules)
    own = tuple(sorted({*at} - {*GRID}))
    return _tried(session.store().url, seen.at, said, kind, own, _parts=parts)


def promised(seen: Past, rules: PolicyBody, kind: str) -> Promised:
    """Return what can be promised under these rules, whatever the threshold that moves."""
    rules = history.with_threshold(rules, kind, 0.0)
    return _promised(session.store().url, seen.at, rules.model_dump_json(), kind, _rules=rules)


def for_promise(found: Promised, promise: Promise, kind: str) -> Recommendation:
    """Return what is certified for a promise, one of those to choose from or any other."""
    for known in found.found.values():
        if known.promise == promise:
            return known
    return recommending.recommendation(found.sample, promise, kind)


def flipped(found: Tried, threshold: float) -> tuple[Flip, ...]:
    """Return the newest past cases that would go the other way at this threshold."""
    return session.read(history.flips, found.trial, threshold, SHOWN)


@st.cache_resource(
    show_spinner=f"Reading the drafts of the last {DAYS} days …",
    max_entries=2,
    ttl=_KEPT_SECONDS,
)
def _past(url: str, slot: float) -> Past:  # noqa: ARG001 - cache key
    at = session.now()
    return Past(session.read(past.load, since=at - timedelta(days=DAYS)), at)


@st.cache_resource(show_spinner=False, max_entries=12, ttl=_KEPT_SECONDS)
def _tried(
    url: str,  # noqa: ARG001 - cache key
    read_at: datetime,  # noqa: ARG001 - cache key
    said: tuple[str, str],  # noqa: ARG001 - cache key
    kind: str,
    own: tuple[float, ...],
    *,
    _parts: tuple[History, PolicyBody, PolicyBody],
) -> Tried:
    trial = Trial(*_parts, kind)
    active = trial.active
    now = _point(trial.now, active.thresholds.get(kind, active.threshold)) if trial.gated else None
    more = tuple(_point(trial.then(at), at) for at in own) if trial.gated else ()
    points = tuple(sorted((*trial.curve, *more), key=lambda point: point.threshold))
    return Tried(trial, now, points, tuple(trial.flips(point.threshold) for point in points))


def _point(effect: Effect, threshold: float) -> CurvePoint:
    assert effect.automatic_share is not None  # something was gated
    assert effect.cards_per_day is not None
    assert effect.money_per_day_minor is not None
    return CurvePoint(
        threshold=threshold,
        automatic=effect.automatic,
        automatic_share=effect.automatic_share,
        cards_per_day=effect.cards_per_day,
        money_per_day_minor=effect.money_per_day_minor,
        wrong=effect.wrong,
    )


@st.cache_resource(show_spinner="Reading the audits …", max_entries=2, ttl=_KEPT_SECONDS)
def _tossed(url: str, read_at: datetime) -> Tossed:  # noqa: ARG001 - cache key
    return session.read(promising.tossed, now=read_at)


@st.cache_resource(show_spinner="Looking what can be promised …", max_entries=12, ttl=_KEPT_SECONDS)
def _promised(
    url: str,
    read_at: datetime,
    rules: str,  # noqa: ARG001 - cache key
    kind: str,
    *,
    _rules: PolicyBody,
) -> Promised:
    sample = promising.coin_sample(_tossed(url, read_at), _rules, kind=kind)
    return Promised(
        sample,
        {
            limit: recommending.recommendation(
                sample, Promise(max_error=limit, assurance=ASSURANCE), kind
            )
            for limit in LIMITS
        },
    )
