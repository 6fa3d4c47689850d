"""What a promise can be certified on: the drafts that the audit coin drew, judged or not.

The sample is one of equal chances over all drafts, whatever the threshold was, and only of drafts
whose confidence comes from a calibrator in use: another one's 0.9 means something else. In use is
the newest one of each model that made the kind's drafts of the last seven days. Each of them must
pass by its own audits, since how many drafts a model makes may change at any time. Where to start
testing is read off the confidences of drafts that the coin did not draw.
"""

from bisect import bisect
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray
from sqlmodel import Session, col

from store import certificates, of_kind
from store.certificates import Evidence
from store.errors import BadInput
from store.evidence.drift import low_tail
from store.evidence.risk_control import (
    GRID,
    Certified,
    certify,
    labels_needed,
    start_from,
)
from store.gate import PolicyBody, Promise
from store.past import ALL, History, load
from store.phrases import percent
from store.schema import Run

WINDOW = timedelta(days=90)
PILOT = 20_000  # of the newest drafts that were not drawn
_ANYWAY = 2.0  # stands for a draft that goes out alone wherever this threshold is
_LOW = 0.1  # the tail of similarities that the watch counts


@dataclass(frozen=True)
class CoinSample:
    """The drawn drafts of one action kind under a policy; arrays have one entry a judged draft."""

    confidence: NDArray[np.float64]  # -inf where the policy stops the draft whatever it is
    is_wrong: NDArray[np.bool_]
    pilot: NDArray[np.float64]  # the same of drafts that were not drawn
    rate: float | None  # that the coin drew at; None: there is no coin
    drawn: int
    since: datetime | None  # first and last judged draft
    until: datetime | None
    calibrators: tuple[str, ...]  # in use, judged or not
    made_by: NDArray[np.int64]  # index into `calibrators`
    reference: dict[str, float]  # the low end of similarities, as the watch counts it

    @property
    def judged(self) -> int:
        """Return how many of the drawn drafts somebody judged."""
        return len(self.is_wrong)


@dataclass(frozen=True)
class Tossed:
    """The drafts of the last 90 days by the coin's toss, and whose confidence is in use."""

    drawn: History
    others: History
    in_use: frozenset[tuple[str, str]]  # (action kind, calibrator)


def tossed(session: Session, *, now: datetime) -> Tossed:
    """Read the drafts that the coin drew in the last 90 days, and the newest that it did not."""
    since = now - WINDOW
    drawn = load(session, since=since, conditions=[col(Run.coin) < col(Run.coin_rate)])
    others = load(
        session,
        since=since,
        conditions=[col(Run.coin) >= col(Run.coin_rate), col(Run.coin_rate) > 0],
        newest=PILOT,
    )
    return Tossed(drawn, others, of_kind.in_use(session))


def sample(session: Session, body: PolicyBody, *, kind: str = ALL, now: datetime) -> CoinSample:
    """Return the coin's drafts of the last 90 days as they stand under the policy."""
    return coin_sample(tossed(session, now=now), body, kind=kind)


def coin_sample(drafts: Tossed, body: PolicyBody, *, kind: str = ALL) -> CoinSample:
    """Return the sample as it stands under the policy. Pure.

    Where the coin's rate changed, the one that leaves most drafts is taken: those tossed under it
    while it was at least as high.
    """
    drawn, others = drafts.drawn, drafts.others
    rate = _best_rate(drawn) if body.audit_rate else None
    in_use = tuple(sorted(of_kind.named(drafts.in_use, kind) or of_kind.named(drafts.in_use, ALL)))
    fits = _usable(drawn, kind, in_use) & (drawn.coin < (rate or 0.0))
    fits &= drawn.coin_rate >= (rate or 0.0)
    sampled = drawn.at(np.flatnonzero(fits))
    judged = sampled.at(np.flatnonzero(sampled.is_labelled))
    pilot = others.at(np.flatnonzero(_usable(others, kind, in_use)))
    tail = low_tail(pilot.similarity, _LOW) if len(pilot) else None
    is_told = tail is not None and bool(np.isfinite(tail.cut))
    places = [in_use.index(name) if name in in_use else -1 for name in judged.calibrators]
    return CoinSample(
        confidence=_confidence(judged, body, kind),
        is_wrong=~judged.is_right,
        pilot=_confidence(pilot, body, kind),
        rate=rate,
        drawn=len(sampled),
        since=judged.moment(0) if len(judged) else None,
        until=judged.moment(len(judged) - 1) if len(judged) else None,
        calibrators=in_use,
        made_by=np.array(places, dtype=np.int64)[judged.calibrator],
        reference=(
            {"low_similarity": tail.cut, "low_share": tail.share} if tail and is_told else {}
        ),
    )


def certified(found: CoinSample, promise: Promise) -> Certified:
    """Return the laxest threshold at which the promise is certified on this sample, if any.

    Several calibrators are tested from one start, each on its own drafts: what all pass is passed
    by any mixture of them. The counts are then of the one that certifies least.
    """
    parts = _by_calibrator(found)
    start = start_from(
        found.pilot,
        1 - np.clip(found.pilot, 0.0, 1.0),
        labels=min(len(is_wrong) for _, is_wrong in parts),
        max_error=promise.max_error,
        assurance=promise.assurance,
    )
    tested = [
        certify(*part, max_error=promise.max_error, assurance=promise.assurance, start=start)
        for part in parts
    ]
    return max(tested, key=lambda one: (one.threshold is None, one.threshold or 0.0, -one.labels))


def still_needed(found: CoinSample, promise: Promise) -> int | None:
    """Return about how many more judged drafts would certify it; None: never, as things stand.

    With several calibrators they are of the one that needs most.
    """
    if found.rate is None:
        return None
    needed = [
        labels_needed(*part, max_error=promise.max_error, assurance=promise.assurance)
        for part in _by_calibrator(found)
    ]
    known = [one for one in needed if one is not None]
    return max(known) if len(known) == len(needed) else None


def certify_policy(
    session: Session, body: PolicyBody, *, version: int, person: str, now: datetime
) -> None:
    """Certify every promise of a policy that is being published; raise BadInput if one fails.

    Certificates of the policy before it are withdrawn.
    """
    certificates.withdraw_standing(session, person=person, now=now)
    if not body.promises:
        return
    if body.audit_rate == 0:
        raise BadInput(
            "A promise needs audits: set an audit rate above 0, or promise nothing. Nothing was"
            " published."
        )
    drafts = tossed(session, now=now)
    for kind, promise in body.promises.items():
        found = coin_sample(drafts, body, kind=kind)
        best = certified(found, promise)
        threshold = body.thresholds.get(kind, body.threshold)
        if not best.holds_at(threshold) or found.since is None:
            raise BadInput(_refusal(kind, promise, best, threshold))
        sent = found.confidence > threshold
        evidence = Evidence(
            threshold=threshold,
            labels=found.judged,
            sent=int(sent.sum()),
            wrong=int((sent & found.is_wrong).sum()),
            calibrators=found.calibrators,
            reference=found.reference,
            since=found.since,
            until=found.until or now,
        )
        certificates.issue(
            session,
            policy_version=version,
            kind=kind,
            promise=promise,
            evidence=evidence,
            person=person,
            now=now,
        )


def _refusal(kind: str, promise: Promise, best: Certified, threshold: float) -> str:
    about = "" if kind == ALL else f" for {kind.replace('_', ' ')}"
    said = f"The promise of at most {percent(promise.max_error)} wrong{about} is not certified"
    if best.threshold is None:
        return (
            f"{said} at any threshold: {best.wrong} of {best.sent} audited drafts were wrong where"
            " it was most likely to hold. Promise less, or wait for more audits. Nothing was"
            " published."
        )
    untested = "" if threshold in GRID else f" {threshold:.10g} is not tested; {_near(threshold)}."
    return (
        f"{said} at {threshold:.10g}: it was tested from {best.start:.3g} down to"
        f" {best.threshold:.3g}, the laxest certified threshold.{untested} Choose one of these."
        " Nothing was published."
    )


def _near(threshold: float) -> str:
    """Return in words the tested thresholds next to one that is none."""
    place = bisect(GRID, threshold)
    near = [f"{one:.10g}" for one in GRID[max(place - 1, 0) : place + 1]]
    return f"{' and '.join(near)} {'is' if len(near) == 1 else 'are'}"


def _best_rate(drawn: History) -> float | None:
    rates = np.unique(drawn.coin_rate[drawn.coin_rate > 0])
    sizes = [int(((drawn.coin < rate) & (drawn.coin_rate >= rate)).sum()) for rate in rates]
    return float(rates[int(np.argmax(sizes))]) if len(rates) else None


def _by_calibrator(
    found: CoinSample,
) -> list[tuple[NDArray[np.float64], NDArray[np.bool_]]]:
    """Return confidences and what was wrong of each calibrator, of none at all as an empty one."""
    masks = [found.made_by == place for place in range(max(len(found.calibrators), 1))]
    return [(found.confidence[mask], found.is_wrong[mask]) for mask in masks]


def _usable(history: History, kind: str, in_use: Collection[str]) -> NDArray[np.bool_]:
    known = [place for place, name in enumerate(history.calibrators) if name in in_use]
    return np.isin(history.calibrator, known) & history.of_kind(kind)


def _confidence(history: History, body: PolicyBody, kind: str) -> NDArray[np.float64]:
    release = history.release(body, kind)
    return np.where(np.isposinf(release), _ANYWAY, release)
