"""The threshold to choose for a promise, or why none can be made yet: for page and command."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from sqlmodel import Session

from store import promising
from store.evidence.risk_control import Certified, Verdict
from store.gate import PolicyBody, Promise
from store.past import ALL, load
from store.phrases import NOBODY_CHECKS, percent
from store.promising import CoinSample
from store.reports.policy import Trial

HISTORY = timedelta(days=28)


@dataclass(frozen=True, slots=True)
class Recommendation:
    """The laxest certified threshold of a promise, or an abstention with what it would take."""

    kind: str
    promise: Promise
    certified: Certified
    labels_needed: int | None  # judged drafts more; None: never, as things stand
    rate: float | None  # that the audit coin draws at; None: there is no coin
    drawn: int
    judged: int
    since: datetime | None
    until: datetime | None
    is_sending: bool  # whether any draft would go out alone at some threshold
    models: int = 1  # in use, each certified by itself

    @property
    def threshold(self) -> float | None:
        """Return the threshold to choose, None where nothing is certified."""
        return self.certified.threshold

    @property
    def reason(self) -> str:
        """Return in words why there is a threshold, or why there is none."""
        return _reason(self)

    @property
    def code(self) -> str:
        """Return the same as one word for programs."""
        if self.rate is None:
            return "no_audits"
        return "not_reached" if self.is_out_of_reach else self.certified.reason.value

    @property
    def is_out_of_reach(self) -> bool:
        """Return whether some threshold would pass, but testing did not get there."""
        return self.threshold is None and self.labels_needed == 0


def recommendation(found: CoinSample, promise: Promise, kind: str = ALL) -> Recommendation:
    """Return what to choose for the promise on this sample. Pure."""
    best = promising.certified(found, promise)
    needed = 0 if best.threshold is not None else promising.still_needed(found, promise)
    return Recommendation(
        kind=kind,
        promise=promise,
        certified=best,
        labels_needed=needed,
        rate=found.rate,
        drawn=found.drawn,
        judged=found.judged,
        since=found.since,
        until=found.until,
        is_sending=bool(np.isfinite(found.confidence).any() or np.isfinite(found.pilot).any()),
        models=len(found.calibrators),
    )


def recommend(
    session: Session, body: PolicyBody, promise: Promise, *, kind: str = ALL, now: datetime
) -> Recommendation:
    """Return the recommendation for a policy's drafts (of one action kind) as of now."""
    return recommendation(promising.sample(session, body, kind=kind, now=now), promise, kind)


def as_json(session: Session, found: Recommendation, body: PolicyBody, *, now: datetime) -> Any:
    """Return the stable JSON of `policy recommend`, with what the threshold would have cost."""
    point = None
    if found.threshold is not None:
        trial = Trial(load(session, since=now - HISTORY), body, body, found.kind)
        point = trial.then(found.threshold)
    best = found.certified
    return {
        "threshold": found.threshold,
        "automatic_share": point.automatic_share if point else None,
        "cards_per_day": point.cards_per_day if point else None,
        "labels": found.judged,
        "labels_needed": None if found.is_out_of_reach else found.labels_needed,
        "reason": found.reason,
        "code": found.code,
        "kind": found.kind,
        "max_error": best.max_error,
        "assurance": best.assurance,
        "sent": best.sent,
        "wrong": best.wrong,
        "upper": best.upper,
        "coin_rate": found.rate,
        "drawn": found.drawn,
        "since": found.since,
        "until": found.until,
    }


def _reason(found: Recommendation) -> str:
    best, limit = found.certified, percent(found.promise.max_error)
    if found.rate is None:
        return NOBODY_CHECKS
    passes = "must pass" if best.threshold is None else "passes"
    each = f" Each of the {found.models} models in use {passes} by itself."
    if found.models < 2:
        each = ""
    if best.threshold is None:
        return f"{_abstention(found, limit)}{each}"
    return (
        f"With {percent(best.assurance)} assurance at most {limit} of what goes out alone above"
        f" {best.threshold:.3g} is wrong, if tickets stay like the {best.labels} audited:"
        f" {best.wrong} of {best.sent} were wrong there.{each}"
    )


def _abstention(found: Recommendation, limit: str) -> str:
    best = found.certified
    if best.reason is Verdict.NO_LABELS:
        return (
            "No audited draft with today's model and calibration is judged yet, so nothing can be"
            " promised."
        )
    if not found.is_sending:
        return "Under these rules nothing goes out alone, so there is nothing to promise."
    if found.labels_needed is None:
        return (
            f"Not at any threshold: {best.wrong} of {best.sent} audited drafts were wrong where it"
            f" was most likely to hold, and that is not below {limit}. More audits will not help at"
            " this rate."
        )
    if found.is_out_of_reach:
        return (
            f"Not certified for {limit} yet: {best.wrong} of {best.sent} were wrong where testing"
            " began. Some other threshold would pass, but testing did not get there, and to pick it"
            " now would be picking by luck. Wait for more audits."
        )
    more = f"{found.labels_needed:,}".replace(",", "\u202f")
    return (
        f"Not enough audits for {limit} yet: about {more} more judged drafts, counting the errors"
        " found so far and up to half a one more, or choose a higher limit."
    )
