"""What a promise can be certified on: the drafts that the audit coin drew, judged or not.

The sample is one of equal chances over all drafts, whatever the threshold was, and only of drafts
whose confidence comes from a calibrator in force: another one's 0.9 means something else. Where to
start testing is read off the confidences of drafts that the coin did not draw.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray
from sqlmodel import Session, col

from store import calibrators, certificates
from store.certificates import Evidence
from store.errors import BadInput
from store.evidence.drift import low_tail
from store.evidence.risk_control import Certified, certify, labels_needed, start_from
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
    calibrators: tuple[str, ...]
    reference: dict[str, float]  # the low end of similarities, as the watch counts it

    @property
    def judged(self) -> int:
        """Return how many of the drawn drafts somebody judged."""
        return len(self.is_wrong)


@dataclass(frozen=True)
class Tossed:
    """The drafts of the last 90 days by the coin's toss, and whose confidence is in force."""

    drawn: History
    others: History
    in_force: frozenset[str]


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
    return Tossed(drawn, others, calibrators.in_force(session))


def sample(session: Session, body: PolicyBody, *, kind: str = ALL, now: datetime) -> CoinSample:
    """Return the coin's drafts of the last 90 days as they stand under the policy."""
    return coin_sample(tossed(session, now=now), body, kind=kind)


def coin_sample(drafts: Tossed, body: PolicyBody, *, kind: str = ALL) -> CoinSample:
    """Return the sample as it stands under the policy. Pure.

    Where the coin's rate changed, the one that leaves most drafts is taken: those tossed under it
    while it was at least as high.
    """
    drawn, others, in_force = drafts.drawn, drafts.others, drafts.in_force
    rate = _best_rate(drawn)
    fits = _usable(drawn, kind, in_force) & (drawn.coin < (rate or 0.0))
    fits &= drawn.coin_rate >= (rate or 0.0)
    sampled = drawn.at(np.flatnonzero(fits))
    judged = sampled.at(np.flatnonzero(sampled.is_labelled))
    pilot = others.at(np.flatnonzero(_usable(others, kind, in_force)))
    tail = low_tail(pilot.similarity, _LOW) if len(pilot) else None
    is_told = tail is not None and bool(np.isfinite(tail.cut))
    return CoinSample(
        confidence=_confidence(judged, body, kind),
        is_wrong=~judged.is_right,
        pilot=_confidence(pilot, body, kind),
        rate=rate,
        drawn=len(sampled),
        since=judged.moment(0) if len(judged) else None,
        until=judged.moment(len(judged) - 1) if len(judged) else None,
        calibrators=tuple(sorted(in_force & {*judged.calibrators})),
        reference=(
            {"low_similarity": tail.cut, "low_share": tail.share} if tail and is_told else {}
        ),
    )


def certified(found: CoinSample, promise: Promise) -> Certified:
    """Return the laxest threshold at which the promise is certified on this sample, if any."""
    start = start_from(
        found.pilot,
        1 - np.clip(found.pilot, 0.0, 1.0),
        labels=found.judged,
        max_error=promise.max_error,
        assurance=promise.assurance,
    )
    return certify(
        found.confidence,
        found.is_wrong,
        max_error=promise.max_error,
        assurance=promise.assurance,
        start=start,
    )


def still_needed(found: CoinSample, promise: Promise) -> int | None:
    """Return about how many more judged drafts would certify it; None: never, as things stand."""
    return labels_needed(
        found.confidence,
        found.is_wrong,
        max_error=promise.max_error,
        assurance=promise.assurance,
    )


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
    return (
        f"{said} at {threshold:.3g}: it was tested from {best.start:.3g} down to"
        f" {best.threshold:.3g}, the laxest certified threshold. Choose one of these. Nothing was"
        " published."
    )


def _best_rate(drawn: History) -> float | None:
    rates = np.unique(drawn.coin_rate[drawn.coin_rate > 0])
    sizes = [int(((drawn.coin < rate) & (drawn.coin_rate >= rate)).sum()) for rate in rates]
    return float(rates[int(np.argmax(sizes))]) if len(rates) else None


def _usable(history: History, kind: str, in_force: frozenset[str]) -> NDArray[np.bool_]:
    known = [place for place, name in enumerate(history.calibrators) if name in in_force]
    return np.isin(history.calibrator, known) & history.of_kind(kind)


def _confidence(history: History, body: PolicyBody, kind: str) -> NDArray[np.float64]:
    release = history.release(body, kind)
    return np.where(np.isposinf(release), _ANYWAY, release)
